"""Searches of a record's people in galleries that are larger than its dataset."""
