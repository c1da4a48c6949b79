"""The combinations of a cell's attacks under one recogniser: their searches, and what they make of the controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..metrics.values import Undefined
from ..records.attacks import Control
from ..results.acquired import acquired
from ..results.attacks import VariantDistances
from ..results.cell import CellResults, Matrix, Setting
from ..results.tiles import diagonal, rows_of
from ..suites import IDENTITY, Attack
from .attack_choice import Chosen, Criterion, Fold, choose
from .attack_controls import control_searches, judge
from .attack_tables import APART, Bools, Galleries, Indexes, Searches, searches
from .numbers import Units, Values


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One combination under one recogniser."""

    found: VariantDistances
    recognizer: str
    searches: Sequence[Searches]
    """One for all folds, or one for each."""
    versions: Indexes
    """Of each image that it searches, which of the cell's versions it is."""


@dataclass(slots=True)
class AttackScoring:
    """What scoring the attacks of one cell needs."""

    setting: Setting
    results: CellResults
    values: Values
    units: Units
    place: dict[str, int]
    parts: list[Fold]
    _enrolled_of: dict[str, Bools] = field(default_factory=dict)

    @property
    def apart(self) -> bool:
        """Whether combinations are judged for themselves, and chosen on other people than they are reported for."""
        return self.setting.score_version >= APART

    def choose(self, candidates: Sequence[Candidate], criterion: Criterion) -> list[Chosen] | Undefined:
        """The best of some combinations, part by part."""
        return choose([each.searches for each in candidates], self.parts, criterion, first=not self.apart)

    def candidates(self, recognizer: str) -> list[Candidate]:
        """Every combination that ran with this recogniser."""
        assert self.results.attacks is not None
        unit = [self.units.column[each.deidentify.digest] for each in self.results.versions]
        galleries = self._galleries(recognizer)
        found = []
        for each in self.results.attacks.variants.get(recognizer, ()):
            rows = galleries.searched(galleries.half_known(each) if self.apart else None)
            found.append(Candidate(each, recognizer, [searches(galleries, each, self.place, unit, rows)], rows))
        return found

    def together(self, candidates: Sequence[Candidate]) -> list[Searches]:
        """What several combinations make of the images that all of them search."""
        shared = set.intersection(*(set(each.versions.tolist()) for each in candidates)) if candidates else set()
        return [each.searches[0].of(np.isin(each.versions, list(shared))) for each in candidates]

    def half_known(self, candidates: Sequence[Candidate]) -> int:
        """Images that one of these combinations does not search, as some of their distances are none."""
        tried = [each for each in candidates if each.versions.size]  # a fusion has no distances of its own
        if not tried or not self.apart:
            return 0
        galleries = self._galleries(tried[0].recognizer)
        return int(np.any([galleries.half_known(each.found) for each in tried], axis=0).sum())

    def _galleries(self, recognizer: str) -> Galleries:
        return Galleries(self.setting, self.results, self._enrolled(recognizer))

    def everybody(self, candidate: Candidate) -> tuple[list[float], list[int]]:
        """Of each evaluated image the chance that a combination finds it, and what is drawn for it; empty for nobody.

        A fusion is another one for each part of the people: each part is searched by its own.
        """
        own, parts = candidate.searches, self.parts
        if len(own) == 1:
            everybody = frozenset().union(*(part.evaluated for part in parts))
            searched = [own[0].among(everybody, parts[0].gallery)]
        else:
            searched = [each.among(part.evaluated, part.gallery) for each, part in zip(own, parts, strict=True)]
        hits: list[float] = []
        columns: list[int] = []
        for each in searched:
            found = each.risk()
            if isinstance(found, Undefined):
                return [], []
            hits += found[0].tolist()
            columns += each.units[found[1]].tolist()
        return hits, columns

    def _enrolled(self, recognizer: str) -> Bools:
        if recognizer not in self._enrolled_of:
            self._enrolled_of[recognizer] = self._templates(recognizer)
        return self._enrolled_of[recognizer]

    def _templates(self, recognizer: str) -> Bools:
        known = self.results.distances.get(recognizer)
        if known is None or not len(self.results.usable):
            return np.ones(len(self.results.usable), dtype=bool)
        if self.apart:
            return acquired(known).originals
        return np.asarray(np.isfinite(diagonal(known.originals)))

    def plain(self, recognizer: str) -> Searches | None:
        """The controls' unchanged images before the recogniser as it is; None where its distances are not there."""
        assert self.results.attacks is not None
        known = self.results.distances.get(recognizer)
        if known is None:
            return None
        rows = np.array(self.results.attacks.controls, dtype=np.intp)
        return self._control(rows_of(known.originals, rows), np.arange(len(self.results.usable)), recognizer)

    def controls(self, attack: Attack, candidate: Candidate, plain: Searches | None) -> list[Control]:
        """What a combination makes of the controls that its attack has to pass."""
        assert self.results.attacks is not None
        verdicts = []
        for name in attack.controls:
            matrix, entries = candidate.found.controls.get(name), np.arange(len(self.results.usable))
            if name != IDENTITY and candidate.found.name.gallery == "parrot":
                entries = np.array(self.results.attacks.parrots, dtype=np.intp)
            probe = None if matrix is None else self._control(matrix, entries, candidate.recognizer)
            verdicts.append(judge(name, probe, plain, of_all=not self.apart))
        return [each for each in verdicts if each is not None]

    def _control(self, matrix: Matrix, entries: Indexes, recognizer: str) -> Searches:
        enrolled = self._enrolled(recognizer)
        return control_searches(self.setting, self.results, matrix, entries, self.place, enrolled)
