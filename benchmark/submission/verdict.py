"""The verdict on a submission: what was computed anew, what was made anew, and the stamp that follows from it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ..._version import __version__
from ...characters import plain
from ...plugins.entries import PluginError
from ..metrics.catalogue import FROM_ATTACKERS, METRICS
from ..metrics.plugged import Plugged
from ..planning.cells import SCORE_VERSION, Cell
from ..records.record import FILE_NAME, RecordError, RunRecord, find_records, load_record
from ..results.distances_file import DISTANCES_NAME
from ..storage.store import save_file
from .at_hand import NotAtHand, cell_of, method_for
from .bounds import TooMuch, bounded
from .consistency import header_problems
from .differences import Verdict, cannot
from .fields import ATTACKS, HANGING, Depth, words
from .group_check import memberships
from .pictures import check_pairs
from .read import Submitted
from .recompute import Recomputed, metrics_at_hand, recompute
from .remake import (
    FORGED,
    Remade,
    Rerun,
    aside_difference,
    chance_of_passing,
    missing_numbers,
    remark_difference,
    rerun,
    unavailable,
    value_difference,
)
from .stamp import Stamp, Status, write_stamp
from .ties import hanging


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """Method, dataset and number of images that a verifier makes images anew with."""

    method: str
    """Specification."""
    dataset: str = ""
    """Specification; empty: the record's, if it is built in."""
    count: int | None = 5
    """Images; None: all."""
    rng: random.Random = field(default_factory=random.SystemRandom)
    """Which ones: nobody can know before."""
    others: tuple[str, ...] = ()
    """Specifications of further methods; each record is held against the one that it names."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Verdict on one record, with its evidence."""

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
    rough: list[str] = field(default_factory=list)
    """Distances of the very same images that are farther off than rounding explains, though no farther than another
    processor does."""

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
    cell, not_rerun = _cell(record, request)
    metrics = _own_metrics(record)  # before the limits: what they import and load is not the record's
    try:
        with bounded():
            groups = None if cell is None else memberships(cell.dataset.samples)
            recomputed = recompute(record, submitted.distances, groups, metrics)
            problems = [*recomputed.problems, *check_pairs(submitted)]
    except TooMuch as error:
        # Nothing contradicts anything: an honest record may be that large, or this machine that slow.
        why = f"it cannot be computed anew: {error}"
        problems = header_problems(record)
        recomputed = Recomputed([cannot(each, why) for each in record.values], problems, None)
        cell, not_rerun = None, why
    remade = Remade([])
    verdicts = recomputed.verdicts
    if request is not None and problems:
        not_rerun = "the record contradicts itself"
    elif request is not None and cell is not None:
        try:
            remade = rerun(cell, record, submitted.distances, request.count, request.rng)
            verdicts = _with_images(record, verdicts, remade)
            problems += remade.problems
            not_rerun = "" if remade.images else "there is no image to make"
        except NotAtHand as error:
            not_rerun = str(error)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    unstamped = Stamp("self-reported", "", when)
    draft = Report(submitted, recomputed, problems, remade.images, not_rerun, unstamped, verdicts, remade.rough)
    depth = _depth(draft, remade)
    ties = _ties(draft, remade, metrics)
    older = record.score_version != SCORE_VERSION
    stay = [each for each in recomputed.words if depth != "every image" or _stays(each, older=older)]
    open_parts = [*remade.words, *stay]
    open_parts += [f"values.value (of {', '.join(ties)}: {HANGING})"] if ties else []
    told = [*words(record, depth), *open_parts]
    stamp = Stamp(
        _status(draft),
        _checked(draft),
        when,
        list(dict.fromkeys([*(each.name for each in draft.open), *_forgeable(draft, depth, told), *ties])),
        record.digest,
        [f"{plain(each.sample_id)}, version {each.repetition}: {each.outcome}" for each in remade.images],
        __version__,
        submitter=plain(submitter),
        words=told,
    )
    return replace(draft, stamp=stamp)


def _own_metrics(record: RunRecord) -> list[Plugged] | None:
    """As `metrics_at_hand` gives them; None where their descriptions do not fit together, which `recompute` says."""
    try:
        return metrics_at_hand(record)
    except PluginError:
        return None


def _cell(record: RunRecord, request: RerunRequest | None) -> tuple[Cell | None, str]:
    """The cell of a record, where it is asked for and at hand; or why there is none."""
    if request is None:
        return None, "not asked for"
    if header_problems(record):
        return None, "the record contradicts itself"
    try:
        return cell_of(record, method_for(record, (request.method, *request.others)), request.dataset), ""
    except NotAtHand as error:
        return None, str(error)


