"""The process as a plug-in finds it and leaves it: what it changes is put back, and told (floor 0).

A plug-in shares its process with the toolkit and with other plug-ins. What it replaces in a library (`numpy.mean =
...`), or sets for the whole process (filters of warnings, environment, `sys.path`, handlers of signals, defaults of
torch), would reach whoever comes next. So the process is looked at before and after: libraries by the identity of what
their names stand for, settings by their values; what is exchanged inside a function (`json.dumps.__code__ = ...`) is
listened to. Names that are added to a library stay: nobody else knows them.

What a plug-in changes while it is imported or built is its own: put back afterwards, and in force again whenever one of
its methods is called. What a method changes ends with the call.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .exchanged_functions import Journal
from .own import PRODUCT
from .process_settings import LIMITS, SETTINGS
from .setting import Setting
from .torch_settings import fresh_torch
from .watched_libraries import ABSENT, Loaded, Spaces

_NAMED = 5


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


def _setter(owner: Any, name: str, value: Any) -> Callable[[], None]:
    if value is ABSENT:
        return lambda: delattr(owner, name) if name in vars(owner) else None
    return lambda: setattr(owner, name, value)


def _part(space: str, owner: Any, name: str, value: Any) -> Change:
    now = vars(owner).get(name, ABSENT)
    return Change(f"{space}.{name}", True, _setter(owner, name, value), _setter(owner, name, now))


class _Seen:
    """The process at one moment: libraries and settings, or this package's own functions."""

    def __init__(self, *, package: bool = False, anew: bool = False) -> None:
        if not package:
            _LOADED.refresh()
        self._modules = _package() if package else _LOADED.modules
        self._spaces = Spaces(self._modules) if package else _LOADED.spaces
        self._values = self._spaces.look(anew=anew)
        self._settings = {} if package else {each.name: _value(each) for each in SETTINGS if each.is_there()}
        self._package, self._mark = package, _JOURNAL.mark()

    def exchanged(self) -> list[Change]:
        """What was exchanged inside functions."""
        return [
            Change(each.what, True, each.setter(each.value), each.setter(getattr(each.function, each.part)))
            for each in _JOURNAL.since(self._mark, own=self._package)
        ]

    def limits(self) -> list[Change]:
        """What was done to the limits of resources."""
        before, after = self._settings.get(LIMITS.name), LIMITS.read()
        if before is None or before == after:
            return []
        return [Change(LIMITS.name, False, _writer(LIMITS.write, before), _writer(LIMITS.write, after))]

    def changes(self) -> list[Change]:
        found = [
            Change(f"sys.modules[{name!r}]", True, _module_setter(name, module), _module_setter(name, now))
            for name, module in self._modules.items()
            if (now := sys.modules.get(name)) is not module
        ]
        found += [_part(*each) for each in self._spaces.replaced(self._values)]
        fresh = fresh_torch()
        for each in () if self._package else SETTINGS:
            if not each.is_there():
                continue
            before, after = self._settings.get(each.name, fresh.get(each.name, ABSENT)), _value(each)
            if before is not ABSENT and before != after:
                found.append(Change(each.name, False, _writer(each.write, before), _writer(each.write, after)))
        return found


def _value(setting: Setting) -> Any:
    """What it is; one that a plug-in has made unreadable is another one than before, and is written back."""
    try:
        return setting.read()
    except Exception:
        return _UNREADABLE


_UNREADABLE = object()
_LOADED = Loaded()
_JOURNAL = Journal()


def _package() -> dict[str, Any]:
    prefix = f"{PRODUCT}."
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
    with _JOURNAL.open():
        before = _Seen(package=package)
        found: list[Change] = []
        _do([each.again for each in kept])
        inside = _Seen(package=package, anew=True) if kept else before
        try:
            yield found
        finally:
            found += [*inside.limits(), *inside.exchanged()]  # what looks at the rest may need them
            _do([each.put_back for each in found])
            found += inside.changes()
            _do([each.put_back for each in found])
            if kept:
                _do([each.put_back for each in (*before.exchanged(), *before.changes())])


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
