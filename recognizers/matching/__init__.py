"""Distances between many templates at once."""
