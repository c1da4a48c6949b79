"""What the package imports is what an installation brings, also where the packages of the tests are not there."""

from __future__ import annotations

import ast
import configparser
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NOT_PACKAGED = {"tests", "training", "speed", "docs", ".ci", ".tox", "build"}
BROUGHT_BY_THE_USER = {
    "dlib": "its terms have to be accepted first",
    "wilor_mini": "its terms have to be accepted first",
    "pytest": "who tests a plug-in with the toolkit's checks has it",
}
"""Imports that no installation answers, and why; the code says what to do where they lack."""


def declared() -> set[str]:
    """Names of the distributions that setup.cfg asks for, extras among them."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}


def imported() -> Iterator[tuple[str, str]]:
    """Top-level names that the package's own files import, and where."""
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        if place.parts[0] in NOT_PACKAGED:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            yield from ((name.partition(".")[0], str(place)) for name in names)


@pytest.mark.parametrize(("name", "place"), sorted(dict(imported()).items()))
def test_an_import_is_declared(name: str, place: str) -> None:
    if name in sys.stdlib_module_names or name == "deid_bench" or name in BROUGHT_BY_THE_USER:
        return
    brought = {canonicalize_name(each) for each in packages_distributions().get(name, [name])}
    assert brought & declared(), f"{place} imports {name}, which setup.cfg does not ask for"
