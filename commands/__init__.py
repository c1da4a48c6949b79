"""One module a command; `cli.py` imports them when they are called (floor 6)."""
