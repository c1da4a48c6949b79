"""What `deid-bench data verify` finds, and how it says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..benchmark.planning.loaded_dataset import COPY, LoadedDataset
from ..datasets.duplicates import DuplicatePair, find_duplicates
from ..datasets.images import ImageError
from ..datasets.passed_over import printable

if TYPE_CHECKING:
    from ..benchmark.label_witness import LabelWitness

GRAVE = ("changed", "missing", "new", "unreadable", "duplicates")
"""Lists that make `verify` end with 1 when they are not empty."""


def contents(loaded: LoadedDataset, witness: LabelWitness | None = None) -> dict[str, Any]:
    """Counts, what is passed over, what does not decode, and what is there twice.

    Args:
        loaded: the dataset.
        witness: says of pictures under two identities whether it agrees, and why they are there.
    """
    unreadable = {}
    for sample in loaded.samples:
        try:
            sample.image()
        except ImageError as error:
            unreadable[sample.sample_id] = printable(str(error))
    readable = [each for each in loaded.samples if each.sample_id not in unreadable]
    return {
        "digest": loaded.digest,
        "images": len(loaded.samples),
        "identities": len({each.identity for each in loaded.samples}),
        "subjects": len({each.subject for each in loaded.samples}),
        "notes": list(loaded.notes),
        "passed_over": dict(loaded.passed_over),
        "passed_names": {reason: list(names) for reason, names in loaded.passed_names.items()},
        "copies": list(loaded.passed_names.get(COPY, ())),
        "unreadable": [{"sample": name, "problem": problem} for name, problem in unreadable.items()],
        "duplicates": [_sentence(each, witness) for each in find_duplicates(readable)],
    }


def _sentence(pair: DuplicatePair, witness: LabelWitness | None) -> str:
    if pair.same_identity:
        return pair.sentence()
    return f"{pair.sentence()}; {witness.says(pair) if witness else 'one of the two labels is probably wrong'}"


def lines(data: Mapping[str, Any], listed: int) -> Iterator[tuple[str, bool]]:
    """The report as text, line by line, and whether a line is a warning.

    Args:
        data: of `contents`, with what is known from the registration.
        listed: entries of a list that are shown.
    """
    for note in data.get("notes", ()):
        yield f"{'note':<12} {note}", True
    for key, value in data.items():
        if key in ("passed_over", "passed_names", "notes", "copies"):
            continue
        if not isinstance(value, list):
            yield f"{key:<12} {value}", False
            continue
        yield f"{key:<12} {len(value) or 'none'}", False
        yield from _listed([_text(each) for each in value], listed)
    if "passed_over" not in data:
        yield f"{'images':<12} not looked at", False
        return
    passed: Mapping[str, int] = data["passed_over"]
    yield f"{'passed over':<12} {sum(passed.values()) or 'nothing'}", False
    for reason, count in passed.items():
        yield f"  {count} {reason}", True
        yield from ((f"  {text}", warn) for text, warn in _listed(data["passed_names"].get(reason, ()), listed))


def _listed(entries: Sequence[str], listed: int) -> Iterator[tuple[str, bool]]:
    for each in entries[:listed]:
        yield f"  {each}", True
    if len(entries) > listed:
        yield f"  … and {len(entries) - listed} more (--json has all)", False


def _text(entry: Any) -> str:
    return f"{entry['sample']}: {entry['problem']}" if isinstance(entry, Mapping) else str(entry)
