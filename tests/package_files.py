"""The package's own modules, read and parsed, for tests of how the house is built."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
USERS = ("training", "speed")
"""Programs beside the package that count as users of it."""
_OUTSIDE = ("tests", "docs", "build", "results", *USERS)
"""What is no part of the package."""


def files(*suffixes: str) -> Iterator[Path]:
    """Files of the package with one of these endings."""
    for top in sorted(ROOT.iterdir()):
        if top.name not in _OUTSIDE and not top.name.startswith("."):
            for path in sorted(top.rglob("*")) if top.is_dir() else (top,):
                if path.suffix in suffixes:
                    yield path


def modules() -> dict[str, ast.Module]:
    """Every module by its path in the package."""
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes()) for path in files(".py")}


def docstrings(tree: ast.Module) -> list[ast.Constant]:
    """Texts that stand by themselves: of modules, classes and functions, and below attributes."""
    return [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
