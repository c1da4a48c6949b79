"""What is left to work with: detection drift, coverage."""
