"""What is to have one home has it: read off the package's own modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from package_files import docstrings, modules

from deid_bench.benchmark.protocols import newest, protocols

MODULES = modules()
_HOME = "benchmark/planning/defaults.py"
"""The only module that names protocols."""
_IDS = re.compile(rf"(?<![\w-])(?:{'|'.join({each.partition('/')[0] for each in protocols()})})/\d+\.\d+")


def protocol_ids(tree: ast.Module) -> Iterator[str]:
    """Ids in texts of the code; what stands in its documentation is prose."""
    prose = {id(each) for each in docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from _IDS.findall(node.value)


def test_protocols_are_named_in_one_place() -> None:
    """Else a successor is one file, and a search through the code."""
    named = {path for path, tree in MODULES.items() if any(protocol_ids(tree))}
    assert named == {_HOME}


def test_an_id_in_a_sentence_is_found() -> None:
    tree = ast.parse('def f(x):\n    "As palm/1.0."\n    return f"Use {x} or palm-paper/1.0, not my-palm/1.0"')
    assert list(protocol_ids(tree)) == ["palm-paper/1.0"]


@pytest.mark.parametrize("path", sorted(path for path in MODULES if path.startswith("commands/")))
def test_examples_in_help_take_the_newest_version(path: str) -> None:
    for text in docstrings(MODULES[path]):
        for name in _IDS.findall(str(text.value)):
            assert newest(name) == name, f"{path}: {name} is superseded"
