"""Samples, loaders, manifests and the palm renderer (floor 1)."""
