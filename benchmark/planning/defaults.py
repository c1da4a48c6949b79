"""What a run takes that names nothing else. Imports nothing, so that the command's help stays quick."""

DEFAULT_PROTOCOL = "palm-paper/1.1"
DEFAULT_DATASETS = ("palm-mini:setting=controlled", "palm-mini:setting=wild")
"""Of protocols that name none."""
MOST_SEEDS = 10_000
"""Most de-identified versions of an image: with more, the plan alone takes minutes without a word."""
