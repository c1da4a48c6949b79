"""Writes a plug-in package that works at once."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from ...files import OutputPathError, found_at
from ...plugins.entries import Kind, PluginError, registry
from ...plugins.kinds import CONTRACTS

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What the package of one kind has of its own; its module is `templates/KIND.py.txt`."""

    word: str
    """How users call it, and its module."""
    summary: str
    params: str
    """Parameters that the package's test tries beside the defaults."""
    use: str
    """Command that uses it."""


SCAFFOLDS: Mapping[Kind, Scaffold] = {
    Kind.DEIDENTIFIER: Scaffold("method", "A de-identification method", "block=0.12", "run --method $name"),
    Kind.RECOGNIZER: Scaffold(
        "recognizer", "A recognition system", "side=16", "run --method blurring --recognizer $name"
    ),
    Kind.ANALYZER: Scaffold("analyzer", "An analyzer", "least=0.1", "run --method blurring --analyzer $name"),
    Kind.DATASET: Scaffold("dataset", "A dataset", "identities=3", "data verify $name"),
    Kind.ATTACKER: Scaffold("attacker", "A part of an attack", "strength=3", "explain OWN"),
    Kind.METRIC: Scaffold("metric", "A metric", "step=2", "run --method blurring --metric $name"),
}

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$dist"
version = "0.1.0"
description = "$summary for deid-bench"
requires-python = ">=3.11"
dependencies = ["deid-bench", "numpy"]

# This line is how deid-bench finds the $word.
[project.entry-points."$group"]
$name = "$name.$word:$cls"

[tool.setuptools.packages.find]
where = ["src"]
"""

_TEST = '''\
"""The contract that deid-bench asks of every $word."""

from deid_bench import parametrize_with_checks


@parametrize_with_checks("$name", "$name:$params")
def test_contract(check):
    check()
'''

_README = """\
# $dist

$summary for deid-bench.

    pip install -e .
    deid-bench check $name
    deid-bench $use
"""


def write_package(kind: Kind, name: str, into: Path) -> Path:
    """Write the package of a plug-in into a new folder below `into`.

    Raises:
        PluginError: there is no scaffold of this kind, the name is not a Python name or is taken, or the folder is not
            empty.
        OutputPathError: the folder cannot be written.
    """
    scaffold = SCAFFOLDS.get(kind)
    if scaffold is None:
        raise PluginError(f"there is no scaffold of the kind {kind}; there is one of {', '.join(SCAFFOLDS)}")
    _check_name(kind, name, scaffold.word)
    folder = into / name.replace("_", "-")
    try:
        if found_at(folder, OutputPathError) != "nothing" and (not folder.is_dir() or any(folder.iterdir())):
            raise PluginError(f"{folder} is not empty; choose another name or another folder with --out")
        return _write(scaffold, kind, name, folder)
    except OSError as error:
        raise OutputPathError(
            f"cannot write {error.filename or folder}: {error.strerror or error}; choose another folder with --out"
        ) from error


def _write(scaffold: Scaffold, kind: Kind, name: str, folder: Path) -> Path:
    words = {
        "name": name,
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "dist": folder.name,
        "word": scaffold.word,
        "summary": scaffold.summary,
        "params": scaffold.params,
        "group": CONTRACTS[kind].group,
    }
    words["use"] = Template(scaffold.use).substitute(words)
    files = {
        "pyproject.toml": _PYPROJECT,
        f"src/{name}/__init__.py": '"""A plug-in for deid-bench."""\n',
        f"src/{name}/{scaffold.word}.py": (TEMPLATES / f"{kind}.py.txt").read_text(encoding="utf-8"),
        "tests/test_contract.py": _TEST,
        "README.md": _README,
    }
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(words), encoding="utf-8")
    return folder


def _check_name(kind: Kind, name: str, word: str) -> None:
    """Installed under this name, the package must not stand in the place of another, nor the plug-in.

    Raises:
        PluginError: it would, or it is no name.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise PluginError(f"a {word}'s name should be a lower-case Python name like my_{word}, got {name!r}")
    taken = ""
    if name in registry().entries(kind) or name.replace("_", "-") in registry().entries(kind):
        taken = f"there is a {kind} of this name"
    elif name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        taken = f"Python would import the package in place of the module {name} that is installed"
    elif _is_distribution(name):
        taken = f"pip would put it in the place of the package {name.replace('_', '-')} that is installed"
    if taken:
        raise PluginError(f"the name {name!r} is taken: {taken}; choose another, for example my_{name}")


def _is_distribution(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
