"""Images of a record made anew, with all that was measured on them, and held against what the record says."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ...characters import plain
from ..compute import compute
from ..engine.backends import Settings, make_backend
from ..engine.execute import Executor
from ..metrics.catalogue import METRICS
from ..metrics.quality.distribution import NAMES
from ..planning.cells import SCORE_VERSION, Cell
from ..records.failures import Failure
from ..records.record import RunRecord, SampleRow, Value
from ..results.attacks import AttackResults
from ..results.cell import CellResults, Setting
from ..results.distances_file import PairDistances
from ..results.tiles import whole
from ..scoring.cell import Scored, sample_rows, score_results
from ..stages.measure import NO_WEIGHTS, PERCEPTUAL
from ..storage.store import Store
from .at_hand import NotAtHand, label_problems
from .attack_check import attack_problems, untried
from .bare import bare_problems, bare_words, open_numbers
from .differences import IMAGE_TOLERANCE, ROUNDING, close, half_a_digit, near, same_interval, same_range, scale_of
from .fields import ATTACKS
from .group_check import group_problems

NEAR = 0.05
"""By how much, relatively, measures may be off of an image that is not the same byte for byte: another processor or
library rounds otherwise."""
SECONDS_PER_IMAGE = 600.0
FORGED = 0.1
"""Share of forged images that stamps give the chance of passing for."""

Outcome = Literal["equal", "close", "different"]
Key = tuple[str, int]
"""A planned image: sample and repetition."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """One planned image worked on anew."""

    sample_id: str
    repetition: int
    outcome: Outcome
    """`equal`: the same file and the same measures, or none here as well; `close`: nearly the same measures."""
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Remade:
    """Outcome of making images anew."""

    images: list[Rerun]
    problems: list[str] = field(default_factory=list)
    """What is not as the record says beside single images: labels, who is skipped, distances."""
    values: list[Value] | None = None
    """Every number, where every image was made anew."""

    words: list[str] = field(default_factory=list)
    """What could not be compared although images were made anew."""
    rough: list[str] = field(default_factory=list)
    """Distances of the very same images that are farther off than rounding moves them, and as near as another
    processor may."""
    unmeasured: frozenset[str] = frozenset()
    """Measures that rows have and that could not be taken here, so that images made anew say nothing of them."""

    @property
    def everything(self) -> bool:
        """Whether every image was made anew."""
        return self.values is not None


def chance_of_passing(images: int, forged: int, drawn: int) -> float:
    """How likely it is that none of the forged images is drawn (hypergeometric).

    Args:
        images: planned images of the record.
        forged: how many of them are not what the method makes.
        drawn: how many are made anew.

    Returns:
        0..1.
    """
    return math.comb(images - forged, drawn) / math.comb(images, drawn) if drawn <= images else float(not forged)


def rerun(cell: Cell, record: RunRecord, found: PairDistances | None, count: int | None, rng: random.Random) -> Remade:
    """Make randomly chosen images anew, in a folder of their own, and compare them with the record.

    Every original is worked on, so that who is skipped and all distances between originals are checked whatever is
    drawn; of each drawn image its file, measures, analysis and its distances to all originals and drawn images are.

    Args:
        cell: of the record.
        record: as it came; its rows are the cell's images, skipped and failed ones as well.
        found: its distances.
        count: how many; None or more than there are: all.
        rng: chooses. The submitter must not be able to foresee it.

    Raises:
        NotAtHand: the analyzer or a recogniser crashes here.
        StoreError: the temporary folder cannot be written.
    """
    rows = {(row.sample_id, row.repetition): row for row in record.samples}
    everything = count is None or count >= len(rows)
    drawn = list(rows) if everything else rng.sample(list(rows), count or 0)
    results = _carried_out(cell, None if everything else frozenset(drawn))
    crash = next((each for each in results.failures if each.impairs and each.outcome == "crashed"), None)
    if crash is not None and crash.stage != "deidentify" and not record.impaired:
        raise NotAtHand(f"here something crashes that did not for the record: {crash}")
    setting = replace(Setting.of(cell, results.targets), score_version=record.score_version)
    here = {(row.sample_id, row.repetition): row for row in sample_rows(setting, results, {})}
    images = [_compare(rows[key], here.get(key)) for key in drawn]
    equal = frozenset(key for key, image in zip(drawn, images, strict=True) if image.outcome == "equal")
    problems = [*label_problems(cell, record), *_skip_problems(rows, here), *_target_problems(record, results)]
    scored = score_results(setting, results) if everything else None
    problems += _ledger_problems(record, results, scored)
    if scored is not None and found is None:
        # Irregular results are seen by chance, and alarms tell of them; the rest of the ledger is compared above.
        told = score_results(setting, replace(results, failures=record.failures))
        scored = replace(told, counts=scored.counts)
    odd_image = next((each.note for each in images if each.outcome == "different"), "")
    if record.score_version != SCORE_VERSION and (changed := [*problems, *filter(None, [odd_image])]):
        # The toolkit that made it worded and recorded some things otherwise: that is no contradiction of the record.
        raise NotAtHand(
            f"it is of scoring {record.score_version}, and what is made anew here is not the same: {changed[0]}"
        )
    rough: list[str] = []
    if found is not None:
        problems += [*_people_problems(cell, found), *(wide := _distance_problems(results, equal, found))]
        rough = [] if wide else _distance_problems(results, equal, found, ROUNDING)
    unseen = {name for key in drawn if key in here for name in _unseen(rows[key], here[key])}
    unmeasured = frozenset(name for name in unseen if any(row.measures.get(name) is not None for row in rows.values()))
    open_parts = [f"samples.measures (of {', '.join(sorted(unseen))})"] if unseen else []
    if scored is None:
        return Remade(images, problems, words=open_parts, rough=rough, unmeasured=unmeasured)
    remade = Remade(images, problems, scored.values.values, open_parts, rough, unmeasured)
    if len(equal) == len(rows):  # otherwise they are others in their last digits
        _hold_whole(remade, record, scored, results.attacks, found)
    return remade


def _carried_out(cell: Cell, asked: frozenset[Key] | None) -> CellResults:
    """The cell's work in a folder of its own: of the images asked for; None: of all."""
    with tempfile.TemporaryDirectory(prefix="deid-bench-") as folder:
        store = Store(Path(folder))
        store.open()
        backend = make_backend("serial", Settings(store.root, SECONDS_PER_IMAGE, 1))
        try:
            executor = Executor(store, backend)
            if asked is None:
                return compute(cell, executor)
            return compute(cell, executor, lambda each: (each.sample.sample_id, each.repetition) in asked)
        finally:
            backend.close()


