"""Protocols, plan, stages, store, scoring and records (floor 4)."""
