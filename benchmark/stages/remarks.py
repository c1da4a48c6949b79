"""What is noticed about plug-ins while tasks are carried out, though they give results: kept with these results.

A remark is stored with an object of the plug-in at fault, so that a record says it as well when a run goes on where it
stopped, and whichever process noticed it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ...plugins.entries import PluginRef
from ..planning.tasks import RESTORING, ImageRef, Task
from ..storage.store import REMARKS, Payload

Made = TypeVar("Made")


@dataclass(slots=True)
class Remarks:
    """Of one chunk of tasks."""

    faults: dict[tuple[PluginRef, str], None] = field(default_factory=dict)
    """What a reader of the record has to know, in the order of noticing."""
    notes: dict[tuple[PluginRef, str], None] = field(default_factory=dict)
    """What the author of the plug-in may want to know."""


_HEARD: ContextVar[Remarks | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[Remarks]:
    """What is remarked inside is collected; the notes of it are printed at the end."""
    heard = Remarks()
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)
        for ref, text in heard.notes:
            sys.stderr.write(f"deid-bench: {ref.spec}: {text}\n")


def remark(ref: PluginRef | None, text: str, *, fault: bool = True) -> None:
    """Say something about a plug-in; outside of any task, nobody listens."""
    heard = _HEARD.get()
    if heard is not None and ref is not None:
        (heard.faults if fault else heard.notes)[ref, text] = None


def by_task(heard: Remarks, tasks: Sequence[Task]) -> dict[str, list[str]]:
    """The faults, each by the digest of the first task that the plug-in at fault took part in.

    Those of a restorer whose images are made anew where they are looked at begin with `RESTORING`.
    """
    found: dict[str, list[str]] = {}
    for ref, text in heard.faults:
        at_work = (each for each in tasks if ref in (each.plugin, each.method, each.recognizer))
        restored = (each for each in tasks if each.images and _restorer(each.images[0]) == ref)
        first, other = next(at_work, None), next(restored, None)
        said = text if first or other is None else RESTORING + text
        found.setdefault((first or other or tasks[0]).digest, []).append(said)
    return found


def _restorer(image: ImageRef) -> PluginRef | None:
    return None if image.recipe is None else image.recipe.plugin


def with_remarks(made: Made, texts: Sequence[str]) -> Made:
    """An object that holds what was remarked; anything else as it is."""
    if not isinstance(made, Payload) or not texts:
        return made
    return replace(made, meta={**made.meta, REMARKS: list(texts)})


def without_remarks(payload: Payload) -> Payload:
    """An object as it would be if nothing had been remarked."""
    return replace(payload, meta={name: each for name, each in payload.meta.items() if name != REMARKS})
