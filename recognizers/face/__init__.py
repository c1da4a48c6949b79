"""Face recognisers and their networks."""
