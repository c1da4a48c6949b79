"""One known plug-in: where its class lies, and the class once it is asked for (floor 0)."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failures import check_class, loading, said
from .kinds import CONTRACTS, Kind
from .neighbours import load_file
from .specs import PluginError, suggest


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
        return check_class(self.kind, self.name, self.target, self.found())

    def found(self) -> object:
        """What lies at the target, whatever it is.

        Raises:
            PluginError: the import fails.
        """
        if self.problem:
            raise PluginError(f"{self.kind} {self.name!r} cannot be used: {self.problem}")
        if self.file is not None and not self.file.is_file():
            raise PluginError(f"{self.kind} {self.name!r}: there is no file {self.file}")
        try:
            with loading(self.place):
                module = self._module()
                lacking = self._lacking(module)
                if not lacking:
                    return functools.reduce(getattr, self.attribute.split("."), module)
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self.kind} {self.name!r} from {self.origin} is broken: {said(error)}") from error
        raise PluginError(f"{self.kind} {self.name!r}: {lacking}")

    def _lacking(self, module: types.ModuleType) -> str:
        """That the module has no such name, and which classes it has; empty where it has it."""
        first = self.attribute.partition(".")[0]
        if hasattr(module, first):
            return ""
        there = [each.__name__ for _, each in classes_in(module)]
        names = f"it has {', '.join(dict.fromkeys(there))}" if there else "it has no class of a plug-in"
        return f"there is no {first} in {self.place}{suggest(first, there)}; {names}"

    @property
    def place(self) -> str:
        """What is imported for it: a module, or a file."""
        return self.target.rpartition(":")[0]

    @property
    def attribute(self) -> str:
        """Name of the class in its module."""
        return self.target.rpartition(":")[2]

    @property
    def file(self) -> Path | None:
        """The file that defines it, for a plug-in that came by file."""
        place = self.target.rpartition(":")[0]
        return Path(place) if place.endswith(".py") else None

    @property
    def module(self) -> str:
        """Name of the module that the target names; it is imported."""
        return self._module().__name__

    def _module(self) -> types.ModuleType:
        return load_file(self.file) if self.file else importlib.import_module(self.target.rpartition(":")[0])


def classes_in(module: types.ModuleType) -> Iterator[tuple[Kind, type[Any]]]:
    """The plug-in classes that a module defines itself, with what they are."""
    for value in vars(module).values():
        if not inspect.isclass(value) or value.__module__ != module.__name__ or not hasattr(value, "info"):
            continue
        for kind, contract in CONTRACTS.items():
            if all(callable(getattr(value, name, None)) for name in contract.methods):
                yield kind, value
