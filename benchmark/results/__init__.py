"""What came out of the stages of a cell, before any score."""
