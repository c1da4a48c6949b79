"""What is kept of a run: its layout, replicates, previews."""
