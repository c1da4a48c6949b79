"""The process as a plug-in finds it and leaves it: what it changes is put back, and told (floor 0).

A plug-in shares its process with the toolkit and with other plug-ins. What it replaces in a library (`numpy.mean =
...`), or sets for the whole process (filters of warnings, environment, `sys.path`, handlers of signals, defaults of
torch), would reach whoever comes next. So the process is looked at before and after: libraries by the identity of what
their names stand for, settings by their values. Names that are added to a library stay: nobody else knows them.

What a plug-in changes while it is imported or built is its own: put back afterwards, and in force again whenever one of
its methods is called. What a method changes ends with the call.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import is_, itemgetter
from typing import Any

from .process_settings import SETTINGS, fresh_torch

_LIBRARIES = (
    *("builtins", "os", "posixpath", "sys", "io", "json", "math", "random", "time", "hashlib", "pathlib", "shutil"),
    *("tempfile", "zipfile", "zlib", "struct", "pickle", "copy", "functools", "itertools", "importlib", "threading"),
    *("subprocess", "signal", "warnings", "logging"),
    *("numpy", "numpy.linalg", "numpy.fft", "numpy.random", "numpy.lib.format"),
    *("scipy.ndimage", "scipy.spatial.distance", "scipy.signal", "scipy.stats", "scipy.fft", "scipy.linalg"),
    *("scipy.optimize", "scipy.interpolate", "skimage.transform", "skimage.filters", "skimage.metrics"),
    *("cv2", "PIL.Image", "PIL.ImageOps", "PIL.ImageFilter", "PIL.ImageFile", "PIL.ImageDraw"),
    *("torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.linalg", "torch.fft", "torch.hub"),
    *("torchvision.transforms", "torchvision.transforms.functional", "torchvision.models"),
)
"""Modules whose functions others use as well; those that are loaded are looked at."""
_CLASSES = (
    *(("PIL.Image", "Image"), ("pathlib", "Path"), ("zipfile", "ZipFile"), ("random", "Random")),
    *(("torch", "Tensor"), ("torch.nn", "Module")),
)
_NAMED = 5
_OWN = __name__.partition(".")[0]
_ABSENT = object()
_DUNDERS = ("__import__", "__build_class__", "__call__", "__getattr__", "__torch_function__", "__init__", "__new__")
_FOLLOWING = ("torch.Storage",)
"""Set by the library itself when a setting is changed."""
_SWITCHES = ("MAX_IMAGE_PIXELS", "LOAD_TRUNCATED_IMAGES", "MAXBLOCK")
"""Constants that plug-ins are known to set for everybody."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was changed."""

    what: str
    """As a reader knows it: `numpy.mean`."""
    replaces: bool
    """A part of a library was replaced; else a setting of the process was changed."""
    put_back: Callable[[], None]
    again: Callable[[], None]
    """Change it in the same way once more."""


class _Namespace:
    """A module or class, and what its names stood for when it was looked at last."""

    def __init__(self, name: str, owner: Any) -> None:
        self.name, self.owner, self._size = name, owner, len(vars(owner))
        self._names = tuple(each for each, value in vars(owner).items() if self._is_watched(each, value))
        # Hundreds of names are fetched in one step of compiled code; the repeated one makes it a tuple in any case.
        self._fetch = itemgetter(*self._names, self._names[0]) if self._names else lambda _: ()

    def is_of(self, owner: Any) -> bool:
        """Whether this is the namespace of an object, and knows all of its names."""
        return self.owner is owner and self._size == len(vars(owner))

    def look(self) -> tuple[Any, ...] | None:
        """What the names stand for; None where one is gone."""
        try:
            return self._fetch(vars(self.owner))
        except KeyError:
            return None

    def changes(self, before: tuple[Any, ...]) -> Iterator[Change]:
        after = self.look()
        if after is not None and all(map(is_, before, after)):
            return
        for name, value in zip(self._names, before, strict=False):
            now = vars(self.owner).get(name, _ABSENT)
            if now is not value:
                yield Change(
                    f"{self.name}.{name}", True, _setter(self.owner, name, value), _setter(self.owner, name, now)
                )

    def _is_watched(self, name: str, value: Any) -> bool:
        """Functions and classes, and constants that are switches; the rest are caches and flags of its own."""
        if f"{self.name}.{name}" in _FOLLOWING:
            return False
        if callable(value):
            return not name.startswith("_") or name in _DUNDERS or self.name.partition(".")[0] == _OWN
        return name in _SWITCHES


