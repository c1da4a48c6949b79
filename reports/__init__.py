"""Tables and the HTML board, from records alone (floor 5)."""
