"""Published datasets, a module each."""
