"""De-identification methods (floor 3)."""
