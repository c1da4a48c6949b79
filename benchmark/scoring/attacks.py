"""From the distances of attacks to the attacks of a record: chosen on some people, reported for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..metrics.privacy.worst_case import people_found
from ..metrics.values import Undefined
from ..planning.attack_plan import wanted
from ..records.attacks import CRASHED, AttackAbout, AttackRow, Attacks, Control, Exposed, Worst
from ..records.value import Value
from ..results.attacks import VariantDistances, VariantName
from ..results.cell import CellResults, Setting
from ..statistics.bootstrap_replicates import share_replicates
from ..statistics.simultaneous import Largest, largest_share
from ..statistics.uncertainty import Draws, Replicates
from ..suites import NOT_ASKED, Attack
from .attack_cell import AttackScoring, Candidate
from .attack_choice import (
    Chosen,
    Criterion,
    Number,
    accepted,
    by_eer,
    by_rank1,
    by_tpr,
    error_rate,
    folds,
    linkability,
    rank1,
)
from .attack_controls import failed, weaker, worst_controls
from .attack_fusion import fused, with_a_mate
from .attack_people import disclosure, exposed, found_by_person
from .attack_tables import FMR_LIMITS
from .numbers import Units, Values, clustered
from .withheld import lost_people

WORST: Mapping[str, Criterion] = {"rank1_worst": by_rank1, "eer_worst": by_eer, "tpr_at_fmr_1_worst": by_tpr}

OF_PEOPLE = ("people_found", "disclosure_bits")
"""What is told of the attack that is the worst by rank-1."""
WITHHELD = (*WORST, "rank1_max", *OF_PEOPLE)
"""All that follow from attackers (`metrics.catalogue.FROM_ATTACKERS`), in the order of records."""
OF_EACH = ("rank1_without_source", "eer_effective", *FMR_LIMITS, "linkability")
"""What is told of each attack."""


def report_attacks(
    values: Values, setting: Setting, results: CellResults, units: Units, place: dict[str, int]
) -> Attacks | None:
    """Add the worst cases to the values, and say what each attack found; None where none was asked for."""
    told, found = setting.attacks, results.attacks
    if told is None or found is None:
        return None
    scoring = AttackScoring(setting, results, values, units, place, folds(setting, told.suite.choice, found.people > 0))
    unwanted = wanted(told.suite, told.asked)
    asked = [each for each in told.suite.attack if unwanted[each.id] != NOT_ASKED]
    rows: list[AttackRow] = []
    worst: list[Worst] = []
    trusted: list[Candidate] = []
    for recognizer in found.variants:
        candidates = scoring.candidates(recognizer)
        added, kept = _rows(scoring, asked, recognizer, candidates)
        rows += added
        trusted += kept
        worst += _worst(scoring, recognizer, kept, added)
    if len(found.variants) > 1:
        worst += _worst(scoring, None, trusted, rows)
    return Attacks(
        suite=told.suite.id,
        digest=told.digest,
        asked=list(told.asked),
        auxiliary=told.auxiliary if found.people else "",
        auxiliary_people=found.people,
        auxiliary_images=found.images,
        about=[
            AttackAbout(id=each.id, title=each.title, knows=each.knows, reason=found.reasons.get(each.id, ""))
            for each in asked
        ],
        rows=rows,
        worst=worst,
    )


def _rows(
    scoring: AttackScoring, attacks: Sequence[Attack], recognizer: str, candidates: Sequence[Candidate]
) -> tuple[list[AttackRow], list[Candidate]]:
    """One row for each attack of the suite, in its order, and the combinations that count."""
    assert scoring.results.attacks is not None
    lost = lost_people(scoring.results.failures)
    if lost is not None and scoring.apart:
        why = f"{CRASHED}{lost}"
        return [AttackRow(attack=each.id, recognizer=recognizer, status="not run", reason=why) for each in attacks], []
    plain = scoring.plain(recognizer)
    trusted: list[Candidate] = []
    reasons = scoring.results.attacks.reasons
    hits: dict[str, dict[int, float]] = {}
    rows: list[AttackRow] = []
    for attack in attacks:
        told = [reasons[key] for key in (attack.id, f"{attack.id}/{recognizer}") if key in reasons]
        why = "; ".join(dict.fromkeys(told)) if scoring.apart else "".join(told[:1])
        reason = next((each for each in told if each.startswith(CRASHED)), why)
        own = [each for each in candidates if each.found.name.attack == attack.id]
        if reason.startswith(CRASHED):
            own = []  # what is left is another attack
        elif attack.fuses:
            made = _crashed(rows) or _fuse(scoring, attack, recognizer, trusted)
            own, reason = ([], made) if isinstance(made, str) else ([made], "")
        if not own:
            reason = reason or "not tried with this recogniser"
            rows.append(AttackRow(attack=attack.id, recognizer=recognizer, status="not run", reason=reason))
            continue
        judged = [_Judged(each, scoring.controls(attack, each, plain)) for each in own]
        row, chosen, passing = _row(scoring, attack, recognizer, judged, told)
        if row.status == "counts":
            own_hits = {} if isinstance(chosen, Undefined) else found_by_person(chosen)
            lower = [each for each in attack.stronger_than if each in hits]
            beaten = [each for each in lower if weaker(own_hits, hits[each], len(rows))]
            if not beaten:
                hits[attack.id] = own_hits
                trusted += [each.candidate for each in passing]
            else:
                reason = f"finds fewer than {', '.join(beaten)}, whose attacker knows less"
                row = row.model_copy(update={"status": "not converged", "reason": reason})
        rows.append(row)
    return rows, trusted


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A combination, and what it makes of the controls."""

    candidate: Candidate
    controls: Sequence[Control]

    @property
    def why(self) -> str:
        """Why it does not count; empty when it does."""
        return failed(self.controls)

    @property
    def slots(self) -> str:
        """What fills its slots."""
        return self.candidate.found.name.slots


