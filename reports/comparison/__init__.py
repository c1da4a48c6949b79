"""Comparing methods: differences, places."""
