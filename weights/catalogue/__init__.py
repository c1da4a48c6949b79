"""The weight files that this package knows, by what needs them."""
