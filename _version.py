"""The version of the toolkit, for everything that has to name it."""

__version__ = "0.1.0"
