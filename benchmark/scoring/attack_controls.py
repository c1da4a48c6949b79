"""Whether an attack can be trusted: what it finds where the answer is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..metrics.values import Undefined
from ..records.attacks import Control
from ..results.cell import CellResults, Matrix, Setting
from ..statistics.comparison import SIGNIFICANT
from ..statistics.uncertainty import wilson
from ..suites import IDENTITY, STRANGER
from .attack_tables import APART, Bools, Indexes, Searches, half_known

FALSE_ALARM_Z = 3.3
"""Deviations from chance that one attack in about two thousand shows by itself."""
FLIPS = 4000
"""Random signs, for the test of one attack against another."""


def control_searches(
    setting: Setting,
    results: CellResults,
    matrix: Matrix,
    entries: Indexes,
    place: Mapping[str, int],
    enrolled: Bools,
) -> Searches:
    """Probes of a control as searches.

    Args:
        setting: protocol and samples.
        results: of the cell.
        matrix: (control probes, entries) distances.
        entries: of each column, which of the usable samples it was made from.
        place: number of each identity.
        enrolled: (usable samples,) whether the recogniser has a template of the original.
    """
    assert results.attacks is not None
    usable = results.usable
    asked = setting.queries
    gallery = [bool(enrolled[i]) and (asked is None or usable[i].sample_id not in asked) for i in entries]
    columns = np.array(gallery, dtype=bool)
    columns &= np.isfinite(matrix).any(axis=0) if len(matrix) else True
    kept = entries[columns]
    where = {int(sample): index for index, sample in enumerate(kept)}
    probes = results.attacks.controls
    found = Searches(
        matrix[:, columns],
        np.array([place[usable[i].identity] for i in probes], dtype=np.intp),
        np.array([place[usable[i].identity] for i in kept], dtype=np.intp),
        np.array([where.get(int(i), -1) for i in probes], dtype=np.intp),
        np.array([usable[i].subject for i in probes], dtype=object),
        np.array([usable[i].subject for i in kept], dtype=object),
        np.array([place[usable[i].identity] for i in probes], dtype=np.intp),
    )
    return found.of(~half_known(found.distances)) if setting.score_version >= APART else found


def judge(name: str, found: Searches | None, plain: Searches | None, *, of_all: bool = False) -> Control | None:
    """Hold what an attack finds against what it has to find.

    Args:
        name: of the control.
        found: of the attack; None: the control was not run, and is not passed.
        plain: the same probes before the plain recogniser, for the control `identity`.
        of_all: count images without a mate as searched, and pass what finds no number in strangers, as scoring before
            version 4 did.

    Returns:
        The verdict; None where the plain recogniser itself finds nothing to be held against.
    """
    reference = Undefined("not run") if plain is None else plain.rank1()
    if found is None:
        return Control(name=name, rank1=None, low=0.0, high=100.0, passed=False)
    value = found.rank1()
    share = None if isinstance(value, Undefined) else value
    if name == STRANGER:
        if share is None and isinstance(reference, Undefined) and not of_all:
            return None
        people = len(np.unique(found.enrolled))
        chance = 1 / people if people else 1.0
        high = min(1.0, chance + FALSE_ALARM_Z * math.sqrt(chance * (1 - chance) / max(1, _searched(found, of_all))))
        passed = of_all if share is None else share <= high + 1e-9
        return Control(name=name, rank1=_percent(share), low=0.0, high=100 * high, passed=passed)
    if isinstance(reference, Undefined) or plain is None:
        return None
    within = wilson(reference, _searched(plain, of_all))
    low = 0.0 if isinstance(within, Undefined) else within.low
    passed = share is not None and share >= low - 1e-9
    return Control(name=name, rank1=_percent(share), low=100 * low, high=100.0, passed=passed)


def _searched(found: Searches, of_all: bool) -> int:
    """Images that the share found is of: who has no other image in the gallery is not among them."""
    if of_all:
        return len(found.own)
    risk = found.risk()
    return 0 if isinstance(risk, Undefined) else len(risk[0])


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def worst_controls(verdicts: Sequence[Sequence[Control]]) -> list[Control]:
    """Of several combinations each control once: the last that was not passed, else the first."""
    found: dict[str, Control] = {}
    for each in (control for controls in verdicts for control in controls):
        if each.name not in found or not each.passed:
            found[each.name] = each
    return list(found.values())


def failed(controls: Sequence[Control]) -> str:
    """What went wrong, in half a sentence; empty when nothing did."""
    return "; ".join(_failure(each) for each in controls if not each.passed)


def _failure(control: Control) -> str:
    if control.rank1 is None:
        return f"its control {control.name} gives no number"
    if control.name == IDENTITY:
        within = f"{control.rank1:.0f} %, at least {control.low:.0f} % expected"
        return f"on unchanged images it finds fewer than the plain recogniser ({within})"
    return f"it finds people in images of strangers ({control.rank1:.0f} %, at most {control.high:.0f} % expected)"


def weaker(hits: Mapping[int, float], reference: Mapping[int, float], seed: int) -> bool:
    """Whether an attack finds significantly fewer than one whose attacker knows less: sign flips by identity.

    Args:
        hits: mean chance of being found, by identity.
        reference: of the other attack.
        seed: of the random signs.
    """
    shared = sorted(hits.keys() & reference.keys())
    differences = np.array([hits[each] - reference[each] for each in shared])
    if not differences.size or differences.sum() >= 0:
        return False
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(FLIPS, differences.size))
    as_low = np.count_nonzero(signs @ differences <= differences.sum() + 1e-12)
    return bool((as_low + 1) / (FLIPS + 1) < SIGNIFICANT)
