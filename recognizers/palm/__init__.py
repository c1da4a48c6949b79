"""Palm and hand recognisers and their networks."""
