"""Checks of every kind: that a plug-in says what it is, and that a run can build it, hash it and write it down."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping

from ...deidentifiers.base import TakesBatches
from ...plugins.abilities import ExpectsFailures
from ...plugins.entries import Resolved, Spec, load_ref, registry
from ...plugins.kinds import CONTRACTS, Kind
from ...weights.files import spec as weight_spec
from ..planning.cells import describe
from ..planning.tasks import plugin_of
from ..records.record import Plugin
from .check import Problem, check


@check()
def check_describes_itself(resolved: Resolved) -> Problem:
    """`info` is of the kind's own class, with a name, a version, a modality, a description and a licence."""
    module, _, name = CONTRACTS[resolved.entry.kind].info.rpartition(".")
    expected = getattr(importlib.import_module(module), name)
    info = resolved.info
    if not isinstance(info, expected):
        return f"info should be a {name}, got {type(info).__name__}"
    needed = ("name", "version", "modality", "description", "licence")
    empty = [each for each in needed if not getattr(info, each, None)]
    if empty:
        return f"info lacks {', '.join(empty)}"
    size: object = info.batch_size if isinstance(info, TakesBatches) else 1
    if not isinstance(size, int) or size < 1:
        return f"info.batch_size should be 1 or more, got {size!r}"
    for weight in getattr(info, "weights", ()):
        weight_spec(weight)
    cls: object = resolved.cls
    expects: object = cls.expected_failures if isinstance(cls, ExpectsFailures) else {}
    if not isinstance(expects, Mapping) or not all(isinstance(each, str) and each for each in expects.values()):
        return f"expected_failures should say why by the check's name, got {expects!r}"
    return None


@check()
def check_can_be_run_and_recorded(resolved: Resolved) -> Problem:
    """A run can build it, in another process too, hash it with its settings, and write both into a record."""
    resolved.create()
    plugin = plugin_of(resolved)
    if resolved.entry.kind is not Kind.DATASET:
        Plugin(**describe(plugin)).model_dump_json()
    load_ref(pickle.loads(pickle.dumps(resolved.ref)))  # noqa: S301 - our own, made just now
    again = registry().resolve(resolved.entry.kind, Spec.parse(str(resolved.spec)))
    if again.spec != resolved.spec or plugin_of(again).digest != plugin.digest:
        return f"its settings are other ones when they are read from the text that a record holds: {resolved.spec}"
    return None


COMMON = (check_describes_itself, check_can_be_run_and_recorded)
