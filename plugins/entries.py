"""The one door for datasets, analyzers, recognizers and de-identifiers, built-in or not (floor 0).

A plug-in is a class. It is found by an entry point in one of the groups of `GROUPS`, or in a Python file named by the
user. Nothing is imported until it is asked for, and a plug-in that cannot be imported is listed as broken with its
error while everything else goes on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .specs import FILE_SPEC, PluginError, Scalar, Spec, bind, parameters, suggest

__all__ = [
    "GROUPS",
    "Entry",
    "Kind",
    "PluginError",
    "PluginRef",
    "Registry",
    "Resolved",
    "Scalar",
    "Spec",
    "create",
    "load_ref",
    "parameters",
    "registry",
    "source_sha256",
]


class Kind(StrEnum):
    """What a plug-in can be."""

    DATASET = "dataset"
    ANALYZER = "analyzer"
    RECOGNIZER = "recognizer"
    DEIDENTIFIER = "deidentifier"


GROUPS: Mapping[Kind, str] = {kind: f"deid_bench.{kind.value}s" for kind in Kind}
"""Entry-point group of each kind."""

_METHODS: Mapping[Kind, tuple[str, ...]] = {
    Kind.DATASET: ("prepare", "samples"),
    Kind.ANALYZER: ("analyze",),
    Kind.RECOGNIZER: ("align", "embed", "distances"),
    Kind.DEIDENTIFIER: ("deidentify",),
}


# ------------------------------------------------------------------------------------------------ entries


@dataclass(frozen=True, slots=True)
class Entry:
    """One known plug-in; its module may not have been imported yet."""

    kind: Kind
    name: str
    target: str
    """`module:Class`, or `file.py:Class`."""
    origin: str
    """Where it comes from: distribution and version, or the file."""
    problem: str = ""
    """Why it cannot be used, as far as is known without importing it."""

    def load(self) -> type[Any]:
        """Import the class.

        Raises:
            PluginError: the import fails or what it finds is not a plug-in of this kind.
        """
        if self.problem:
            raise PluginError(f"{self.kind} {self.name!r} cannot be used: {self.problem}")
        module_name, _, attribute = self.target.rpartition(":")
        try:
            module = _load_file(Path(module_name)) if module_name.endswith(".py") else _import(module_name)
            found = getattr(module, attribute)
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.name!r} from {self.origin} is broken: {type(error).__name__}: {error}"
            ) from error
        return _checked(self, found)


def _import(name: str) -> types.ModuleType:
    return importlib.import_module(name)


def _load_file(path: Path) -> types.ModuleType:
    """Import a file under a name made from its path, so that two files of one name do not meet."""
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    name = f"_deid_bench_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _checked(entry: Entry, found: object) -> type[Any]:
    if not inspect.isclass(found):
        raise PluginError(f"{entry.kind} {entry.name!r}: expected a class at {entry.target}, got {found!r}")
    lacking = [name for name in ("info", *_METHODS[entry.kind]) if not hasattr(found, name)]
    if lacking:
        raise PluginError(
            f"{entry.target} is not a {entry.kind}: it lacks {', '.join(lacking)}; "
            f"a {entry.kind} has info, {', '.join(_METHODS[entry.kind])}"
        )
    return found


# ------------------------------------------------------------------------------------------------ resolved plug-ins


@dataclass(frozen=True, slots=True)
class PluginRef:
    """Everything another process needs to build the same plug-in; small and picklable."""

    kind: Kind
    target: str
    params: tuple[tuple[str, str], ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """A plug-in together with the parameters it will be built with."""

    entry: Entry
    cls: type[Any]
    params: Mapping[str, Scalar]
    """Every parameter of the constructor, defaults filled in."""
    given: tuple[tuple[str, str], ...]
    ref: PluginRef

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def info(self) -> Any:
        return self.cls.info

    @property
    def text(self) -> str:
        """The specification with the parameters that were given, in the constructor's order."""
        given = dict(self.given)
        shown = ",".join(f"{key}={_quoted(given[key])}" for key in self.params if key in given)
        return f"{self.name}:{shown}" if shown else self.name

    def fields(self) -> dict[str, Any]:
        """What identifies this plug-in's behaviour; goes into digests."""
        return {
            "kind": self.entry.kind.value,
            "name": self.name,
            "version": str(self.info.version),
            "params": dict(self.params),
            "source": source_sha256(self.cls),
        }

    def create(self) -> Any:
        """Build the plug-in.

        Raises:
            PluginError: the constructor refuses its parameters.
        """
        try:
            return self.cls(**self.params)
        except (TypeError, ValueError) as error:
            raise PluginError(f"{self.text}: {error}") from error


def _quoted(value: str) -> str:
    return f'"{value}"' if "," in value else value


def source_sha256(cls: type[Any]) -> str:
    """Digest of the file that defines `cls`: an edited plug-in never answers with old results."""
    try:
        path = inspect.getsourcefile(cls)
    except TypeError:
        path = None
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


# ------------------------------------------------------------------------------------------------ the registry


