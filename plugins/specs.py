"""Specifications of plug-ins as a user types them, and binding their parameters to a constructor (floor 0).

A specification is read once, where the user's text comes in, and is a `Spec` from there to the record.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..files import PathError
from ..suggestions import suggest
from .values import Scalar, convert, is_path, plain, quoted, written

__all__ = ["Binding", "PluginError", "Scalar", "Spec", "as_specs", "bind", "parameters", "suggest"]


class PluginError(ValueError):
    """A plug-in or its specification is wrong; the message says what was expected, what came and what to do."""

    exit_code = 2


_NAME = re.compile(r"(?P<name>[A-Za-z_][\w.+-]*)\s*(?::\s*(?P<params>[A-Za-z_]\w*\s*=.*)?)?", re.DOTALL)
"""A registered name, alone or with parameters. Tried first: a value may itself look like FILE.py:Class."""
_FILE = re.compile(r"(?P<file>.+?\.py):(?P<cls>[A-Za-z_]\w*)(?::(?P<params>.*))?", re.DOTALL)
"""The path may hold colons, as `C:\\my.py` does."""
_PARAM = re.compile(r"""\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^,]*?)\s*(?:,|$)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed `name`, `name:key=value,key=value` or `path/to/file.py:Class[:key=value,…]`."""

    target: str
    """Registry name, or `file.py:Class`."""
    params: tuple[tuple[str, str], ...] = ()
    """Parameters as typed, without quotes."""

    @staticmethod
    def parse(text: str) -> Spec:
        """Parse a specification.

        Raises:
            PluginError: it does not have one of the three forms.
        """
        text = text.strip()
        if found := _NAME.fullmatch(text):
            target, rest = found["name"], found["params"] or ""
        elif found := _FILE.fullmatch(text):
            target, rest = f"{found['file']}:{found['cls']}", found["params"] or ""
        else:
            target, _, rest = text.partition(":")
            rest = rest or ("" if target else text)
        if not target:
            raise PluginError(f"expected NAME, NAME:key=value,… or FILE.py:Class, got {text!r}")
        if not rest and text.endswith(":"):
            raise PluginError(f"expected key=value pairs after the colon, got {text!r}; leave it out for the defaults")
        return Spec(target, tuple(_parse_params(text, rest)))

    @property
    def file(self) -> tuple[str, str] | None:
        """Path and class where the target is a class of a file; None for a registered name."""
        found = _FILE.fullmatch(self.target)
        return (found["file"], found["cls"]) if found else None

    def with_params(self, *more: tuple[str, str]) -> Spec:
        """The same with further parameters."""
        return Spec(self.target, (*self.params, *more))

    def __str__(self) -> str:
        """The specification as it can be typed.

        Raises:
            ValueError: a value holds both kinds of quotes.
        """
        shown = ",".join(f"{key}={quoted(key, value)}" for key, value in self.params)
        return f"{self.target}:{shown}" if shown else self.target


def as_specs(given: str | Spec | Iterable[str | Spec], what: str) -> tuple[Spec, ...]:
    """What a caller gave for one or several specifications.

    Raises:
        PluginError: something else than text and `Spec`.
    """
    several = (given,) if isinstance(given, str | Spec) else given
    if not isinstance(several, Iterable):
        raise PluginError(f"{what}: expected specifications such as ('blurring', 'masking'), got {given!r}")
    specs = []
    for each in several:
        if not isinstance(each, str | Spec):
            raise PluginError(f"{what}: expected text such as 'blurring:sigma=0.1', got {each!r}")
        specs.append(Spec.parse(each) if isinstance(each, str) else each)
    return tuple(specs)


def _parse_params(text: str, rest: str) -> Iterator[tuple[str, str]]:
    position, seen = 0, set()
    while position < len(rest):
        found = _PARAM.match(rest, position)
        if not found:
            raise PluginError(
                f"expected key=value pairs separated by commas after the name, got {rest[position:]!r} in {text!r}; "
                'put a value that holds a comma in double quotes (key="a,b")'
            )
        key, value = found["key"], found["value"]
        if key in seen:
            raise PluginError(f"parameter {key!r} is given twice in {text!r}")
        seen.add(key)
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        yield key, value
        position = found.end()


# ------------------------------------------------------------------------------------------------ binding


def parameters(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """The keyword parameters of a plug-in's constructor, annotations resolved where possible."""
    if cls.__init__ is object.__init__:
        return {}
    try:
        hints = typing.get_type_hints(cls.__init__)
    except Exception:
        hints = {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.signature(cls.__init__).parameters.values()
    return {
        each.name: each.replace(annotation=hints.get(each.name, each.annotation))
        for each in list(signature)[1:]
        if each.kind in named
    }


@dataclass(frozen=True, slots=True)
class Binding:
    """The parameters of one plug-in, in the constructor's order, defaults filled in."""

    values: Mapping[str, Any]
    """What the constructor is called with."""
    recorded: Mapping[str, Scalar]
    """The same as digests and records hold it."""
    canonical: tuple[tuple[str, str], ...]
    """What a user types for this setting, defaults left out: the same for equal settings, however they were typed."""
    portable: tuple[tuple[str, str], ...]
    """The same with every path absolute: for another process."""

    @property
    def paths(self) -> dict[str, Path]:
        """Values that are places in the file system."""
        return {name: Path(each) for name, each in self.values.items() if isinstance(each, PurePath)}


def bind(cls: type[Any], what: str, spec: Spec) -> Binding:
    """The constructor's parameters as a specification sets them.

    Raises:
        PluginError: a parameter is unknown, needed and not given, of the wrong type, or cannot be written down.
    """
    known = parameters(cls)
    given = dict(spec.params)
    for key in given:
        if key not in known:
            raise PluginError(f"{what} has no parameter {key!r}{suggest(key, known)}")
    values: dict[str, Any] = {}
    recorded: dict[str, Scalar] = {}
    canonical, portable = [], []
    for name, parameter in known.items():
        if name not in given and parameter.default is inspect.Parameter.empty:
            raise PluginError(f"{what} needs a parameter: write NAME:{name}=…")
        try:
            values[name], recorded[name] = _bound(parameter, given.get(name))
        except ValueError as error:
            raise PluginError(f"{what}: parameter {name!r} {error}") from None
        if name in given and not _same(recorded[name], parameter.default):
            _check_quotes(what, name, recorded[name])
            canonical.append((name, _typed(recorded[name], parameter)))
            portable.append((name, _typed(plain(values[name]), parameter)))
    return Binding(values, recorded, tuple(canonical), tuple(portable))


def _bound(parameter: inspect.Parameter, text: str | None) -> tuple[Any, Scalar]:
    """The value, and what of it is written down.

    Raises:
        ValueError: "should be …", or why it cannot be written down.
    """
    if text is None:
        return parameter.default, plain(parameter.default)
    try:
        value = convert(text, parameter.annotation, parameter.default)
    except PathError as error:
        raise ValueError(f"cannot be used: {error}") from None
    except ValueError as error:
        raise ValueError(f"should be {error}, got {text!r}") from None
    if is_path(parameter.annotation, parameter.default) and isinstance(value, PurePath):
        return value, PurePath(text).as_posix()  # as typed: a record holds no folder of its maker's that it need not
    return value, plain(value)


def _typed(value: Scalar, parameter: inspect.Parameter) -> str:
    """The shortest text that is read as this value."""
    text = written(value)
    short = text.removesuffix(".0")
    if isinstance(value, float) and isinstance(convert(short, parameter.annotation, parameter.default), float):
        return short
    return text


def _check_quotes(what: str, name: str, value: Scalar) -> None:
    try:
        quoted(name, value)
    except ValueError as error:
        raise PluginError(f"{what}: {error}") from None


def _same(value: Scalar, default: object) -> bool:
    if default is inspect.Parameter.empty:
        return False
    usual = plain(default)
    return value == usual and isinstance(value, bool) == isinstance(usual, bool)
