"""The offline HTML board."""