@dataclass
class Registry:
    """All plug-ins that this process knows."""

    files: list[str] = field(default_factory=list)
    _entries: dict[Kind, dict[str, Entry]] | None = None

    def entries(self, kind: Kind) -> dict[str, Entry]:
        """Known plug-ins of a kind by name, without importing them."""
        if self._entries is None:
            self._entries = {each: dict(_installed(each)) for each in Kind}
            for path in self.files:
                self._register_file(path)
        return self._entries[kind]

    def add_file(self, path: str | Path) -> None:
        """Take in every plug-in class that a Python file defines.

        Raises:
            PluginError: the file cannot be imported or defines none.
        """
        resolved = str(Path(path).resolve())
        if resolved not in self.files:
            self.entries(Kind.DATASET)
            self._register_file(resolved)
            self.files.append(resolved)

    def _register_file(self, path: str) -> None:
        try:
            module = _load_file(Path(path))
        except Exception as error:
            raise PluginError(f"plug-in file {path} is broken: {type(error).__name__}: {error}") from error
        found = list(_classes_in(module))
        if not found:
            raise PluginError(
                f"plug-in file {path} defines no plug-in: expected a class with `info` and, for a de-identifier, "
                "a method `deidentify(batch)` (`deid-bench new method NAME` writes one)"
            )
        for kind, cls in found:
            name = str(getattr(cls.info, "name", cls.__name__))
            self._add(Entry(kind, name, f"{path}:{cls.__name__}", f"file {path}"))

    def _add(self, entry: Entry) -> None:
        assert self._entries is not None
        _insert(self._entries[entry.kind], entry)

    def get(self, kind: Kind, name: str) -> Entry:
        """The entry of that name.

        Raises:
            PluginError: there is none; the message names close ones.
        """
        if FILE_SPEC.match(name):
            path, _, cls = name.rpartition(":")
            return Entry(kind, cls, f"{Path(path).resolve()}:{cls}", f"file {path}")
        known = self.entries(kind)
        if name in known:
            return known[name]
        raise PluginError(f"there is no {kind} named {name!r}{suggest(name, known)}")

    def resolve(self, kind: Kind, text: str | Spec) -> Resolved:
        """Find the class and bind the parameters; nothing is built yet.

        Raises:
            PluginError: unknown name, broken plug-in, unknown parameter or a value of the wrong type.
        """
        spec = Spec.parse(text) if isinstance(text, str) else text
        entry = self.get(kind, spec.target)
        cls = entry.load()
        if FILE_SPEC.match(spec.target):
            entry = Entry(kind, str(getattr(cls.info, "name", entry.name)), entry.target, entry.origin)
        params = bind(cls, f"{kind} {entry.name!r}", spec)
        target = entry.target if entry.target.split(":")[0].endswith(".py") else entry.name
        return Resolved(entry, cls, params, spec.params, PluginRef(kind, target, spec.params, tuple(self.files)))


def _installed(kind: Kind) -> Iterator[tuple[str, Entry]]:
    found: dict[str, Entry] = {}
    for point in importlib.metadata.entry_points(group=GROUPS[kind]):
        distribution = point.dist
        origin = f"{distribution.name} {distribution.version}" if distribution else "an unknown distribution"
        _insert(found, Entry(kind, point.name, point.value, origin))
    yield from sorted(found.items())


def _insert(known: dict[str, Entry], entry: Entry) -> None:
    """Add an entry; a name that is taken makes both unusable, because choosing one would be silent."""
    other = known.get(entry.name)
    if other is None or other == entry:
        known[entry.name] = entry
        return
    problem = (
        f"two plug-ins are called {entry.name!r}: {other.target} from {other.origin} and "
        f"{entry.target} from {entry.origin}; rename or uninstall one"
    )
    known[entry.name] = Entry(entry.kind, entry.name, other.target, other.origin, problem)


def _classes_in(module: types.ModuleType) -> Iterator[tuple[Kind, type[Any]]]:
    for value in vars(module).values():
        if not inspect.isclass(value) or value.__module__ != module.__name__ or not hasattr(value, "info"):
            continue
        for kind, methods in _METHODS.items():
            if all(callable(getattr(value, name, None)) for name in methods):
                yield kind, value


# ------------------------------------------------------------------------------------------------ the process's own

_REGISTRY = Registry()


def registry() -> Registry:
    """The registry of this process."""
    return _REGISTRY


def create(kind: str, spec: str) -> Any:
    """Build a plug-in: `create("recognizer", "mtcc:variant=official")`.

    Raises:
        PluginError: unknown kind, name or parameter, or a broken plug-in.
    """
    try:
        parsed = Kind(kind)
    except ValueError:
        raise PluginError(f"there is no kind {kind!r}{suggest(kind, [each.value for each in Kind])}") from None
    return _REGISTRY.resolve(parsed, spec).create()


def load_ref(ref: PluginRef) -> Any:
    """Build the plug-in that a reference from another process describes."""
    for path in ref.files:
        _REGISTRY.add_file(path)
    return _REGISTRY.resolve(ref.kind, Spec(ref.target, ref.params)).create()
