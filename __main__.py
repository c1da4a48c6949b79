"""`python -m deid_bench`."""

from .cli import console

console()
