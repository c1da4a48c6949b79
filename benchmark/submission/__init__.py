"""Submissions: packing, reading, recomputing, stamping."""