def _row(
    scoring: AttackScoring, attack: Attack, recognizer: str, judged: Sequence[_Judged], told: Sequence[str]
) -> tuple[AttackRow, list[Chosen] | Undefined, Sequence[_Judged]]:
    """One attack: the best of its combinations that pass their controls or, where none does, the best of all.

    Returns:
        The row, what was chosen, and the combinations that pass.
    """
    good = [each for each in judged if not each.why]
    taken = (good or judged) if scoring.apart else judged
    chosen = scoring.choose([each.candidate for each in taken], by_rank1)
    shown = taken if isinstance(chosen, Undefined) else [taken[each.index] for each in chosen]
    controls = worst_controls([each.controls for each in shown])
    why = failed(controls)
    left_out = [*told, *(f"{each.slots}: {each.why}" for each in judged if good and each.why)]
    if half := scoring.half_known([each.candidate for each in judged]):
        left_out.append(f"{half} images: some of their distances are none")
    row = AttackRow(
        attack=attack.id,
        recognizer=recognizer,
        label="" if isinstance(chosen, Undefined) else _label([each.candidate for each in shown]),
        slots=[each.slots for each in shown],
        status="control failed" if why else "counts",
        reason=why,
        left_out=left_out if scoring.apart else [],
        values=_numbers(scoring, recognizer, chosen),
        controls=controls,
    )
    return row, chosen, good


def _fuse(scoring: AttackScoring, attack: Attack, recognizer: str, counted: Sequence[Candidate]) -> Candidate | str:
    """A candidate made of those that count, or why there is none."""
    own = scoring.together(counted)
    found = fused(with_a_mate(own) if scoring.apart else own, scoring.parts)
    if isinstance(found, str):
        return found
    slots = "all, all, logistic, one"
    name = VariantName(attack.id, slots, "all", "one")
    none = np.zeros(0, dtype=np.intp)
    return Candidate(VariantDistances(name, np.zeros((0, 0), np.float32)), recognizer, found, none)


def _numbers(scoring: AttackScoring, recognizer: str, chosen: Sequence[Chosen] | Undefined) -> list[Value]:
    """What one attacker finds; in a list of its own, as the same metrics stand in the record for A0."""
    apart = Values(scoring.values.draws)
    if isinstance(chosen, Undefined):
        for metric in OF_EACH:
            apart.add(metric, chosen, 0, recognizer)
        return apart.values
    draws, units = scoring.values.draws, scoring.units
    numbers: dict[str, Number] = {
        "rank1_without_source": rank1(chosen, draws, units),
        "eer_effective": error_rate(chosen, draws),
        **{metric: accepted(chosen, draws, metric) for metric in FMR_LIMITS},
        "linkability": linkability(chosen, draws, units),
    }
    for metric, each in numbers.items():
        apart.add(metric, each.value, each.n, recognizer, within=each.within)
    return apart.values


