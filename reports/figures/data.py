"""What figures are drawn from: records, and the distances that lie beside them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...benchmark.metrics.values import Undefined
from ...benchmark.readings.distributions import DistancesMissing, Distributions, NoDistances, distributions_of
from ...benchmark.records.collection import collect
from ...benchmark.records.comparable import grouped, scored_otherwise, side_by_side
from ...benchmark.records.record import RunRecord, Value
from ..leaderboard.table import NOT_MEASURED

AGAIN = "remove the record's folder and run the same command again"
"""What helps where something is gone that a finished record should have beside it."""
LONGEST_LABEL = 36
"""Characters of a name in a figure; longer ones lose their middle."""
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, marks that turn the direction of writing, surrogates and what is not assigned."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A record, the folder it lies in and its name in figures."""

    record: RunRecord
    folder: Path
    label: str
    """Of its method; no two entries of one group have the same."""

    @property
    def sanity(self) -> bool:
        """Not a method that competes."""
        return self.record.method.family == "sanity"

    def recognizers(self) -> list[str]:
        """Specifications in the order of the record."""
        return list(dict.fromkeys(each.spec for each in self.record.recognizers))

    def value(self, metric: str, recognizer: str | None = None) -> Value | None:
        """The record's number, or None where it has none."""
        found = self.record.value(metric, recognizer)
        return None if found is None or found.value is None else found

    @property
    def place(self) -> str:
        """Name of the folder, for captions, which hold no paths."""
        return self.folder.resolve().name

    def not_run_with(self, recognizer: str) -> str:
        """That the record has nothing of a recogniser, as captions say it."""
        return f"not run with {clean_label(recognizer)}"

    def why_none(self, metric: str, recognizer: str | None = None) -> str:
        """Why the record has no such number: its own reason, where it gives one."""
        found = self.record.value(metric, recognizer)
        if found is not None:
            return found.reason or "no reason kept"
        if recognizer is not None and recognizer not in self.recognizers():
            return self.not_run_with(recognizer)
        return NOT_MEASURED


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Entries whose numbers may stand in one figure: one protocol, dataset and analyzer."""

    key: tuple[str, ...]
    entries: tuple[Entry, ...]
    scoring: str = ""
    """How they were scored, where others of the same setting were scored otherwise."""

    @property
    def protocol(self) -> str:
        return self.entries[0].record.protocol.id

    @property
    def dataset(self) -> str:
        """Name for figures."""
        return dataset_label(self.entries[0].record) + self.scoring

    def recognizers(self) -> list[str]:
        """Of any entry, in order of first appearance."""
        return list(dict.fromkeys(name for each in self.entries for name in each.recognizers()))


def load_entries(
    sources: Sequence[Path], methods: Sequence[str] = (), recognizers: Sequence[str] = ()
) -> tuple[list[Group], list[tuple[Path, str]]]:
    """All records below the sources, grouped; one that cannot be read is left out.

    Args:
        sources: folders of results, or `run.json` files.
        methods: specifications or names to keep, in this order; empty: all.
        recognizers: keep records that have one of these, and those of named methods; empty: all.

    Returns:
        The groups in order of their names, and what was left out with the reason.

    Raises:
        RecordError: a source does not exist.
    """
    found, kept = collect(sources), []
    for record, folder in found.records:
        known = {each.spec for each in record.recognizers}
        asked = not methods or record.method.spec in methods or record.method.name in methods
        # A method that was named stays where it was run with another recogniser: captions say so.
        if asked and (methods or not recognizers or known.intersection(recognizers)):
            kept.append((record, folder))
    groups = grouped(kept, lambda each: each[0])
    records = [record for record, _ in kept]
    made = [
        (_group(key, side_by_side(members), methods), scored_otherwise(members[0][0], records))
        for key, members in groups
    ]
    return [replace(group, scoring=words) for group, words in made], found.left_out


def _group(key: tuple[str, ...], members: list[tuple[RunRecord, Path]], wanted: Sequence[str]) -> Group:
    """In the order wanted; where none is, by name, sanity checks last."""

    def order(member: tuple[RunRecord, Path]) -> tuple[int, bool, str, str]:
        record, method = member[0], member[0].method
        places = [index for index, name in enumerate(wanted) if name in (method.spec, method.name)]
        # A specification says more than a name that holds for several.
        exact = [index for index in places if wanted[index] == method.spec]
        place = (exact or places or [len(wanted)])[0]
        return place, method.family == "sanity", method.spec, record.digest

    members.sort(key=order)
    labels = unique_labels([record for record, _ in members])
    return Group(key, tuple(Entry(*member, label) for member, label in zip(members, labels, strict=True)))


def unique_labels(records: Sequence[RunRecord]) -> list[str]:
    """A name for each record's method; where two come out alike, the digest tells them apart."""
    plain = [clean_label(record.method.spec) for record in records]
    return [
        label if plain.count(label) == 1 else f"{label} ({record.digest[:6]})"
        for label, record in zip(plain, records, strict=True)
    ]


def dataset_label(record: RunRecord) -> str:
    """Name of a dataset for figures; a smoke test says so."""
    return clean_label(record.dataset.spec) + (" (limited)" if record.dataset.limited else "")


def clean_label(text: str, longest: int = LONGEST_LABEL) -> str:
    """A name on one line: without characters that nobody sees, and without its middle where it is too long."""
    # Cut first: a name may have megabytes.
    text = text if len(text) <= 4 * longest else text[: 2 * longest] + text[-2 * longest :]
    seen = "".join(" " if each.isspace() else each for each in text)
    kept = " ".join("".join(each for each in seen if unicodedata.category(each) not in _UNPRINTABLE).split())
    if len(kept) > longest:
        tail = longest // 3
        kept = f"{kept[: longest - tail - 1]}…{kept[-tail:]}"
    return kept or "(no name)"


def load_distributions(entry: Entry, recognizer: str, kinds: Sequence[str]) -> Distributions | Undefined:
    """Distributions of one recogniser's distances, from `scores.npz` beside the record.

    Args:
        entry: the record.
        recognizer: specification.
        kinds: of pairs that are drawn.

    Returns:
        The distributions, or why there are none.
    """
    if recognizer not in entry.recognizers():
        return Undefined(entry.not_run_with(recognizer))
    try:
        return distributions_of(entry.record, entry.folder, recognizer, kinds)
    except DistancesMissing as error:
        return Undefined(f"{error.path.name} is missing in {entry.place}; {AGAIN}")
    except NoDistances as error:
        # Captions are printed: where things lie on this machine has no place in them.
        reason = str(error).replace(f"{entry.folder}/", "")[:120]
        return Undefined(f"the distances in {entry.place} cannot be read ({reason}); {AGAIN}")
