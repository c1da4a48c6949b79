"""How `deid-bench verify` checks every field of a record; what nothing checks is named in the stamp.

This table is the one home of what a stamp covers: `judge` takes the list of the submitter's words from it, the check of
labels leaves out what it calls so, and the table in docs/reports.md is printed from it. A test walks the record's model
and fails where a field has no entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from enum import StrEnum
from typing import Any, Literal, get_args

from pydantic import BaseModel

from ..records.record import RunRecord


class Check(StrEnum):
    """What a field is held against."""

    LAYOUT = "held against the file itself when it is read"
    PROTOCOL = "compared with the protocol of that digest"
    NUMBERS = "computed anew from the distances and rows, and equal; `values` also from the images if all are made anew"
    ATTACKS = "computed anew from the attackers' distances, which are compared when every image is made anew"
    IMAGES = "compared with every image that is made anew"
    AT_HAND = "compared with the plug-ins and the dataset at hand"
    WORD = "the submitter's word"


Depth = Literal["distances", "drawn images", "every image"]
"""How far a record was followed: its distances alone, some images drawn at random, or every image."""

HOST = "host"
"""Stands in the list of the submitter's words for times, memory, machine and libraries."""
ATTACKS = "attacks"
"""Starts a word where attackers' distances were not made anew."""
IRREGULAR = "failures (whether results were irregular, which is seen by chance)"
UNDRAWN = " (of images that were not drawn, or came out nearly the same only)"
HANGING = "they hang on distances that rounding alone may change; --rerun all computes them"
"""Of numbers, where only some images were made anew."""
FORGEABLE = " (follow from attackers' distances that nobody has made anew)"

_PLUGIN = dict.fromkeys(
    ("spec", "name", "version", "params", "source_sha256", "description", "licence", "citation", "training_data",
     "weights"),
    Check.AT_HAND,
) | {"origin": Check.WORD}  # fmt: skip
_METHOD = dict.fromkeys(("family", "knowledge", "stochastic"), Check.AT_HAND)
_METRIC = dict.fromkeys(
    ("takes", "title", "short", "group", "unit", "better", "low", "high", "target", "decimals", "formula", "caveat"),
    Check.AT_HAND,
)
_DATASET = dict.fromkeys(
    ("digest", "samples", "identities", "subjects", "rendered", "redistributable", "limited", "shown", "no_rates",
     "passed_over", "notes"),
    Check.AT_HAND,
)  # fmt: skip
_VALUE = dict.fromkeys(
    ("metric", "recognizer", "value", "std", "interval.low", "interval.high", "interval.level", "interval.method", "n",
     "reason", "range.low", "range.high"),
    Check.NUMBERS,
)  # fmt: skip


def _below(name: str, fields: Mapping[str, Check]) -> dict[str, Check]:
    return {f"{name}.{field}": check for field, check in fields.items()}


def _all(check: Check, name: str, *fields: str) -> dict[str, Check]:
    return _below(name, dict.fromkeys(fields, check))


FIELDS: Mapping[str, Check] = {
    "schema_version": Check.LAYOUT,
    "digest": Check.NUMBERS,
    "toolkit": Check.WORD,
    "score_version": Check.AT_HAND,
    **_all(Check.PROTOCOL, "protocol", "id", "digest", "title", "summary", "rules"),
    **_below("dataset", _PLUGIN | _DATASET),
    **_below("method", _PLUGIN | _METHOD),
    **_below("analyzer", _PLUGIN),
    **_below("recognizers", _PLUGIN),
    **_below("metrics", _PLUGIN | _METRIC),
    "repetitions": Check.NUMBERS,
    "root_seed": Check.AT_HAND,
    "quality": Check.AT_HAND,
    **_all(Check.NUMBERS, "counts", "planned", "done", "failed", "skipped"),
    **_all(Check.IMAGES, "counts", "reasons", "retry"),
    **_below("values", _VALUE),
    "alarms": Check.NUMBERS,
    **_all(Check.IMAGES, "failures", "stage", "by", "about", "outcome", "reason", "count", "total", "first"),
    **_all(Check.NUMBERS, "curves", "name", "recognizer", "x", "y", "at", "comparisons"),
    **_all(Check.AT_HAND, "retrieval", "queries", "query_identities", "mates", "others", "other_identities", "unused"),
    **_all(Check.AT_HAND, "retrieval", "targets", "notes"),
    **_all(Check.NUMBERS, "samples", "sample_id", "repetition", "status", "distances"),
    **_all(Check.IMAGES, "samples", "reason", "survived", "measures", "task", "image_sha256"),
    **_all(Check.NUMBERS, "groups.groups", "kind", "group", "people", "images", "skipped", "reason"),
    **_all(Check.NUMBERS, "groups.numbers", "kind", "group", "metric", "recognizer", "value"),
    **_all(Check.NUMBERS, "groups.numbers.interval", "low", "high", "level", "method"),
    **_all(Check.NUMBERS, "groups.numbers", "people", "n"),
    **_all(Check.NUMBERS, "groups.tests", "kind", "metric", "recognizer", "spread", "p", "p_holm"),
    **_all(Check.AT_HAND, "attacks", "suite", "digest", "asked", "auxiliary"),
    **_all(Check.ATTACKS, "attacks", "auxiliary_people", "auxiliary_images"),
    **_all(Check.ATTACKS, "attacks.about", "id", "title", "knows", "reason"),
    **_all(Check.ATTACKS, "attacks.rows", "attack", "recognizer", "label", "slots", "status", "reason", "left_out"),
    **_below("attacks.rows.values", dict.fromkeys(_VALUE, Check.ATTACKS)),
    **_all(Check.ATTACKS, "attacks.rows.controls", "name", "rank1", "low", "high", "passed"),
    **_all(Check.ATTACKS, "attacks.worst", "recognizer", "metric", "label"),
    **_all(Check.ATTACKS, "attacks.worst.exposed", "identity", "found", "images"),
    **_all(Check.LAYOUT, "distances_file", "sha256", "size", "reason"),
    **_all(Check.WORD, "host", "created", "backend", "jobs", "machine", "packages", "seconds", "wall_seconds"),
    **_all(Check.WORD, "host", "peak_memory_mb"),
}
"""By dotted name, without the numbers of lists; a dictionary is one field."""


