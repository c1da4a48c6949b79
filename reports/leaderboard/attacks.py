"""What attackers find, in words: the label of a worst case, how many attacks ran, the ladder of one method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.protocols import protocol_of
from ...benchmark.records.attacks import AttackRow
from ...benchmark.records.record import RunRecord, Value

IGNORANT = "ignorant attacker only"
RANK1 = "rank1_without_source"
NUMBERS = (RANK1, "eer_effective", "tpr_at_fmr_1", "tpr_at_fmr_0_1", "linkability")
"""Numbers of each attack, in the order of its table."""


def worst_label(record: RunRecord, metric: str, recognizer: str | None) -> str:
    """The attacks behind a worst case; empty for other numbers."""
    return "" if record.attacks is None else record.attacks.worst_label(metric, recognizer or None)


def ran(record: RunRecord) -> str:
    """`9/11 attacks (basic)`, of those asked for, or that there was none."""
    found = record.attacks
    return IGNORANT if found is None else f"{found.ran}/{len(found.about)} attacks ({', '.join(found.asked)})"


def left_out(record: RunRecord) -> list[str]:
    """Why attacks did not run or do not count, and which of their combinations did not: each reason once, with the
    attacks and recognisers that it holds for.
    """
    if record.attacks is None:
        return []
    reasons: dict[str, list[str]] = {}
    for row in record.attacks.rows:
        if row.status != "counts":
            said = row.reason if row.status == "not run" else f"{row.status}: {row.reason}"
            where = row.attack if row.status == "not run" else f"{row.attack} ({row.recognizer})"
            reasons.setdefault(said, []).append(where)
        elif row.left_out:
            more = f", and {len(row.left_out) - 1} more in the record" if len(row.left_out) > 1 else ""
            reasons.setdefault(f"in part; not {row.left_out[0]}{more}", []).append(f"{row.attack} ({row.recognizer})")
    return [f"{', '.join(dict.fromkeys(names))}: {why}" for why, names in reasons.items()]


@dataclass(frozen=True, slots=True)
class Rung:
    """One attack on one method with one recogniser."""

    record: RunRecord
    row: AttackRow
    title: str

    @property
    def rank1(self) -> Value | None:
        """Share named at the first guess."""
        return self.row.value(RANK1)


def rungs(record: RunRecord, recognizer: str = "") -> Iterator[Rung]:
    """The ladder: A0 first, each recogniser for itself.

    Args:
        record: of a method.
        recognizer: specification; empty: all.
    """
    if record.attacks is None:
        return
    titles = {each.id: each.title for each in record.attacks.about}
    for row in record.attacks.rows:
        if recognizer in ("", row.recognizer):
            yield Rung(record, row, titles.get(row.attack, ""))


def searched_people(record: RunRecord) -> int | None:
    """How many people one is searched for among, so that a guess finds one of so many.

    Returns:
        None where part of the dataset is evaluated, of whose people a record has no count.
    """
    if record.retrieval is not None:
        return record.retrieval.query_identities + record.retrieval.other_identities
    rules = record.protocol
    known = protocol_of(rules.id, rules.digest, rules.rules)
    return record.dataset.identities if known is not None and known.split.dev_share == 0 else None


def rung_text(rung: Rung) -> str:
    """`84.4 % [76.0, 90.1], A1+A2a`, or why there is nothing."""
    value = rung.rank1
    if value is None or value.value is None:
        return rung.row.reason or (value.reason if value else None) or "no number"
    about, interval = METRICS[RANK1], value.interval
    within = " [{}, {}]".format(*about.bounds(interval.low, interval.high)) if interval else ""
    status = "" if rung.row.status == "counts" else f"; {rung.row.status}: {rung.row.reason}"
    return f"{about.text(value.value)} {about.unit}{within}, {rung.row.label}{status}"


def exposed_text(record: RunRecord, recognizer: str | None) -> str:
    """Who is found most often by the worst attack; empty where nothing is known."""
    if record.attacks is None:
        return ""
    about = METRICS["rank1_worst"]
    found = [each for each in record.attacks.worst if (each.metric, each.recognizer) == (about.name, recognizer)]
    people = [
        f"{each.identity or 'somebody'} {about.text(about.scale * each.found)} {about.unit} of {each.images}"
        for worst in found
        for each in worst.exposed
    ]
    return ", ".join(people)


def attack_rows(records: Sequence[RunRecord]) -> list[list[str]]:
    """The table of attacks with every digit, a heading first: a line for each method, recogniser and attack."""
    heading = ["method", "dataset", "protocol", "recognizer", "attack", "made of", "counts"]
    for metric in NUMBERS:
        heading += [metric, f"{metric}_low", f"{metric}_high"]
    lines = [[*heading, "reason", "dataset_digest", "limited", "score_version"]]
    for record in records:
        for rung in rungs(record):
            row = rung.row
            line = [record.method.spec, record.dataset.spec, record.protocol.id, row.recognizer, row.attack]
            line += [row.label, "yes" if row.status == "counts" else row.status]
            for metric in NUMBERS:
                line += _three(row.value(metric))
            limited = "yes" if record.dataset.limited else "no"
            lines.append([*line, row.reason, record.dataset.digest, limited, str(record.score_version)])
    return lines


def _three(value: Value | None) -> list[str]:
    if value is None or value.value is None:
        return ["", "", ""]
    if value.interval is None:
        return [repr(value.value), "", ""]
    return [repr(value.value), repr(value.interval.low), repr(value.interval.high)]