def _hold_whole(
    remade: Remade, record: RunRecord, scored: Scored, attacks: AttackResults | None, found: PairDistances | None
) -> None:
    """Add what speaks of all images at once, where each of them is the record's.

    Raises:
        NotAtHand: attackers of an earlier scoring find something else here.
    """
    remade.problems.extend(_told_problems(record, scored))
    lacking = [each for each in record.values if unavailable(each, scored.values.values)]
    worded = record.score_version == SCORE_VERSION
    remade.words.extend(open_numbers(record, scored.values.values, lacking, worded=worded))
    if found is None:
        remade.problems.extend(bare_problems(record, scored))
        remade.words.extend(bare_words(record, scored))
        return
    odd = attack_problems(attacks, found.attacks)
    if odd and not worded:
        raise NotAtHand(f"it is of scoring {record.score_version}, and here {odd[0]}")
    remade.problems.extend(odd)
    remade.rough.extend([] if odd else attack_problems(attacks, found.attacks, ROUNDING))
    remade.words.extend(f"{ATTACKS} (not tried here, {why})" for why in untried(attacks, found.attacks)[:1])


# ------------------------------------------------------------------------------------------------ rows


def _compare(said: SampleRow, here: SampleRow | None) -> Rerun:
    if here is None or said.status != here.status:
        what = "not planned" if here is None else f"{here.status} ({here.reason})" if here.reason else here.status
        return _rerun(said, "different", f"the record says {said.status}; here it is {what}")
    if said.status != "done":
        names = ("reason", "survived", "measures", "task", "image_sha256")
        odd = [name for name in names if getattr(said, name) != getattr(here, name)]
        reason = f" (here {here.reason})" if "reason" in odd else ""
        return _rerun(said, "different" if odd else "equal", f"another {', '.join(odd)}{reason}" if odd else "")
    if said.survived != here.survived:
        there = "found" if here.survived else "not found"
        return _rerun(said, "different", f"here the hand or face is {there} in the image")
    if said.image_sha256 != here.image_sha256:
        odd = _odd_measures(said, here, NEAR)
        if odd:
            return _rerun(said, "different", f"other pixels, and another {', '.join(odd)}")
        return _rerun(said, "close", f"other pixels, but each measure within {NEAR:.0%} of the record's")
    odd = _odd_measures(said, here, IMAGE_TOLERANCE)
    if not odd and said.task == here.task:
        return _rerun(said, "equal")
    if said.task != here.task:
        return _rerun(said, "different", "the same image, but made by another task")
    outcome: Outcome = "different" if _odd_measures(said, here, NEAR) else "close"
    return _rerun(said, outcome, f"the same image, but another {', '.join(odd)}")


