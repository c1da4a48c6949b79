"""Specifications of plug-ins as a user types them, and binding their parameters to a constructor (floor 0)."""

from __future__ import annotations

import difflib
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Scalar = str | int | float | bool | None


class PluginError(ValueError):
    """A plug-in or its specification is wrong; the message says what was expected, what came and what to do."""

    exit_code = 2


FILE_SPEC = re.compile(r"^(?P<file>.+\.py):(?P<cls>[A-Za-z_]\w*)(?::(?P<params>.*))?$", re.DOTALL)
_PARAM = re.compile(r"""\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^,]*?)\s*(?:,|$)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed `name`, `name:key=value,key=value` or `path/to/file.py:Class[:key=value,…]`."""

    target: str
    """Registry name, or `file.py:Class`."""
    params: tuple[tuple[str, str], ...] = ()
    """Parameters as typed."""

    @staticmethod
    def parse(text: str) -> Spec:
        """Parse a specification.

        Raises:
            PluginError: it does not have one of the three forms.
        """
        text = text.strip()
        found = FILE_SPEC.match(text)
        if found:
            target, rest = f"{found['file']}:{found['cls']}", found["params"] or ""
        else:
            target, _, rest = text.partition(":")
        if not target:
            raise PluginError(f"expected NAME, NAME:key=value,… or FILE.py:Class, got {text!r}")
        return Spec(target, tuple(_parse_params(text, rest)))


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


def suggest(name: str, known: Iterable[str]) -> str:
    """Half a sentence with the names that come near, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(repr(each) for each in close)}?"
    return f"; known are: {', '.join(names)}" if names else "; none are known"


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


def bind(cls: type[Any], what: str, spec: Spec) -> dict[str, Scalar]:
    known = parameters(cls)
    given = dict(spec.params)
    for key in given:
        if key not in known:
            raise PluginError(f"{what} has no parameter {key!r}{suggest(key, known)}")
    bound: dict[str, Scalar] = {}
    for name, parameter in known.items():
        if name in given:
            bound[name] = _convert(what, name, given[name], parameter.annotation)
        elif parameter.default is inspect.Parameter.empty:
            raise PluginError(f"{what} needs a parameter: write NAME:{name}=…")
        else:
            bound[name] = parameter.default
    return bound


_WORDS: Mapping[str, bool | None] = {
    "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "none": None,
}  # fmt: skip


def _convert(what: str, name: str, text: str, annotation: Any) -> Scalar:
    """Turn the typed text into the annotated type; without an annotation, into the plainest type that fits."""
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    for option in options:
        try:
            return _convert_one(text, option)
        except ValueError:
            continue
    raise PluginError(f"{what}: parameter {name!r} should be {_describe(annotation)}, got {text!r}")


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _convert_one(text: str, annotation: Any) -> Scalar:
    if typing.get_origin(annotation) is typing.Literal:
        for choice in typing.get_args(annotation):
            if text == str(choice):
                return typing.cast(Scalar, choice)
        raise ValueError(text)
    word = text.lower()
    if annotation is bool or annotation is type(None):
        if word in _WORDS and (_WORDS[word] is None) == (annotation is type(None)):
            return _WORDS[word]
        raise ValueError(text)
    if annotation in (int, float, str):
        return typing.cast(Scalar, annotation(text))
    if word in _WORDS:
        return _WORDS[word]
    for guess in (int, float):
        try:
            return guess(text)
        except ValueError:
            continue
    return text


def _describe(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(str(each) for each in typing.get_args(annotation))
    if _is_union(annotation):
        return " or ".join(_describe(each) for each in typing.get_args(annotation))
    words: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        type(None): "none",
    }
    return words.get(annotation, str(annotation))
