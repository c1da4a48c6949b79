"""Plain data as YAML: mappings, lists, texts, numbers and truth values, every text in double quotes.

A text in double quotes reads the same in every version of YAML; unquoted, `no` is false and `1:30` a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

Plain = str | int | float | bool | Sequence["Plain"] | Mapping[str, "Plain"]


def yaml_text(data: Mapping[str, Plain]) -> str:
    """A document; keys have to be plain words."""
    return "\n".join(_mapping(data, "")) + "\n"


def _mapping(data: Mapping[str, Plain], indent: str) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _mapping(value, f"{indent}  ")
        elif isinstance(value, Sequence) and not isinstance(value, str) and value:
            yield f"{indent}{key}:"
            yield from _list(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"


def _list(data: Sequence[Plain], indent: str) -> Iterator[str]:
    for value in data:
        if isinstance(value, Mapping) and value:
            first, *rest = _mapping(value, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{indent}- {json.dumps(value, ensure_ascii=False)}"
