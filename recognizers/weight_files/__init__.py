"""Reading tensors out of weight files of other toolkits, without running anything in them."""
