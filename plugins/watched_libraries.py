"""Parts of libraries that everybody in a process shares, so that a plug-in that replaces one is seen (floor 0).

Of most libraries those are the public functions. Of the few that images, networks and records are made with they are
all functions, private ones too, and the methods of all classes: `numpy.mean` is made of `numpy._core._methods._mean`,
and whoever replaces `torch.nn.Conv2d.__init__` changes the networks of others.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import is_, methodcaller
from typing import Any

from .own import is_own

_PUBLIC = (
    *("builtins", "os", "posixpath", "sys", "io", "math", "random", "time", "hashlib", "pathlib", "shutil"),
    *("tempfile", "zipfile", "zlib", "struct", "pickle", "copy", "functools", "itertools", "importlib", "threading"),
    *("subprocess", "signal", "warnings", "logging", "pydantic", "pydantic.main", "pydantic_core"),
    *("scipy.spatial.distance", "scipy.signal", "scipy.stats", "scipy.fft", "scipy.linalg"),
    *("scipy.optimize", "scipy.interpolate", "skimage.transform", "skimage.filters", "skimage.metrics"),
    *("torch", "torch.linalg", "torch.fft", "torch.hub"),
    *("torchvision.transforms", "torchvision.transforms.functional", "torchvision.models"),
)
"""Modules whose public functions others use as well."""
_WHOLE = ("json", "numpy", "PIL", "cv2", "scipy.ndimage", "torch.nn")
"""Packages of which all functions of all modules are looked at, private ones too, and the methods of their classes."""
_BELOW = tuple(f"{each}." for each in _WHOLE if each != "cv2")
_TOOLS = tuple(f"numpy.{each}" for each in ("testing", "f2py", "typing", "_typing", "polynomial", "ma", "ctypeslib"))
"""Of which no number is made."""
_CLASSES = (
    *(("pathlib", "Path"), ("zipfile", "ZipFile"), ("random", "Random")),
    *(("torch", "Tensor"), ("pydantic.main", "BaseModel")),
)
ABSENT = object()
"""Stands for a name that is not there."""
_DUNDERS = ("__import__", "__build_class__", "__call__", "__getattr__", "__torch_function__", "__init__", "__new__")
_FOLLOWING = ("torch.Storage",)
"""Set by the library itself when a setting is changed."""
_SWITCHES = ("MAX_IMAGE_PIXELS", "LOAD_TRUNCATED_IMAGES", "MAXBLOCK")
"""Constants that plug-ins are known to set for everybody."""
_METHODS = (property, classmethod, staticmethod)
_MADE_LATE = ("__abstractmethods__", "__annotate__", "__annotate_func__", "__class_getitem__")
"""Python puts these into a class by itself."""


def is_looked_at(name: str) -> bool:
    """Whether functions of a module are looked at, all or some; those of this package's modules are."""
    return name in _PUBLIC or is_whole(name) or is_own(name)


def is_whole(name: str) -> bool:
    """Whether all functions of a module are looked at."""
    return name in _WHOLE or (name.startswith(_BELOW) and not name.startswith(_TOOLS))


def is_watched(space: str, owner: Any, name: str, value: Any) -> bool:
    """Functions, classes and methods, and constants that are switches; the rest are caches and flags of its own.

    Args:
        space: name of the module or class.
        owner: the module or class.
        name: of one of its parts.
        value: that part.
    """
    if f"{space}.{name}" in _FOLLOWING or name in _MADE_LATE:
        return False
    if isinstance(owner, type) and isinstance(value, _METHODS):
        return True
    if callable(value):
        return (
            not name.startswith("_") or name in _DUNDERS or isinstance(owner, type) or is_own(space) or is_whole(space)
        )
    return name in _SWITCHES


@dataclass(frozen=True, slots=True)
class Look:
    """What all names of all spaces stood for at one moment."""

    names: tuple[tuple[str, ...], ...]
    values: tuple[tuple[Any, ...], ...]


_VALUES = methodcaller("values")


