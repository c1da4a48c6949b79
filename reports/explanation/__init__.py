"""What a number means: facts of the catalogue and of the protocols in words."""
