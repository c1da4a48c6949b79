"""Whether JSON of a stranger has the shape of a model, up to the first place where it has not.

pydantic collects every error before it says the first one: millions of them, which a small file of zeros can cause,
take gigabytes, and may end the process where memory is limited. So this look comes before.
"""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from ...characters import plain

_NUMBERS = frozenset({int, float, bool})
_SCALARS: dict[Any, frozenset[type]] = {
    str: frozenset({str}),
    int: _NUMBERS,
    float: _NUMBERS,
    bool: _NUMBERS,
    NoneType: frozenset({NoneType}),
}


def misfit(value: Any, annotation: Any, where: str = "") -> str:
    """The first place that is of another shape, and what was expected there; empty where there is none.

    Args:
        value: as `json.loads` gives it.
        annotation: a model, or what stands as the type of one of its fields.
        where: dotted name of the value.
    """
    plain_types = _plain_types(annotation)
    if type(value) in plain_types:
        return ""
    misses = []
    for kind in _alternatives(annotation):
        if kind is Any or not (miss := _misfit(value, kind, where)):
            return ""
        misses.append(miss)
    return max(misses, key=lambda miss: miss.partition(":")[0].count("."))  # of a part that is there or null


def _misfit(value: Any, kind: Any, where: str) -> str:
    origin = get_origin(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _model_misfit(value, kind, where)
    if origin is Literal:
        return "" if value in get_args(kind) else _expected(where, "one of its fixed values", value)
    if origin is list:
        if type(value) is not list:
            return _expected(where, "a list", value)
        inner = get_args(kind)[0]
        known = _plain_types(inner)
        items = enumerate(value)
        return next((odd for at, each in items if type(each) not in known
                     if (odd := misfit(each, inner, _join(where, at)))), "")  # fmt: skip
    if origin is dict:
        if type(value) is not dict:
            return _expected(where, "an object", value)
        inner = get_args(kind)[1]
        return next((odd for key, each in value.items() if (odd := misfit(each, inner, _join(where, key)))), "")
    return _expected(where, "another kind of value", value)


def _model_misfit(value: Any, model: type[BaseModel], where: str) -> str:
    if type(value) is not dict:
        return _expected(where, "an object", value)
    fields = model.model_fields
    for key in value:
        if key not in fields:
            return f"{_join(where, key)}: there is no such field"
    for name, field in fields.items():
        if name not in value:
            if field.is_required():
                return f"{_join(where, name)}: is missing"
        elif odd := misfit(value[name], field.annotation, _join(where, name)):
            return odd
    return ""


@cache
def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """What a value may be, without what is asked of it beside its type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(kind for each in get_args(annotation) for kind in _alternatives(each))
    return (annotation,)


@cache
def _plain_types(annotation: Any) -> frozenset[type]:
    """Types of values that need no further look."""
    found: frozenset[type] = frozenset()
    return found.union(*(_SCALARS.get(kind, found) for kind in _alternatives(annotation)))


def _join(where: str, part: object) -> str:
    return f"{where}.{plain(part, 40)}" if where else plain(part, 40)


def _expected(where: str, what: str, value: Any) -> str:
    got = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else plain(value, 40)
    return f"{where or 'it'}: expected {what}, got {got}"
