"""The registry: datasets, analyzers, recognisers and de-identifiers, built-in or not (floor 0)."""

from .entries import Kind, PluginError, create, registry

__all__ = ["Kind", "PluginError", "create", "registry"]
