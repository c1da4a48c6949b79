"""Recognition systems (floor 3)."""
