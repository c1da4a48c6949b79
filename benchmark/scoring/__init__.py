"""Pure functions from arrays to numbers, one family a module; no input or output."""
