"""Weight files pinned by hash: where they come from, and reading them without pickle (floor 0)."""
