"""What is exchanged inside functions of libraries: `json.dumps.__code__ = ...` (floor 0).

The name stands for the same function afterwards, so that no look at names tells. Python announces each such exchange
as an audit event before it happens; whoever listens is told of it at no cost to those who exchange nothing.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .own import is_own
from .watched_libraries import is_looked_at, is_watched

_EVENTS = ("object.__setattr__", "object.__delattr__")
_PARTS = ("__code__", "__defaults__", "__kwdefaults__")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One part of one function, as it was before."""

    what: str
    """Name of the function, with its module."""
    function: types.FunctionType
    part: str
    value: Any
    own: bool
    """It is a function of this package."""

    def setter(self, value: Any) -> Callable[[], None]:
        """What gives the part a value."""
        return lambda: setattr(self.function, self.part, value)


class Journal:
    """What was exchanged while somebody was listening, in order."""

    def __init__(self) -> None:
        self._found: list[Exchange] = []
        self._listeners = 0
        self._installed = False

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Listen."""
        if not self._installed:
            self._installed = True  # a hook stays as long as its process
            sys.addaudithook(self._hear)
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._found.clear()

    def mark(self) -> int:
        """This moment."""
        return len(self._found)

    def since(self, mark: int, *, own: bool) -> list[Exchange]:
        """What is no longer what it was at that moment, of this package or of libraries.

        Args:
            mark: the moment.
            own: this package's functions are asked for.
        """
        first: dict[tuple[int, str], Exchange] = {}
        for each in self._found[mark:]:
            if each.own == own:
                first.setdefault((id(each.function), each.part), each)
        return [each for each in first.values() if getattr(each.function, each.part) is not each.value]

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in _EVENTS or not self._listeners:
            return
        function, part = args[:2]
        if part in _PARTS and type(function) is types.FunctionType:
            with contextlib.suppress(Exception):  # it would keep the plug-in from what is no fault of its own
                for what, own in _known_as(function):
                    self._found.append(Exchange(what, function, part, getattr(function, part), own))


def _known_as(function: types.FunctionType) -> Iterator[tuple[str, bool]]:
    """Name of a function that is looked at, and whether it is this package's; nothing for all others.

    One that a module makes while it is imported is not known to anybody yet.

    Raises:
        KeyError: nothing in the module has the function's name.
    """
    for space in dict.fromkeys((str(function.__module__), str(function.__globals__.get("__name__")))):
        module = sys.modules.get(space)
        if module is None or not is_looked_at(space) or _is_new(module):
            continue
        *owners, name = function.__qualname__.split(".")
        owner: Any = module
        for each in owners:
            owner = vars(owner)[each]
        value, place = vars(owner)[name], ".".join((space, *owners))
        if is_watched(place, owner, name, value) and _holds(value, function):
            yield f"{place}.{name}", is_own(space)
            return


def _is_new(module: Any) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _holds(value: Any, function: types.FunctionType) -> bool:
    """Whether a part of a library is this function, or a wrapper around it."""
    parts = (value.fget, value.fset, value.fdel) if isinstance(value, property) else (value,)
    return any(each is not None and _innermost(each, function) is function for each in parts)


def _innermost(wrapper: Any, function: types.FunctionType) -> Any:
    return inspect.unwrap(wrapper, stop=lambda found: found is function)
