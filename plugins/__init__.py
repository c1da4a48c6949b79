"""The registry: datasets, analyzers, recognisers and de-identifiers, built-in or not (floor 0)."""
