"""What a plug-in is: all of its code, and the files that it declares (floor 0).

The digest of a class covers every module that the modules of the class and of its base classes import, directly or by
way of others, as far as they are the plug-in's own:

- of a `FILE.py`: what lies beside it, and whatever else is neither Python's nor installed (on `PYTHONPATH`, say);
- of an installed package: its own modules;
- of this package: the modules of the plug-in rooms, but not the contracts (`base`), which the harness answers for.

Imports are read off the source, those inside functions too, without running anything. A module that imports by a name
that it computes counts as importing every module of its package. Code counts as what it does: comments, docstrings and
layout change nothing. Libraries do not belong to a plug-in; their versions stand in the record's `host`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from .neighbours import folder_of, is_beside, plain_name
from .own import PRODUCT, is_own

ROOMS = ("datasets", "analyzers", "recognizers", "deidentifiers", "attackers", "benchmark.metrics")
"""Where this package's own plug-ins live."""

_IMPORTED: dict[Path, str] = {}
_DIGESTS: WeakKeyDictionary[type[Any], dict[str, str]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Module:
    """A file of a plug-in."""

    name: str
    """Dotted, as it is imported."""
    path: Path
    folder: Path | None
    """Where its neighbours lie, for plug-in files and what they find beside them."""

    @property
    def package(self) -> str:
        """What its relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def code_digest(cls: type[Any], start: str = "") -> str:
    """SHA-256 of everything that a class does.

    A class keeps its digest for as long as it lives: what was imported is what runs.

    Args:
        cls: a plug-in.
        start: module that the user named, where that only takes the class in from another.
    """
    known = _DIGESTS.setdefault(cls, {})
    if start not in known:
        known[start] = _digest(cls, start)
    return known[start]


def is_stale(cls: type[Any], start: str = "") -> bool:
    """Whether a file of the plug-in, loaded or not, was edited since the class got its digest."""
    return _DIGESTS.get(cls, {}).get(start, "") not in ("", _digest(cls, start))


def _digest(cls: type[Any], start: str) -> str:
    lines = sorted(f"{module.name} {_module_hash(module)}" for module in code_modules(cls, start))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def code_modules(cls: type[Any], start: str = "") -> list[Module]:
    """The files of a plug-in; the one that the user named has the empty name."""
    named = [module for name in (start, cls.__module__) if name and (module := _loaded(name))]
    bases = [module for each in cls.__mro__[1:] if (module := _loaded(each.__module__)) and _is_own_base(module)]
    own = {module.name.partition(".")[0] for module in (*named, *bases) if module.folder is None}
    first = named[0].path if named and named[0].folder is not None else None
    search = _Search(own)
    found: dict[Path, Module] = {}
    waiting = [*named, *bases]
    while waiting:
        module = waiting.pop()
        if module.path in found or not _is_counted(module):
            continue
        found[module.path] = replace(module, name="") if module.path == first else module
        waiting += search.imported(module)
    return list(found.values())


def _loaded(name: str) -> Module | None:
    """A module that is imported; None for those without source of their own, and for Python's."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file:
        return None
    folder = folder_of(name)
    return Module(name if folder is None else plain_name(name), Path(file).resolve(), folder)


def _is_own_base(module: Module) -> bool:
    """Whether a base class's module belongs to the plug-in: libraries do not, unless made for this package."""
    if module.folder is not None or is_own(module.name):
        return True
    depth = module.name.count(".") + (module.path.name == "__init__.py")
    if not _is_library(module.path.parents[depth]):
        return True
    return any(is_own(name) for name in _parsed(module.path.read_bytes(), module.path.name).absolute)


def _is_counted(module: Module) -> bool:
    """Of this package, only the plug-in rooms, without their contracts."""
    top, _, rest = module.name.partition(".")
    if module.folder is not None or top != PRODUCT:
        return True
    return any(rest.startswith(f"{room}.") for room in ROOMS) and not rest.endswith(".base")


# ------------------------------------------------------------------------------------------------ finding what is meant


def _resolve(module: Module, level: int, name: str) -> Iterator[str]:
    """The absolute name of a relative import."""
    parts = module.package.split(".") if module.package else []
    if level - 1 > len(parts):
        return
    yield ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


class _Search:
    """Finds the plug-in's own modules behind import statements."""

    def __init__(self, own: set[str]) -> None:
        self._own = own
        """Top-level packages that are the plug-in's wherever they lie."""
        self._places: dict[str, Path | None] = {}

    def imported(self, module: Module) -> Iterator[Module]:
        """What a module imports."""
        parsed = _parsed(module.path.read_bytes(), module.path.name)
        names = [*parsed.absolute, *(each for level, name in parsed.relative for each in _resolve(module, level, name))]
        for name in dict.fromkeys(names):
            yield from self._find(name, module)
        if parsed.computed and not is_own(module.name):
            yield from _whole_package(module)

    def _find(self, name: str, seen_from: Module) -> Iterator[Module]:
        """The files that the import of a dotted name runs: packages on the way, then the module."""
        parts = name.split(".")
        folder = seen_from.folder if seen_from.folder and is_beside(seen_from.folder, parts[0]) else None
        place = folder or self._place(parts[0])
        places = [] if place is None else [place]
        for index, part in enumerate(parts):
            file, places = _file_of(places, part)
            if file is not None:
                yield Module(".".join(parts[: index + 1]), file.resolve(), folder)
            if not places:
                return

    def _place(self, top: str) -> Path | None:
        if top not in self._places:
            place = _top_place(top)
            foreign = place is not None and top not in {*self._own, PRODUCT} and _is_library(place)
            self._places[top] = None if foreign else place
        return self._places[top]


def _file_of(places: Iterable[Path], part: str) -> tuple[Path | None, list[Path]]:
    """The file of a module below one of the places, and where its own modules lie."""
    for place in places:
        if (place / part / "__init__.py").is_file():
            return place / part / "__init__.py", [place / part]
        if (place / f"{part}.py").is_file():
            return place / f"{part}.py", []
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            if (place / f"{part}{suffix}").is_file():
                return place / f"{part}{suffix}", []
    return None, [place / part for place in places if (place / part).is_dir()]


def _top_place(top: str) -> Path | None:
    """The folder in which a top-level module lies; None for Python's own, and for one that nobody has."""
    if top in sys.stdlib_module_names:
        return None
    if top == PRODUCT:
        return Path(__file__).resolve().parent.parent.parent
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(spec.origin).parent if spec.origin and spec.has_location else None


@lru_cache(maxsize=1024)
def _is_library(folder: Path) -> bool:
    """Whether packages were installed into a folder: they leave their descriptions there."""
    if {"site-packages", "dist-packages"} & set(folder.parts):
        return True
    return any(True for _ in folder.glob("*.dist-info"))


def _whole_package(module: Module) -> Iterator[Module]:
    """Every module of the same top-level package or, of a lone plug-in file, every module beside it."""
    top = module.name.partition(".")[0]
    root = module.path.parent
    for _ in range(len(module.package.split(".")) - 1 if module.package else 0):
        root = root.parent
    if not module.package:
        files, prefix = sorted(root.glob("*.py")), ""
    else:
        files, prefix = sorted(root.rglob("*.py")), f"{top}."
    for file in files:
        parts = file.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        yield Module((prefix + ".".join(parts)).rstrip("."), file.resolve(), module.folder)


# ------------------------------------------------------------------------------------------------ reading source


@dataclass(frozen=True, slots=True)
class _Parsed:
    absolute: tuple[str, ...]
    """Names that it imports; some of the last parts may be classes or functions."""
    relative: tuple[tuple[int, str], ...]
    """(dots, name) of its relative imports."""
    computed: bool
    """It imports by a name that is not in the source."""
    sha256: str
    """Of what the code does."""


def _module_hash(module: Module) -> str:
    """What the module does; all but neighbours of plug-in files stay as they were imported while the process lives."""
    sha256 = _parsed(module.path.read_bytes(), module.path.name).sha256
    return _IMPORTED.setdefault(module.path, sha256) if module.folder is None else sha256


@lru_cache(maxsize=2048)
def _parsed(data: bytes, name: str) -> _Parsed:
    """A file by its bytes, so that one which does not change is parsed once in a process."""
    try:
        tree = ast.parse(data) if name.endswith(".py") else None
    except (SyntaxError, ValueError):
        tree = None
    if tree is None:
        return _Parsed((), (), False, hashlib.sha256(data).hexdigest())
    imports = _Imports()
    imports.visit(tree)
    out: list[str] = []
    _write(tree, out)
    sha256 = hashlib.sha256("".join(out).encode("utf-8", "surrogatepass")).hexdigest()
    return _Parsed(tuple(imports.absolute), tuple(imports.relative), imports.computed, sha256)


class _Imports(ast.NodeVisitor):
    """Collects what a module imports when it runs."""

    def __init__(self) -> None:
        self.absolute: list[str] = []
        self.relative: list[tuple[int, str]] = []
        self.computed = False

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
        for each in node.orelse if name == "TYPE_CHECKING" else (node.test, *node.body, *node.orelse):
            self.visit(each)

    def visit_Import(self, node: ast.Import) -> None:
        self.absolute += [each.name for each in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        for each in node.names:
            name = base if each.name == "*" else f"{base}.{each.name}".lstrip(".")
            if node.level:
                self.relative.append((node.level, name))
            else:
                self.absolute.append(name)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in ("import_module", "__import__", "run_path", "run_module", "spec_from_file_location"):
            given = node.args[0] if node.args else None
            if (
                isinstance(given, ast.Constant)
                and isinstance(given.value, str)
                and name in ("import_module", "__import__")
            ):
                dots = len(given.value) - len(given.value.lstrip("."))
                if dots:
                    self.relative.append((dots, given.value[dots:]))
                else:
                    self.absolute.append(given.value)
            else:
                self.computed = True
        self.generic_visit(node)


_LEFT_OUT = frozenset({"ctx", "type_comment", "type_ignores", "kind"})


def _write(node: object, out: list[str]) -> None:
    """The tree as text that is the same under every Python that this package runs on."""
    if isinstance(node, ast.Constant):
        out.append(f"{type(node.value).__name__}:{node.value!r};")
    elif isinstance(node, ast.AST):
        out.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if value is None or name in _LEFT_OUT or value == []:
                continue
            out.append(f"{name}=")
            _write(value, out)
        out.append(")")
    elif isinstance(node, list):
        for each in node:
            # A string that stands alone, at the start of a body or elsewhere, does nothing.
            if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)):
                _write(each, out)
        out.append(".")
    else:
        out.append(f"{node!r};")
