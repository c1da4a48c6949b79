"""Carrying tasks out: what the store lacks goes to a back-end."""
