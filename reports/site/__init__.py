"""The living leaderboard: static pages of all records, with a permanent address for each row, method and dataset."""