def model_fields(model: type[BaseModel] = RunRecord) -> Iterator[str]:
    """Dotted names of all fields that hold no further model.

    Args:
        model: where to start.
    """
    for name, field in model.model_fields.items():
        inner = list(_models(field.annotation))
        if not inner:
            yield name
        for each in inner:
            yield from (f"{name}.{below}" for below in model_fields(each))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def is_word(field: str) -> bool:
    """Whether nothing can check it; numbers of lists stand in its name or not."""
    return FIELDS.get(".".join(part for part in field.split(".") if not part.isdecimal())) is Check.WORD


def words(record: RunRecord, depth: Depth) -> list[str]:
    """What stays the submitter's word in a record whose numbers were computed anew.

    Args:
        record: as it came.
        depth: how far it was followed.

    Returns:
        Names of fields; a name stands for all that is below it.
    """
    free = {Check.WORD}
    if depth == "distances":
        free |= {Check.AT_HAND, Check.IMAGES}
    named = _collapsed({name for name, check in FIELDS.items() if check in free and _there(record, name)})
    if depth == "drawn images":
        undrawn = {name for name, check in FIELDS.items() if check is Check.IMAGES}
        named += [f"{name}{UNDRAWN}" for name in _collapsed(undrawn)]
        named += [f"{ATTACKS}{FORGEABLE}"] if record.attacks is not None else []
    if depth == "every image":
        named.append(IRREGULAR)
    if depth != "distances" and record.dataset.limited:
        named.append("dataset.limited")  # `--limit` may take the whole of a dataset, so that it changes nothing
    return named


def _there(record: RunRecord, name: str) -> bool:
    """Whether the record has such a part at all, so that something may be said of it."""
    top = name.partition(".")[0]
    return getattr(record, top) not in (None, []) or top == "failures"


def _collapsed(names: Set[str]) -> list[str]:
    """With one name for what is wholly among them, in the order of the table."""
    found: dict[str, None] = {}
    for name in FIELDS:
        if name not in names:
            continue
        parts = name.split(".")
        tops = [".".join(parts[: count + 1]) for count in range(len(parts))]
        whole = (top for top in tops if all(each in names for each in FIELDS if f"{each}.".startswith(f"{top}.")))
        found[next(whole)] = None
    return list(found)


def table() -> str:
    """The table as Markdown, for the manual; a name stands for all below it that no other line names."""
    main: dict[str, Check] = {}
    for top in dict.fromkeys(name.partition(".")[0] for name in FIELDS):
        checks = [check for name, check in FIELDS.items() if name.partition(".")[0] == top]
        main[top] = max(dict.fromkeys(checks), key=checks.count)
    lines = ["| fields of a record | how `verify` checks them |", "|---|---|"]
    for check in Check:
        tops = [top for top, most in main.items() if most is check]
        odd = {name for name, own in FIELDS.items() if own is check and main[name.partition(".")[0]] is not check}
        lines.append(f"| {', '.join(f'`{name}`' for name in (*tops, *_collapsed(odd)))} | {check.value} |")
    return "\n".join(lines)
