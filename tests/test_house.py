"""What is to have one home has it: read off the package's own modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import get_args

import pytest
from package_files import ROOT, docstrings, modules

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.protocols import newest, protocols
from deid_bench.benchmark.records.curves import CURVES, CurveName
from deid_bench.benchmark.scoring.withheld import _BY_STAGE

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


# ------------------------------------------------------------------------------------------------ one home for a call

LONGEST = 400
"""Lines of a module."""
HOMES = {
    "close names": ("suggestions.py",),
    "a file's hash": ("datasets/published/lfw_lists.py", "plugins/neighbours.py"),
    "putting in place": ("files.py", "benchmark/storage/store.py", "datasets/published/orl.py", "weights/files.py"),
    "the hub": ("weights/hub.py",),
}
"""Where each stands. Files are hashed by `files.sha256_of`, but LFW's lists have MD5 sums, and a plug-in's file is
hashed as it is read to be run; objects of the store and fetched weights have scratch files of their own, and ORL is a
folder."""


def calls(tree: ast.Module) -> Iterator[str]:
    """Which of `HOMES` a module does itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [str(node.module)] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            tops = {each.partition(".")[0] for each in names if not getattr(node, "level", 0)}
            yield from (what for top, what in _LIBRARIES.items() if top in tops)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _of_call(node.func, node)


_LIBRARIES = {"difflib": "close names", "huggingface_hub": "the hub"}


def _of_call(function: ast.Attribute, node: ast.Call) -> Iterator[str]:
    owner = ast.unparse(function.value)
    alone = len(node.args) == 1 and not node.keywords
    if function.attr in ("replace", "rename") and (owner == "os" or (alone and owner != "dataclasses")):
        yield "putting in place"  # `str.replace` takes two texts, `dataclasses.replace` takes fields
    if function.attr == "move" and owner == "shutil":
        yield "putting in place"
    if function.attr == "file_digest":
        yield "a file's hash"
    if owner == "hashlib" and any("read_bytes" in ast.unparse(each) for each in node.args):
        yield "a file's hash"


@pytest.mark.parametrize("what", HOMES)
def test_what_has_a_home_is_done_nowhere_else(what: str) -> None:
    assert {path for path, tree in MODULES.items() if what in calls(tree)} == set(HOMES[what])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import difflib", ["close names"]),
        ("from huggingface_hub import snapshot_download", ["the hub"]),
        ("os.replace(a, b)", ["putting in place"]),
        ("scratch.replace(target)", ["putting in place"]),
        ("shutil.move(a, b)", ["putting in place"]),
        ("hashlib.file_digest(file, 'sha256')", ["a file's hash"]),
        ("hashlib.sha256(path.read_bytes())", ["a file's hash"]),
        ("text.replace('a', 'b'), dataclasses.replace(a, b=1), replace(a, b=1), hashlib.sha256(data)", []),
        ("from .hub import hub_file", []),
    ],
)
def test_a_call_outside_of_its_home_is_seen(line: str, what: list[str]) -> None:
    assert list(calls(ast.parse(line))) == what


@pytest.mark.parametrize("path", MODULES)
def test_no_module_is_long(path: str) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_every_curve_has_its_number_and_heading() -> None:
    assert set(CURVES) == set(get_args(CurveName))


def abilities(tree: ast.Module) -> Iterator[str]:
    """Names of protocols for what a plug-in may have beside its contract."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and (ast.get_docstring(node) or "").startswith("An optional ability"):
            yield node.name


def test_every_ability_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE))
    named = {f"{path[:-3].replace('/', '.')}.{name}" for path, tree in MODULES.items() for name in abilities(tree)}
    assert named == shown


def test_every_number_of_single_images_is_taken_by_the_crash_of_a_stage() -> None:
    """Else a crash leaves a number of what happens to be left. Which pixels may change is said by the method itself."""
    taken = frozenset[str]().union(*_BY_STAGE.values())
    of_images = {each.name for each in METRICS.values() if each.source in ("rows", "run") and each.group != "cost"}
    assert of_images - taken == {"roi_coverage"}
    assert taken <= METRICS.keys()