def _setter(owner: Any, name: str, value: Any) -> Callable[[], None]:
    if value is _ABSENT:
        return lambda: delattr(owner, name) if name in vars(owner) else None
    return lambda: setattr(owner, name, value)


class _Seen:
    """The process at one moment: libraries and settings, or this package's own functions."""

    def __init__(self, *, package: bool = False) -> None:
        self._modules = (
            _package() if package else {each: sys.modules[each] for each in _LIBRARIES if each in sys.modules}
        )
        spaces = [_namespace(name, module) for name, module in self._modules.items()]
        for module, name in () if package else _CLASSES:
            owner = getattr(self._modules.get(module), name, None)
            if isinstance(owner, type):
                spaces.append(_namespace(f"{module}.{name}", owner))
        self._spaces = [(each, each.look()) for each in spaces]
        self._settings = {} if package else {each.name: each.read() for each in SETTINGS if each.is_there()}
        self._package = package

    def changes(self) -> list[Change]:
        found = [
            Change(f"sys.modules[{name!r}]", True, _module_setter(name, module), _module_setter(name, now))
            for name, module in self._modules.items()
            if (now := sys.modules.get(name)) is not module
        ]
        found += [change for space, before in self._spaces if before is not None for change in space.changes(before)]
        fresh = fresh_torch()
        for each in () if self._package else SETTINGS:
            if not each.is_there():
                continue
            before, after = self._settings.get(each.name, fresh.get(each.name, _ABSENT)), each.read()
            if before is not _ABSENT and before != after:
                found.append(Change(each.name, False, _writer(each.write, before), _writer(each.write, after)))
        return found


_SPACES: dict[str, _Namespace] = {}
"""Of what was looked at before: which names to look at is found out once."""


def _namespace(name: str, owner: Any) -> _Namespace:
    known = _SPACES.get(name)
    if known is None or not known.is_of(owner):
        known = _SPACES[name] = _Namespace(name, owner)
    return known


def _package() -> dict[str, Any]:
    prefix = f"{_OWN}."
    loaded = list(sys.modules.items())
    return {name: each for name, each in loaded if name.startswith(prefix) and each is not None}


def _module_setter(name: str, module: Any) -> Callable[[], None]:
    def put() -> None:
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module

    return put


def _writer(write: Callable[[Any], None], value: Any) -> Callable[[], None]:
    return lambda: write(value)


@contextmanager
def own_process(kept: Sequence[Change] = (), *, package: bool = False) -> Iterator[list[Change]]:
    """Whatever the block changes in the process is put back when it ends.

    Args:
        kept: changes that are in force inside.
        package: look at this package's own functions, and at nothing else.

    Yields:
        A list that holds, once the block has ended, what it changed beyond them.
    """
    before = _Seen(package=package)
    found: list[Change] = []
    _do([each.again for each in kept])
    inside = _Seen(package=package) if kept else before
    try:
        yield found
    finally:
        found += inside.changes()
        _do([each.put_back for each in found])
        if kept:
            _do([each.put_back for each in before.changes()])


def _do(steps: Sequence[Callable[[], Any]]) -> None:
    for each in steps:
        with contextlib.suppress(Exception):  # one that cannot be changed costs itself
            each()


def told(changes: Sequence[Change]) -> str:
    """What was replaced in libraries, in words; empty where nothing was."""
    names = [each.what for each in changes if each.replaces]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"replaced {', '.join(names[:_NAMED])}{more}, which others use as well; put back" if names else ""


# ------------------------------------------------------------------------------------------------ kept changes

_KEPT: dict[str, list[Change]] = {}
"""What plug-ins changed while they were imported or built, by what was."""


@contextmanager
def keeping(key: str, under: Sequence[Change] = ()) -> Iterator[None]:
    """What the block, which imports or builds a plug-in, changes is put back, and kept as the plug-in's own.

    Args:
        key: what is imported or built.
        under: changes that are in force inside.
    """
    changed: list[Change] = []
    try:
        with own_process(under) as changed:
            yield
    finally:
        if changed:
            _KEPT[key] = changed


def kept(*keys: str) -> tuple[Change, ...]:
    """The changes that belong to a plug-in, by what was imported and built."""
    return tuple(change for key in keys for change in _KEPT.get(key, ()))
