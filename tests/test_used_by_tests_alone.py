"""Nothing of the package is used by tests alone: what runs, commands and plug-ins do not call is deleted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from package_files import ROOT, USERS, docstrings, files, modules

CONTRACTS = {
    "classify": "the shipped network's own answer, described beside its weights",
    "forward": "of torch's modules",
}
"""Names that somebody else calls, and who; no more than ten."""
_WORD = re.compile(r"[A-Za-z_]\w*")
_NAMES = re.compile(r"[\w.:]+")
_OURS = re.compile(r"property|cached_property|staticmethod|classmethod|dataclass|lru_cache|cache|contextmanager")
"""Decorators that do not make a name known to anybody else."""


def _registered(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator hands it to somebody: a command, a validator, a compiled kernel."""
    return any(not _OURS.search(ast.unparse(each)) for each in node.decorator_list)


def _own_bases(tree: ast.Module) -> set[str]:
    """Names of classes that stand in the package."""
    inside = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            inside.update(each.asname or each.name for each in node.names)
    return inside


def _hooks(node: ast.ClassDef, own: set[str]) -> bool:
    """Whether a library calls its methods: it is derived from a class of one."""
    bases = [ast.unparse(each).partition("[")[0] for each in node.bases]
    return any(each.partition(".")[0] not in own for each in bases if each not in ("Protocol", "object", "NamedTuple"))


def definitions(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and methods that only a caller by name can reach."""
    own = _own_bases(tree)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    hooks = {
        part for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _hooks(node, own) for part in node.body
    }
    for node in ast.walk(tree):
        dunder = isinstance(node, kinds) and node.name.startswith("__")
        if isinstance(node, kinds) and not dunder and not _registered(node) and node not in hooks:
            yield node.name


def uses(tree: ast.Module) -> Iterator[str]:
    """Names that are read, and those in texts of names alone: attributes and entry points are named so."""
    prose = {id(each) for each in docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from _WORD.findall(node.value) if _NAMES.fullmatch(node.value) else ()


def unused(trees: dict[str, ast.Module], users: list[ast.Module], texts: str) -> dict[str, str]:
    """Where each name stands that nobody reads."""
    read = set(_WORD.findall(texts))
    for tree in (*trees.values(), *users):
        read.update(uses(tree))
    return {name: place for place, tree in trees.items() for name in definitions(tree) if name not in read}


def test_nothing_is_used_by_tests_alone() -> None:
    others = [ast.parse(path.read_bytes()) for folder in USERS for path in (ROOT / folder).rglob("*.py")]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in files(".html", ".js", ".toml", ".cfg"))
    assert unused(modules(), others, texts).keys() == CONTRACTS.keys()
    assert len(CONTRACTS) <= 10


def test_a_function_that_only_a_test_calls_is_found() -> None:
    source = """
class Kept(Base):
    def called(self): return self.helper
    @property
    def helper(self): return 1
    def forgotten(self): ...
class Layer(torch.nn.Module):
    def forward(self, x): ...
@click.command()
def command(): Kept().called()
def lonely():
    "lonely says so itself."
"""
    tree = ast.parse("from .base import Base\n" + source)
    assert unused({"m.py": tree}, [], "Layer") == {"forgotten": "m.py", "lonely": "m.py"}