def _rerun(row: SampleRow, outcome: Outcome, note: str = "") -> Rerun:
    return Rerun(row.sample_id, row.repetition, outcome, plain(note))


def _odd_measures(said: SampleRow, here: SampleRow, tolerance: float) -> list[str]:
    names = sorted({*said.measures, *here.measures} - _unseen(said, here))
    # Of the same pixels nothing may be off that would print otherwise; of nearly the same ones everything may a little.
    same = tolerance == IMAGE_TOLERANCE
    return [
        name
        for name in names
        if not close(
            said.measures.get(name),
            here.measures.get(name),
            tolerance,
            half_a_digit(name, scaled=False) if same else None,
        )
    ]


def _unseen(said: SampleRow, here: SampleRow) -> set[str]:
    """Networks may be at hand on one side alone, and records of before lack measures that have no value here."""
    names = said.measures.keys() ^ here.measures.keys()
    return {name for name in names if name in PERCEPTUAL or here.measures.get(name, said.measures.get(name)) is None}


def _skip_problems(rows: dict[Key, SampleRow], here: dict[Key, SampleRow]) -> list[str]:
    """Images that were skipped there and not here, or the other way round, or for another reason."""
    said = {key: row.reason for key, row in rows.items() if row.status == "skipped"}
    found = {key: row.reason for key, row in here.items() if row.status == "skipped"}
    odd = [f"{key[0]}, version {key[1]}" for key in rows if said.get(key, "") != found.get(key, "")]
    return [f"{len(odd)} images are skipped that are not skipped here, or not so: first {odd[0]}"] if odd else []


def _target_problems(record: RunRecord, results: CellResults) -> list[str]:
    said = [] if record.retrieval is None else record.retrieval.targets
    found = [] if record.retrieval is None else list(results.targets)
    return [] if said == found else ["the method's targets are others than here"]


def _ledger_problems(record: RunRecord, results: CellResults, scored: Scored | None) -> list[str]:
    """What failed there and not here, or the other way round; of images that were not drawn nothing is known."""

    def known(failures: Sequence[Failure]) -> list[Failure]:
        told = [each for each in failures if each.outcome != "irregular"]  # seen by chance, here or there
        return [each for each in told if scored or (each.about == "originals" and each.stage != "floor")]

    said, found = known(record.failures), known(scored.failures if scored else results.failures)
    if said != found or (scored and record.counts.retry != scored.counts.retry):
        return ["its ledger of failures is not what happens here"]
    return []


def _told_problems(record: RunRecord, scored: Scored) -> list[str]:
    """What is counted and told by groups, where nothing is missing to count it anew."""
    lacking = {each.metric for each in (*record.values, *scored.values.values) if _without_weights(each)}
    problems = group_problems(record.groups, scored.groups, lacking)
    return problems if record.counts == scored.counts else [*problems, "its counts are not those of its images"]


# ------------------------------------------------------------------------------------------------ distances


def _people_problems(cell: Cell, found: PairDistances) -> list[str]:
    """Whose the images are decides which pairs are genuine: the dataset says it, not the submitter."""
    here = [(each.sample_id, each.identity, each.subject) for each in cell.samples]
    said = list(zip(found.sample_ids, found.identities, found.subjects, strict=True))
    return [] if here == said else ["the distances belong to other images or people than the dataset at hand has"]


