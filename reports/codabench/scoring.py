"""Scores one submission where codabench.org runs it: a stranger's files in, `scores.json` and a page out.

The platform unpacks what was uploaded into `input/res`. It is packed again and read by the reader of `verify`, within
its limits, so that one reader alone meets a stranger's files. What gets no score leaves no `scores.json`: the platform
then calls the submission failed, and no empty row stands above those that lack nothing.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...benchmark.records.record import RunRecord
from ...benchmark.storage.store import save_file
from ...benchmark.storage.strict_zip import Refused, make_zip
from ...benchmark.submission.fenced import Unjudged, attackers_not_met, judged
from ...benchmark.submission.pack import LIMITS
from ...benchmark.submission.read import Submission
from ...benchmark.submission.verdict import Report
from ...characters import plain
from .challenge import FILE_NAME, Challenge, read_challenge
from .columns import Column
from .details import details
from .outcome import Cell, Outcome

SCORES_NAME, DETAILS_NAME = "scores.json", "detailed_results.html"
NOT_ENOUGH = "its numbers are not computed anew from its distances"
_OF_THE_WORKER = "metadata"
"""A file with exit codes that the platform puts beside what was uploaded."""
_LARGEST = 1e10
"""The platform keeps twenty digits, ten of them after the point."""


def score(folder: Path, output: Path) -> Outcome:
    """Score the submission of a worker's input folder and write both files.

    Args:
        folder: with `ref/challenge.json` and the submission in `res/`.
        output: folder to write into.

    Raises:
        ChallengeError: the reference data are not those of a bundle.
        StoreError: the output cannot be written.
    """
    challenge = read_challenge(folder / "ref" / FILE_NAME)
    try:
        outcome = _outcome(challenge, folder / "res")
    except Refused as error:
        outcome = Outcome(plain(error, 0))
    save_file(output / DETAILS_NAME, details(challenge, outcome).encode())
    if not outcome.reason:
        save_file(output / SCORES_NAME, (json.dumps(outcome.scores, indent=1, allow_nan=False) + "\n").encode())
    return outcome


def _outcome(challenge: Challenge, folder: Path) -> Outcome:
    with tempfile.TemporaryDirectory() as scratch:
        submission = Submission(_zip_of(folder, Path(scratch)))
        try:
            found = [judged(submission, each) for each in submission.manifest.records]
        finally:
            submission.close()
    reasons = {each: challenge.misfit(each.submitted.record) for each in found if isinstance(each, Report)}
    fitting = [each for each, why in reasons.items() if not why]
    if len(fitting) == 1:
        return _scored(challenge, fitting[0])
    told = [f"{plain(each.submitted.record.method.spec, 60)}: {why}" for each, why in reasons.items() if why]
    told += [plain(each.reason, 0) for each in found if isinstance(each, Unjudged)]
    others = f" ({'; '.join(told)})" if told else ""
    return Outcome(f"expected one record of the challenge, got {len(fitting)}{others}")


def _scored(challenge: Challenge, report: Report) -> Outcome:
    if not report.agrees or report.stamp.status == "self-reported":
        return Outcome(NOT_ENOUGH, report)
    record = report.submitted.record
    if why := _crashed(record):
        return Outcome(why, report)
    if why := attackers_not_met(report, challenge.attackers(record)):
        return Outcome(f"not the challenge's attackers: {plain(why, 0)}", report)
    cells = [_cell(column, report) for column in challenge.columns]
    first = cells[0]
    lacks = f"it has no number to rank by: {first.column.title}: {first.reason}" if first.value is None else ""
    return Outcome(lacks, report, cells)


def _crashed(record: RunRecord) -> str:
    """That numbers of a record are those of what happened to be left; empty where nothing crashed.

    An image that a method refuses is none of these: it counts as the protocol says.
    """
    crashes = [plain(each) for each in record.failures if each.outcome == "crashed"]
    if not crashes and not record.counts.retry:
        return ""
    why = crashes[0] if crashes else f"pieces of work: {record.counts.retry}"
    return f"its run is not whole, as something crashed or took too long ({why}); the same command tries it again"


def _cell(column: Column, report: Report) -> Cell:
    """The number computed here, where the record's own is equal to it and nothing is left open about it."""
    verdict = next(
        (each for each in report.verdicts if (each.metric, each.recognizer) == (column.metric, column.recognizer)), None
    )
    scored = report.recomputed.scored
    if verdict is None or scored is None:
        return Cell(column, None, "not in the record")
    if verdict.outcome != "equal" or verdict.name in report.stamp.unchecked:
        return Cell(column, None, plain(f"not proved: {verdict.note}") if verdict.note else "not proved")
    keyed = {(each.metric, each.recognizer): each for each in scored.values.values}
    value = keyed.get((column.metric, column.recognizer))
    if value is None or value.value is None:
        return Cell(column, None, plain(value.reason) if value is not None and value.reason else "there is none")
    if not abs(value.value) < _LARGEST:
        return Cell(column, None, "too large for the leaderboard")
    return Cell(column, float(value.value))


def _zip_of(folder: Path, scratch: Path) -> Path:
    """What was uploaded, as one zip: the files of the folder or, where these are one zip, that.

    Raises:
        Refused: there is nothing, too much, or something that is no plain file.
    """
    members: dict[str, Path] = {}
    total = 0
    for name, path in _files(folder):
        size = path.stat().st_size
        total += size
        if len(members) >= LIMITS.entries or size > LIMITS.archive or total > LIMITS.total:
            raise Refused("the submission has more files, or larger ones, than `deid-bench pack` writes")
        members[name] = path
    if not members:
        raise Refused("the submission is empty; upload the zip of `deid-bench pack`")
    (first, path), *others = members.items()
    if not others and first.casefold().endswith(".zip"):
        return path
    target = scratch / "submission.zip"
    target.write_bytes(make_zip({name: path.read_bytes() for name, path in members.items()}))
    return target


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and place of every file below a folder; links are not followed.

    Raises:
        Refused: something is neither a plain file nor a folder, or has a name that is none.
    """
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*names, *(each for each in folders if (Path(place) / each).is_symlink())]):
            path = Path(place) / name
            shown = path.relative_to(folder).as_posix()
            if plain(shown, 0) != shown:
                raise Refused(f"{plain(shown)} has characters in its name that cannot be seen or written")
            if not stat.S_ISREG(path.lstat().st_mode):
                raise Refused(f"{plain(shown)} is a link or a device, not a plain file")
            if shown != _OF_THE_WORKER:
                yield shown, path