def _depth(report: Report, remade: Remade) -> Depth:
    if not remade.images:
        return "distances"
    equal = not remade.rough and all(each.outcome == "equal" for each in remade.images)
    return "every image" if equal and remade.everything else "drawn images"


def _ties(report: Report, remade: Remade, metrics: Sequence[Plugged] | None) -> list[str]:
    """Numbers that images drawn at random cannot prove, as rounding decides them: all, where it takes too much to see.

    Where every image was made anew, each number is held against the one made here.
    """
    if remade.everything or _status(report) != "verified" or report.submitted.distances is None:
        return []
    stated = {each.name: each.metric for each in report.equal if each.stated}
    try:
        with bounded():
            names = hanging(report.submitted.record, report.submitted.distances, metrics)
    except TooMuch:
        names = [name for name, metric in stated.items() if metric in METRICS and METRICS[metric].source == "distances"]
    return [each for each in names if each in stated]


def _stays(part: str, *, older: bool) -> bool:
    """Whether a part that the rows leave open is so even where every image is made anew.

    Args:
        part: as `recompute` names it.
        older: whether the record was scored by a version of before, whose remarks may be worded otherwise.
    """
    return part.startswith("values (") or (older and part.startswith("values.reason "))


def _forgeable(report: Report, depth: Depth, told: list[str]) -> list[str]:
    """Numbers that follow from attackers' distances, where images were made anew and attacks were not."""
    if depth == "distances" or not any(each.startswith(f"{ATTACKS} ") for each in told):
        return []
    return [each.name for each in report.equal if each.metric in FROM_ATTACKERS and each.stated]


def _with_images(record: RunRecord, verdicts: list[Verdict], remade: Remade) -> list[Verdict]:
    """The verdicts with what images made anew say of them: where all were, each number against the one they give."""
    verdicts = [_unmeasured(each) if each.metric in remade.unmeasured else each for each in verdicts]
    if remade.values is None:
        return verdicts
    same = all(each.outcome == "equal" for each in remade.images)
    worded = record.score_version == SCORE_VERSION  # remarks of before may be worded otherwise
    found = []
    for value, verdict in zip(record.values, verdicts, strict=False):
        odd = None if unavailable(value, remade.values) else value_difference(value, remade.values)
        if verdict.outcome == "not recomputable" and not unavailable(value, remade.values):
            odd = odd or (aside_difference(value, remade.values, worded=worded) if same else None)
            verdict = replace(verdict, outcome="equal" if odd is None else "different", note=odd or "")
        elif value.value is None and any(each is not None for each in (value.std, value.interval, value.range)):
            verdict = replace(verdict, outcome="different", note="says more of a number that is absent")
        elif verdict.outcome == "equal" and odd is not None:
            # Images that are nearly the same have other distances, as another processor gives them.
            verdict = replace(verdict, outcome="different" if same else "not recomputable", note=odd)
        elif verdict.outcome == "equal" and worded and (odd := remark_difference(value, remade.values)) is not None:
            verdict = replace(verdict, outcome="different", note=odd)
        found.append(verdict)
    lacking = missing_numbers(record.values, remade.values)
    extra = [Verdict(each.metric, each.recognizer, "different", "is missing in the record") for each in lacking]
    return [*found, *verdicts[len(found) :], *extra]


def _unmeasured(verdict: Verdict) -> Verdict:
    """Its rows give the number, and nobody here has seen that the rows are true."""
    if verdict.outcome == "different":
        return verdict
    return replace(verdict, outcome="not recomputable", note="the images made anew could not be measured so here")


def _status(report: Report) -> Status:
    if not report.agrees or not report.equal:
        return "self-reported"
    again = report.reruns and not report.rough and all(each.outcome == "equal" for each in report.reruns)
    if again:
        return "verified"
    return "self-reported" if report.submitted.distances is None else "recomputed"


def _checked(report: Report) -> str:
    source = "images made anew" if report.submitted.distances is None else "distances"
    parts = [f"{len(report.equal)} numbers computed anew from the {source} are equal"]
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
        if report.rough:
            parts.append("their distances agree no better than those of another processor")
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
    there = target / FILE_NAME
    if there.is_file() and there.read_bytes() != report.submitted.data:
        raise RecordError(
            f"{there} is another submission of the same work, with other bytes; remove it, or choose another folder"
        )
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
