"""Result records: their layout, bootstrap replicates, preview images."""
