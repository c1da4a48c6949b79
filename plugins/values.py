"""Values of parameters: from typed text to what constructors want, and on to what records hold (floor 0)."""

from __future__ import annotations

import enum
import inspect
import math
import os
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from ..files import expanded

Scalar = str | int | float | bool | None
"""What a parameter is in digests and records."""

_WORDS: Mapping[str, bool | None] = {
    "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "none": None,
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ what is written down


def plain(value: object) -> Scalar:
    """A value as digests and records hold it: itself, or the text that a user would type for it.

    Raises:
        ValueError: nobody could type it, and a record could not say what it was.
    """
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, tuple | list):
        return ",".join(written(plain(each)) for each in value)
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return plain(value.item())
    if module == "torch" and type(value).__name__ in ("device", "dtype"):
        return str(value).removeprefix("torch.")
    raise ValueError(
        f"cannot be written into a record, got {type(value).__name__}; take text, a number, true or false, none, a "
        "Path, a member of an Enum, a tuple of these, a NumPy scalar, a torch device or dtype"
    )


def written(value: Scalar) -> str:
    """A value as it is typed in a specification, without quotes."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def quoted(name: str, value: Scalar) -> str:
    """A value as it is typed in a specification, in quotes where it needs them.

    Raises:
        ValueError: it holds both kinds of quotes.
    """
    text = written(value)
    if "," not in text and text == text.strip() and text[:1] not in ("'", '"') and "\n" not in text:
        return text
    quote = "'" if '"' in text else '"'
    if quote in text:
        raise ValueError(f"a value cannot hold both kinds of quotes, got {name}={text!r}")
    return f"{quote}{text}{quote}"


# ------------------------------------------------------------------------------------------------ what is typed


def convert(text: str, annotation: Any, default: object = inspect.Parameter.empty) -> Any:
    """What the typed text stands for.

    Args:
        text: as typed.
        annotation: of the parameter; without one, the default's type decides where that is no plain type, else the
            plainest type that fits.
        default: of the parameter.

    Raises:
        ValueError: it does not fit; the message is what would, for a sentence "should be …".
    """
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        own_type = default is not inspect.Parameter.empty and not isinstance(default, Scalar)
        annotation = type(default) if own_type or isinstance(default, enum.Enum) else Any
    for option in _options(annotation, text):
        try:
            return _convert_one(text, option, default)
        except (ValueError, TypeError, AttributeError, RuntimeError):
            continue
    raise ValueError(describe(annotation))


def is_path(annotation: Any, default: object = inspect.Parameter.empty) -> bool:
    """Whether a parameter is a place in the file system."""
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    named = any(isinstance(each, type) and issubclass(each, PurePath | os.PathLike) for each in options)
    return named or (annotation is inspect.Parameter.empty and isinstance(default, PurePath))


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _options(annotation: Any, text: str) -> Iterable[Any]:
    """The types that the text may be of; `none` is none before it is text."""
    if not _is_union(annotation):
        return (annotation,)
    options = typing.get_args(annotation)
    if text.lower() == "none" and type(None) in options:
        return (type(None),)
    return options


def _convert_one(text: str, annotation: Any, default: object) -> Any:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return (
            next(each for each in typing.get_args(annotation) if text == written(each))
            if text in map(written, typing.get_args(annotation))
            else _refuse(text)
        )
    if origin is typing.Annotated:
        return convert(text, typing.get_args(annotation)[0], default)
    if annotation in (tuple, list) or origin in (tuple, list):
        return _convert_several(text, annotation, origin or annotation, default)
    word = text.lower()
    if annotation is bool or annotation is type(None):
        if word in _WORDS and (_WORDS[word] is None) == (annotation is type(None)):
            return _WORDS[word]
        raise ValueError(text)
    if isinstance(annotation, type) and annotation is not object:
        return _convert_class(text, annotation)
    if word in _WORDS:
        return _WORDS[word]
    for guess in (int, float):
        try:
            return guess(text)
        except ValueError:
            continue
    return text


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _convert_class(text: str, cls: type[Any]) -> Any:
    if issubclass(cls, enum.Enum):
        found = [each for each in cls if text.lower() in (each.name.lower(), str(each.value).lower())]
        return found[0] if found else _refuse(text)
    if issubclass(cls, PurePath):
        return cls(expanded(text).absolute())
    if cls is os.PathLike:
        return expanded(text).absolute()
    if cls.__module__ == "torch" and cls.__name__ == "dtype":
        import sys

        found = getattr(sys.modules["torch"], text.removeprefix("torch."))
        return found if isinstance(found, cls) else _refuse(text)
    return cls(text)


def _convert_several(text: str, annotation: Any, kind: type[Any], default: object) -> Any:
    parts = [each.strip() for each in text.strip("()[]").split(",") if each.strip()]
    inner = [each for each in typing.get_args(annotation) if each is not Ellipsis]
    if not inner and isinstance(default, tuple | list) and default:
        inner = [type(default[0])]
    if len(inner) > 1 and kind is tuple and Ellipsis not in typing.get_args(annotation):
        return kind(convert(each, one) for each, one in zip(parts, inner, strict=True))
    return kind(convert(each, inner[0] if inner else Any) for each in parts)


def describe(annotation: Any) -> str:
    """What a value of this annotation is, in words."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return "one of " + ", ".join(written(each) for each in typing.get_args(annotation))
    if origin is typing.Annotated:
        return describe(typing.get_args(annotation)[0])
    if _is_union(annotation):
        return " or ".join(describe(each) for each in typing.get_args(annotation))
    words: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        type(None): "none",
    }
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "one of " + ", ".join(each.name for each in annotation)
    if is_path(annotation):
        return "a path"
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))