class Spaces:
    """Modules and classes by name: what their names stand for is compared in a few steps of compiled code."""

    def __init__(self, owners: Mapping[str, Any]) -> None:
        self._owners = list(owners.items())
        self._views = [vars(each) for each in owners.values()]
        self._names: tuple[tuple[str, ...], ...] = ()
        self._sizes: tuple[int, ...] = ()

    def look(self, *, anew: bool = False) -> Look:
        """What all names stand for.

        Args:
            anew: names may have come and gone since the last look, so that as many are there as before.
        """
        values = self._look()
        if anew or tuple(map(len, values)) != self._sizes:
            self._names, self._sizes = tuple(map(tuple, self._views)), tuple(map(len, values))
        return Look(self._names, values)

    def _look(self) -> tuple[tuple[Any, ...], ...]:
        return tuple(map(tuple, map(_VALUES, self._views)))

    def replaced(self, before: Look) -> Iterator[tuple[str, Any, str, Any]]:
        """Parts that are no longer what they were.

        Args:
            before: what `look` gave.

        Yields:
            (name of the module or class, itself, name of the part, what it was); `ABSENT` where a class has got a
            part that hides one it inherits. Other new names are nobody's.
        """
        after = self._look()
        if _same(before.values, after):
            return
        self._sizes = ()  # what is put back comes last, so that the next look is one at the names as well
        for (space, owner), names, was, now in zip(self._owners, before.names, before.values, after, strict=True):
            if _same(was, now):
                continue
            for name, value in zip(names, was, strict=True):
                if vars(owner).get(name, ABSENT) is not value and is_watched(space, owner, name, value):
                    yield space, owner, name, value
            for name in _hiding(owner, names) if isinstance(owner, type) else ():
                if is_watched(space, owner, name, vars(owner)[name]):
                    yield space, owner, name, ABSENT


def _same(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    try:
        return first == second
    except Exception:  # something there cannot be compared, so it is not what it was
        return False


def _hiding(owner: type, before: tuple[str, ...]) -> list[str]:
    """New names of a class that stand before those it inherits."""
    inherited = {name for each in owner.__mro__[1:] for name in vars(each)}
    return [name for name in vars(owner) if name not in before and name in inherited]


class Loaded:
    """The modules that are looked at, of those that are loaded, and their classes."""

    def __init__(self) -> None:
        self._count = -1
        self.modules: dict[str, Any] = {}
        self.spaces = Spaces({})

    def refresh(self) -> None:
        """Take in what was loaded since; a moment's work where nothing was."""
        modules, count = self.modules, len(sys.modules)
        if count == self._count and all(map(is_, map(sys.modules.get, modules), modules.values())):
            return
        loaded = [(name, each) for name, each in list(sys.modules.items()) if isinstance(each, types.ModuleType)]
        # In order of name, which alarms list them in: that of loading differs from one process to the next.
        kept = {name: each for name, each in loaded if name in _PUBLIC or is_whole(name)}
        self.modules = {name: kept[name] for name in sorted(kept)}
        self.spaces = Spaces({**self.modules, **dict(_classes(self.modules))})
        # One that is only half loaded gets its classes later.
        half = any(getattr(getattr(each, "__spec__", None), "_initializing", False) for each in self.modules.values())
        self._count = -1 if half else count


def _classes(modules: dict[str, Any]) -> Iterator[tuple[str, type]]:
    for module, name in _CLASSES:
        owner = getattr(modules.get(module), name, None)
        if isinstance(owner, type):
            yield f"{module}.{name}", owner
    for place, module in modules.items():
        if is_whole(place) and place != "cv2":  # its classes are compiled
            for name, owner in list(vars(module).items()):
                if isinstance(owner, type) and owner.__module__ == place and _can_change(owner):
                    yield f"{place}.{name}", owner


def _can_change(owner: type) -> bool:
    """Whether parts of a class can be replaced: those of compiled ones cannot."""
    return bool(owner.__flags__ & _HEAP) and not owner.__flags__ & _IMMUTABLE


_HEAP, _IMMUTABLE = 1 << 9, 1 << 8
"""Bits of `type.__flags__`: made while the program runs; and closed against changes."""
