"""How well a recogniser works: error rates, identification, populations."""
