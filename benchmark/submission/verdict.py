"""The verdict on a submission: what was computed anew, what was made anew, and the stamp that follows from it."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ..._version import __version__
from ...characters import plain
from ..records.record import FILE_NAME, RecordError, RunRecord, find_records, load_record
from ..results.distances_file import DISTANCES_NAME
from ..storage.store import save_file
from .at_hand import NotAtHand, cell_of
from .bounds import TooMuch, bounded
from .pictures import check_pairs
from .read import Submitted
from .recompute import Recomputed, Verdict, recompute
from .remake import FORGED, Remade, Rerun, chance_of_passing, missing_numbers, rerun, unavailable, value_difference
from .stamp import Stamp, Status, write_stamp


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """What the user has at hand for making images anew."""

    method: str
    """Specification."""
    dataset: str = ""
    """Specification; empty: the record's, if it is built in."""
    count: int | None = 5
    """Images; None: all."""
    rng: random.Random = field(default_factory=random.SystemRandom)
    """Which ones: nobody can know before."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was found out about one record."""

    submitted: Submitted
    recomputed: Recomputed
    problems: list[str]
    """What contradicts itself or the record's numbers; empty when nothing does."""
    reruns: list[Rerun]
    not_rerun: str
    """Why no image was made anew, empty when some were."""
    stamp: Stamp
    verdicts: list[Verdict] = field(default_factory=list)
    """Of every number."""

    @property
    def different(self) -> list[Verdict]:
        """Numbers that are not what the distances give."""
        return self._with("different")

    @property
    def equal(self) -> list[Verdict]:
        """Numbers that were computed anew."""
        return self._with("equal")

    @property
    def open(self) -> list[Verdict]:
        """Numbers of the record that cannot be computed anew."""
        return [each for each in self._with("not recomputable") if each.stated]

    @property
    def agrees(self) -> bool:
        """Nothing speaks against the record."""
        return not (self.different or self.problems or any(each.outcome == "different" for each in self.reruns))

    def _with(self, outcome: str) -> list[Verdict]:
        return [each for each in self.verdicts if each.outcome == outcome]


def judge(submitted: Submitted, request: RerunRequest | None, submitter: str = "") -> Report:
    """Check one record of a submission.

    Args:
        submitted: as `Submission.read` gave it.
        request: how to make images anew; None: not at all.
        submitter: who sent it; kept in the stamp, checked by nobody.
    """
    record = submitted.record
    try:
        with bounded():
            recomputed = recompute(record, submitted.distances)
            problems = [*recomputed.problems, *check_pairs(submitted)]
    except TooMuch as error:
        recomputed = Recomputed([], [f"it cannot be computed anew: {error}"], None)
        problems = recomputed.problems
    reruns: list[Rerun] = []
    verdicts = recomputed.verdicts
    not_rerun = "not asked for" if request is None else "the record contradicts itself"
    if request is not None and not problems:
        try:
            cell = cell_of(record, request.method, request.dataset)
            remade = rerun(cell, record, submitted.distances, request.count, request.rng)
            reruns, verdicts = remade.images, _with_images(record, verdicts, remade)
            problems += remade.problems
            not_rerun = "" if reruns else "there is no image to make"
        except NotAtHand as error:
            not_rerun = str(error)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    draft = Report(submitted, recomputed, problems, reruns, not_rerun, Stamp("self-reported", "", when), verdicts)
    unchecked = [f"{each.metric} {each.recognizer or ''}".strip() for each in draft.open]
    drawn = [f"{plain(each.sample_id)}, version {each.repetition}: {each.outcome}" for each in reruns]
    found = (_status(draft), _checked(draft), when, unchecked, record.digest, drawn, __version__)
    stamp = Stamp(*found, submitter=plain(submitter))
    return replace(draft, stamp=stamp)


def _with_images(record: RunRecord, verdicts: list[Verdict], remade: Remade) -> list[Verdict]:
    """The verdicts, and where every image was made anew also those on numbers that need images."""
    if remade.values is None:
        return verdicts
    found = []
    for value, verdict in zip(record.values, verdicts, strict=False):
        if verdict.outcome == "not recomputable" and not unavailable(value, remade.values):
            odd = value_difference(value, remade.values)
            verdict = replace(verdict, outcome="equal" if odd is None else "different", note=odd or "")
        found.append(verdict)
    lacking = missing_numbers(record.values, remade.values)
    extra = [Verdict(each.metric, each.recognizer, "different", "is missing in the record") for each in lacking]
    return [*found, *verdicts[len(found) :], *extra]


def _status(report: Report) -> Status:
    if not report.agrees or not report.equal:
        return "self-reported"
    again = report.reruns and all(each.outcome == "equal" for each in report.reruns)
    return "verified" if again else "recomputed"


def _checked(report: Report) -> str:
    parts = [f"{len(report.equal)} numbers computed anew from the distances are equal"]
    if report.open:
        parts.append(f"{len(report.open)} cannot be computed anew")
    if report.different or report.problems:
        parts.append(f"{len(report.different)} are different, {len(report.problems)} contradictions")
    if report.submitted.packed.pairs:
        parts.append(f"{len(report.submitted.packed.pairs)} pairs of images looked at")
    if report.reruns:
        outcomes = [each.outcome for each in report.reruns]
        found = ", ".join(
            f"{outcomes.count(each)} {each}" for each in ("equal", "close", "different") if each in outcomes
        )
        total = len(report.submitted.record.samples)
        if len(outcomes) == total:
            parts.append(f"all {total} images made anew: {found}")
        else:
            forged = max(1, round(FORGED * total))
            chance = chance_of_passing(total, forged, len(outcomes))
            parts.append(f"{len(outcomes)} of {total} images, drawn at random, made anew: {found}")
            parts.append(f"{forged} forged images would go unnoticed with a chance of {100 * chance:.0f} %")
        parts.append("all distances between originals, who is skipped, and all labels checked")
    else:
        parts.append(f"no image made anew ({plain(report.not_rerun)}); labels are the submitter's words")
    return "; ".join(parts)


def install(report: Report, folder: Path, key: Path | None = None) -> Path:
    """Put an accepted record, its distances and its stamp into a results folder, for boards.

    Only the record and the distances are taken from the submission; scores and replicates are those computed here.

    Args:
        report: the verdict.
        folder: results folder.
        key: private SSH key to sign the stamp with, so that it can travel.

    Returns:
        The new `run.json`.

    Raises:
        RecordError: the record was not accepted, or the folder has one of the same digest.
        StoreError: the folder cannot be written.
    """
    record = report.submitted.record
    if not report.agrees:
        raise RecordError(f"{plain(record.method.spec)} was not accepted: it differs from its distances")
    slug = re.sub(r"[^A-Za-z0-9.+]+", "-", record.method.spec)[:60].strip("-.") or "method"
    target = folder / f"submitted__{slug}__{record.digest[:10]}"
    for path in find_records(folder) if folder.is_dir() else ():
        if path.parent != target and _digest(path) == record.digest:
            raise RecordError(f"{path} is a record of the same work; a submission does not take its place")
    files = {FILE_NAME: report.submitted.data}
    if report.recomputed.scored is not None:
        files |= report.recomputed.scored.files
    if report.submitted.distances_data is not None:
        files[DISTANCES_NAME] = report.submitted.distances_data
    for name, data in sorted(files.items(), reverse=True):
        save_file(target / name, data)
    write_stamp(report.stamp, target / FILE_NAME, key)
    return target / FILE_NAME


def _digest(path: Path) -> str | None:
    try:
        return load_record(path).digest
    except RecordError:
        return None