def _distance_problems(
    results: CellResults, keys: frozenset[Key], found: PairDistances, tolerance: float = IMAGE_TOLERANCE
) -> list[str]:
    """Distances that are not the file's, of originals among each other and of the images that are the same."""
    if [each.sample_id for each in results.usable] != [found.sample_ids[index] for index in found.usable.tolist()]:
        return ["the originals in which a hand or face is found are others than here"]
    place = {
        (found.sample_ids[sample], repetition): row
        for sample, repetition, row in zip(
            found.version_sample.tolist(), found.version_repetition.tolist(), found.version_row.tolist(), strict=True
        )
    }
    made = [(each.sample.sample_id, each.repetition) for each in results.made]
    mine = [index for index, key in enumerate(made) if key in keys and place.get(key, -1) >= 0]
    theirs = [place[made[index]] for index in mine]
    problems = []
    for name, fresh in results.distances.items():
        said = found.distances[name]
        blocks = (
            (whole(fresh.originals), whole(said.originals), "between originals"),
            (whole(fresh.deidentified)[mine], whole(said.deidentified)[theirs], "of images made anew to originals"),
            (
                whole(fresh.versions)[np.ix_(mine, mine)],
                whole(said.versions)[np.ix_(theirs, theirs)],
                "among images made anew",
            ),
        )
        scale = scale_of(whole(fresh.originals))
        for a, b, which in blocks:
            odd = int((~near(a, b, scale, tolerance)).sum())
            if odd:
                problems.append(f"{odd} of {b.size} distances {which} by {name} that were computed anew are different")
    return problems


def missing_numbers(values: Sequence[Value], here: Sequence[Value]) -> list[Value]:
    """Numbers that are computed here and that a record does not have; those of sets of images are younger than some."""
    said = {(each.metric, each.recognizer) for each in values}
    sets = {name for names in NAMES.values() for name in names}
    lacking = [each for each in here if each.value is not None and (each.metric, each.recognizer) not in said]
    return [each for each in lacking if each.metric not in sets]


def unavailable(said: Value, values: Sequence[Value]) -> bool:
    """Whether a network is at hand on one side alone, so that its number cannot be held against another."""
    found = [each for each in values if (each.metric, each.recognizer) == (said.metric, said.recognizer)]
    return any(map(_without_weights, (said, *found)))


def _without_weights(value: Value) -> bool:
    return value.value is None and (value.reason or "").startswith(NO_WEIGHTS)


def value_difference(said: Value, values: Sequence[Value]) -> str | None:
    """What differs between a number and the one of the images made here; None when nothing does."""
    found = next((each for each in values if (each.metric, each.recognizer) == (said.metric, said.recognizer)), None)
    if found is None:
        return "is none of the numbers that are computed here"
    digit = half_a_digit(said.metric, scaled=True)
    if not close(said.value, found.value, IMAGE_TOLERANCE, digit) or said.n != found.n:
        return f"says {said.value} (n = {said.n}), here it is {found.value} (n = {found.n})"
    if not same_interval(said.interval, found.interval, IMAGE_TOLERANCE, digit):
        return "says another 95 % interval than the images made anew give"
    return None


def aside_difference(said: Value, values: Sequence[Value], *, worded: bool) -> str | None:
    """What differs beside value, n and interval in a number that only images give; None when nothing does.

    Args:
        said: the record's.
        values: those of the images made here.
        worded: whether remarks are worded as the scoring of today words them.
    """
    found = next((each for each in values if (each.metric, each.recognizer) == (said.metric, said.recognizer)), None)
    if found is None:
        return None
    digit = half_a_digit(said.metric, scaled=True)
    if not close(said.std, found.std, IMAGE_TOLERANCE, digit):
        return f"says a deviation of {said.std}, here it is {found.std}"
    if not same_range(said.range, found.range, IMAGE_TOLERANCE, digit):
        return "says another range over thresholds than the images made anew give"
    if worded and said.reason != found.reason:
        return f"says {said.reason!r}, here it is {found.reason!r}"
    return None


def remark_difference(said: Value, values: Sequence[Value]) -> str | None:
    """What differs between the remark on a mean over images and the one here, as rows hold no reasons for it.

    None when nothing does, or nothing can be said.
    """
    if said.metric in METRICS and METRICS[said.metric].source != "rows":
        return None
    found = next((each for each in values if (each.metric, each.recognizer) == (said.metric, said.recognizer)), None)
    if found is None or found.reason == said.reason or unavailable(said, values):
        return None
    return f"says {said.reason!r}, here it is {found.reason!r}"
