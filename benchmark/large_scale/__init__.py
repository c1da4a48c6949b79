"""Comparisons and searches that do not fit into memory."""
