"""Parameters in a stranger's record that choose what this machine would read or fetch."""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...characters import plain
from ...plugins.entries import Kind, parameters, registry
from ...plugins.specs import Spec
from ...plugins.values import is_path, written
from ...weights.files import all_specs
from ...weights.hub import was_fetched

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def foreign_choices(kind: Kind, text: str) -> list[str]:
    """Parameters of a specification that name a file, a folder or an address of their own; empty where none does.

    The digest of what they name is compared only after it was read, or fetched. Registered weights are pinned, and
    weights of the Hugging Face hub that lie here were fetched by whoever works here.

    Args:
        kind: of the plug-in.
        text: its specification, of a plug-in that is known here.

    Raises:
        PluginError: the plug-in cannot be loaded.
    """
    spec = Spec.parse(text)
    known = parameters(registry().get(kind, spec.target).load())
    return list(_chosen(spec, known))


def _chosen(spec: Spec, known: dict[str, inspect.Parameter]) -> Iterator[str]:
    registered = {each.name for each in all_specs()}
    for name, value in spec.params:
        parameter = known.get(name)
        if parameter is None or value in registered or _is_closed(parameter.annotation):
            continue
        if isinstance(parameter.default, str) and value == written(parameter.default):
            continue
        if is_path(parameter.annotation, parameter.default) or _is_place(value):
            yield f"{plain(name)}={plain(value)}"


def _is_closed(annotation: Any) -> bool:
    """Whether a parameter is a number, a switch or one of some words."""
    if typing.get_origin(annotation) is typing.Literal:
        return True
    return isinstance(annotation, type) and (annotation in (int, float, bool) or issubclass(annotation, enum.Enum))


def _is_place(value: str) -> bool:
    try:
        there = Path(value).exists()
    except (OSError, ValueError):
        return True
    if there or value.startswith("~"):
        return True
    return any(each in value for each in "/\\") and not _was_fetched(value)


def _was_fetched(value: str) -> bool:
    """Whether it is a model of the Hugging Face hub that lies in the cache here."""
    return _HUB_ID.fullmatch(value) is not None and was_fetched(value, "config.json")