def _crashed(rows: Sequence[AttackRow]) -> str:
    """Which attacks crashed, in half a sentence; empty when none did."""
    names = dict.fromkeys(each.attack for each in rows if each.reason.startswith(CRASHED))
    return f"{', '.join(names)} crashed" if names else ""


def _worst(
    scoring: AttackScoring, recognizer: str | None, trusted: Sequence[Candidate], rows: Sequence[AttackRow]
) -> list[Worst]:
    """The worst cases of some combinations, added to the record's values; none where one of the rows crashed."""
    values, units = scoring.values, scoring.units
    why = f"withheld: {_crashed(rows)}; the same command tries it again" if _crashed(rows) else ""
    why = why or ("" if trusted else "no attack counts")
    if why:
        for metric in WITHHELD:
            values.add(metric, Undefined(why), 0, recognizer)
        return []
    worst = []
    for metric, criterion in WORST.items():
        chosen = scoring.choose(trusted, criterion)
        if isinstance(chosen, Undefined):
            for name in (metric, *(OF_PEOPLE if metric == "rank1_worst" else ())):
                values.add(name, chosen, 0, recognizer)
            continue
        number = _worst_number(metric, chosen, scoring)
        values.add(metric, number.value, number.n, recognizer, within=number.within)
        label = _label([trusted[each.index] for each in chosen], recognizer is None)
        people: list[Exposed] = []
        if metric == "rank1_worst":
            people = _report_people(scoring, recognizer, chosen)
        worst.append(Worst(recognizer=recognizer, metric=metric, label=label, exposed=people))
    _report_largest(values, units, recognizer, trusted, scoring)
    return worst


def _worst_number(metric: str, chosen: Sequence[Chosen], scoring: AttackScoring) -> Number:
    if metric == "rank1_worst":
        return rank1(chosen, scoring.values.draws, scoring.units)
    if metric == "eer_worst":
        return error_rate(chosen, scoring.values.draws)
    return accepted(chosen, scoring.values.draws, "tpr_at_fmr_1")


def _report_people(scoring: AttackScoring, recognizer: str | None, chosen: Sequence[Chosen]) -> list[Exposed]:
    """Who is found, and how much that says."""
    values = scoring.values
    by_person = found_by_person(chosen)
    values.add_share("people_found", people_found(by_person), list(by_person), recognizer)
    gains = disclosure(chosen)
    if isinstance(gains, Undefined):
        values.add("disclosure_bits", gains, 0, recognizer)
    else:
        values.add_mean("disclosure_bits", gains[0].tolist(), gains[1].tolist(), recognizer=recognizer)
    told = scoring.setting.attacks
    names = {number: name for name, number in scoring.place.items()}
    return exposed(chosen, names if told is not None and told.names else None)


def _report_largest(
    values: Values, units: Units, recognizer: str | None, trusted: Sequence[Candidate], scoring: AttackScoring
) -> None:
    shares: list[Replicates] = []
    counts: list[int] = []
    for each in trusted:
        if len(each.searches) > 1 and not scoring.apart:
            continue
        hits, columns = scoring.everybody(each)
        if not hits or isinstance(values.draws, Undefined):
            continue
        replicates = share_replicates(clustered(hits, columns), values.draws, units.levels)
        if isinstance(replicates, Replicates):
            shares.append(replicates)
            counts.append(len(hits))
    if not isinstance(values.draws, Draws):
        values.add("rank1_max", Undefined(f"no intervals: {values.draws.reason}"), 0, recognizer)
        return
    largest = largest_share(shares)
    if isinstance(largest, Largest):
        values.add("rank1_max", largest.share, counts[largest.index], recognizer, within=largest.within)
    else:
        values.add("rank1_max", largest, 0, recognizer)


def _label(chosen: Sequence[Candidate], with_recognizer: bool = False) -> str:
    """`A1+A2a`, or `A1+A2a (ccnet)`; several are parted by ` | `."""
    texts = [label_of(each.found) + (f" ({each.recognizer})" if with_recognizer else "") for each in chosen]
    return " | ".join(dict.fromkeys(texts))


def label_of(found: VariantDistances) -> str:
    """The attacks that a combination is made of, by what fills its slots."""
    name = found.name
    gallery, _, recogniser, pooling = name.slots.split(", ")
    parts = {name.attack}
    if gallery == "parrot":
        parts.add("A1")
    if recogniser.partition(":")[0] == "lda":
        parts.add("A2a")
    if pooling != "one":
        parts.add("A5")
    return "+".join(sorted(parts))
