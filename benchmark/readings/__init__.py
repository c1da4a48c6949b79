"""What is worked out from finished records, the distances and the resamples beside them: whatever reports show."""
