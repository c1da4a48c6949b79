"""The one door for datasets, analyzers, recognizers and de-identifiers, built-in or not (floor 0).

A plug-in is a class. It is found by an entry point in one of the groups of `CONTRACTS`, or in a Python file named by
the user. Nothing is imported until it is asked for, and a plug-in that cannot be imported is listed as broken with its
error while everything else goes on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .code import code_digest, is_stale
from .data_files import contents
from .entry import Entry, classes_in
from .failures import at_work, loading, said
from .kinds import CONTRACTS, Kind
from .neighbours import forget, load_file
from .process_state import Change, kept
from .specs import Binding, PluginError, Scalar, Spec, bind, parameters, suggest

__all__ = [
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
    "own_changes",
    "parameters",
    "registry",
    "resolve_ref",
]


# ------------------------------------------------------------------------------------------------ resolved plug-ins


@dataclass(frozen=True, slots=True)
class PluginRef:
    """Everything another process needs to build the same plug-in; small and picklable."""

    kind: Kind
    spec: Spec
    """With absolute paths."""
    source: str = ""
    """Digest of the code that is meant; see `Resolved.source`."""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Resolved:
    """A plug-in together with the parameters it will be built with."""

    entry: Entry
    cls: type[Any]
    spec: Spec
    """The one specification of this plug-in and its settings, however it was typed."""
    binding: Binding
    ref_files: tuple[str, ...] = ()
    """Plug-in files that another process has to take in first."""

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def info(self) -> Any:
        return self.cls.info

    @property
    def params(self) -> Mapping[str, Any]:
        """Every parameter of the constructor, defaults filled in."""
        return self.binding.values

    @property
    def recorded(self) -> Mapping[str, Scalar]:
        """The same as digests and records hold it."""
        return self.binding.recorded

    @property
    def text(self) -> str:
        """The specification as boards show it: by name, parameters in the constructor's order, defaults left out."""
        return str(Spec(self.name, self.spec.params))

    @property
    def source(self) -> str:
        """SHA-256 of all code that the plug-in runs and of the files that it declares or its parameters name.

        Raises:
            PluginError: a declared file is not there.
        """
        code, files = self._code, contents(self.cls, {} if self.entry.kind is Kind.DATASET else self.binding.paths)
        if not files:
            return code
        lines = [code, *(f"{name} {sha256}" for name, sha256 in sorted(files.items()))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def _code(self) -> str:
        return code_digest(self.cls, self.entry.module)

    @property
    def ref(self) -> PluginRef:
        """For another process."""
        target = f"{self.entry.file}:{self.entry.attribute}" if self.entry.file else self.name
        return PluginRef(self.entry.kind, Spec(target, self.binding.portable), self.source, self.ref_files)

    def at_work(self) -> AbstractContextManager[None]:
        """For code of the plug-in that runs outside of any task; see `failures.at_work`."""
        return at_work(f"{self.entry.kind} {self.text}", ours=self.cls.__module__.startswith("deid_bench."))

    def fields(self) -> dict[str, Any]:
        """What identifies this plug-in's behaviour; goes into digests."""
        return {
            "kind": self.entry.kind.value,
            "name": self.name,
            "version": str(self.info.version),
            "params": dict(self.recorded),
            "source": self.source,
        }

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it has changed in the process while it was imported and built: in force whenever it works."""
        return kept(self.entry.place, self._built)

    @property
    def _built(self) -> str:
        return f"{self.entry.kind} {self.spec}"

    def create(self) -> Any:
        """Build the plug-in.

        Raises:
            PluginError: the constructor refuses its parameters, or fails.
            Exception: errors of this package that say what is missing (weights, a dataset) come through as they are.
        """
        try:
            with loading(self._built, kept(self.entry.place)):
                return self.cls(**self.params)
        except (Exception, SystemExit) as error:
            if getattr(error, "exit_code", None) is not None:
                raise
            why = str(error) if isinstance(error, TypeError | ValueError) and str(error) else said(error)
            raise PluginError(f"{self.text}: {why}") from error


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
            with loading(path):
                module = load_file(Path(path))
        except (Exception, SystemExit) as error:
            raise PluginError(f"plug-in file {path} is broken: {said(error)}") from error
        found = list(classes_in(module))
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
        if found := Spec(name).file:
            return Entry(kind, found[1], f"{Path(found[0]).resolve()}:{found[1]}", f"file {found[0]}")
        known = self.entries(kind)
        if name in known:
            return known[name]
        raise PluginError(f"there is no {kind} named {name!r}{suggest(name, known)}")

    def kinds_of(self, text: str | Spec) -> list[Kind]:
        """The kinds that have a plug-in of this name, or whose contract the class of a file keeps.

        Raises:
            PluginError: malformed, or a file that cannot be imported or has no such class.
        """
        spec = Spec.parse(text) if isinstance(text, str) else text
        if not spec.file:
            return [kind for kind in Kind if spec.target in self.entries(kind)]
        cls = self.get(Kind.DEIDENTIFIER, spec.target).found()
        return [kind for kind, contract in CONTRACTS.items() if all(hasattr(cls, name) for name in contract.methods)]

    def resolve(self, kind: Kind, text: str | Spec) -> Resolved:
        """Find the class and bind the parameters; nothing is built yet.

        Raises:
            PluginError: unknown name, broken plug-in, unknown parameter or a value of the wrong type.
        """
        spec = Spec.parse(text) if isinstance(text, str) else text
        entry = self.get(kind, spec.target)
        cls = entry.load()
        if entry.file and is_stale(cls, entry.module):
            forget(entry.file)
            cls = entry.load()
        if spec.file:
            entry = Entry(kind, str(cls.info.name), entry.target, entry.origin)
        binding = bind(cls, f"{kind} {entry.name!r}", spec)
        target = entry.target if spec.file else spec.target
        resolved = Resolved(entry, cls, Spec(target, binding.canonical), binding, tuple(self.files))
        if entry.file:
            _ = resolved.source  # now, while the file is the one that was read
        return resolved


def _installed(kind: Kind) -> Iterator[tuple[str, Entry]]:
    found: dict[str, Entry] = {}
    for point in importlib.metadata.entry_points(group=CONTRACTS[kind].group):
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


def resolve_ref(ref: PluginRef, known: Registry) -> Resolved:
    """What a reference from another process comes to here, which need not be what was meant.

    Raises:
        PluginError: see `Registry.add_file` and `Registry.resolve`.
    """
    for path in ref.files:
        known.add_file(path)
    return known.resolve(ref.kind, ref.spec)


def load_ref(ref: PluginRef) -> Any:
    """Build the plug-in that a reference from another process describes.

    Raises:
        PluginError: it is not the one that is meant any more, or cannot be built.
    """
    found = resolve_ref(ref, _REGISTRY)
    if ref.source and found.source != ref.source:
        raise PluginError(f"the files of {found.text} were edited since the run began; run the same command again")
    return found.create()


def own_changes(ref: PluginRef) -> tuple[Change, ...]:
    """See `Resolved.changes`; of a plug-in that this process has built."""
    return resolve_ref(ref, _REGISTRY).changes
