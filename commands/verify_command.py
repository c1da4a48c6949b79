"""`deid-bench verify`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .options import completing, json_option, out_to
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.submission.read import Submission
    from ..benchmark.submission.verdict import Report, RerunRequest

_SHOWN = 20


class _Count(click.ParamType[int | None]):
    """A number of images from 1, or `all`."""

    name = "N|all"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value is None or isinstance(value, int):
            return value
        text = str(value)
        if text == "all":
            return None
        if not text.isdecimal() or not int(text):
            self.fail(f"expected a number of images or `all`, got {text!r}", param, ctx)
        return int(text)


@strict_command("verify")
@click.argument("submission", type=click.Path(path_type=Path))
@click.option(
    "--method",
    "-m",
    "methods",
    multiple=True,
    metavar="SPEC",
    shell_complete=completing("deidentifier"),
    help="The method, to make images anew with; repeatable, for submissions of several rows.",
)
@click.option("--plugin", "plugins", multiple=True, metavar="FILE", help="Take in the plug-ins of a Python file.")
@click.option(
    "--dataset", "-d", default="", metavar="SPEC", shell_complete=completing("dataset"),
    help="The dataset, where it is not built in.",
)  # fmt: skip
@click.option(
    "--rerun", "count", type=_Count(), default="5", show_default=True, help="Images to make anew: a number, or `all`."
)
@out_to("Folder that accepted records are put into.  [default: none]")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", help="Public SSH key that it has to be signed with."
)
@click.option(
    "--sign",
    "own_key",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="With --out: sign the stamps with your private SSH key (Ed25519), for `board` and `site` with --trust.",
)
@json_option
def command(
    submission: Path,
    methods: tuple[str, ...],
    plugins: tuple[str, ...],
    dataset: str,
    count: int | None,
    out: Path | None,
    key: Path | None,
    own_key: Path | None,
    as_json: bool,
) -> int:
    """Check a submission: compute its numbers anew from its distances and, with --method, some of its images.

    The zip may come from anybody: it is read in memory, within limits, and nothing in it is run.

    Ends with 0 when nothing speaks against it, with 1 when something differs or could not be checked as asked, and
    with 2 when it cannot be read or is not what `deid-bench pack` writes.

    \b
    deid-bench verify submission.zip
    deid-bench verify submission.zip --method blurring --rerun 10 -o results
    deid-bench verify submission.zip --method blurring --rerun all
    deid-bench verify both.zip --method blurring --method ./mine.py:Mine
    deid-bench verify submission.zip --method blurring -o results --sign ~/.ssh/id_ed25519
    """
    from ..benchmark.storage.strict_zip import Refused
    from ..benchmark.submission.read import Submission
    from ..benchmark.submission.verdict import RerunRequest
    from ..plugins.entries import registry

    _check_own_key(own_key, out)
    _check_method(methods, dataset)
    for path in plugins:
        registry().add_file(path)
    request = RerunRequest(methods[0], dataset, count, others=methods[1:]) if methods else None
    submitted = Submission(submission)
    _check_signature(submitted, key)
    told = _judged(submitted, request, out, own_key, quiet=as_json)
    if not told.records and not told.broken:
        raise Refused("; ".join(told.refused))
    refused, littered = [*told.refused, *told.broken], submitted.passed_over
    if as_json:
        data = {"records": told.records, "installed": told.installed, "refused": refused, "passed_over": littered}
        click.echo(json.dumps(data, indent=1))
    _say([] if as_json else told.installed, refused, [] if as_json else littered)
    return 0 if told.passed and not refused else 1


@dataclass(slots=True)
class _Told:
    """What came of the records of a submission."""

    records: list[dict[str, Any]] = field(default_factory=list)
    """Verdicts."""
    installed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    passed: bool = True
    """Whether nothing speaks against any of them."""


def _judged(
    submitted: Submission, request: RerunRequest | None, out: Path | None, own_key: Path | None, *, quiet: bool
) -> _Told:
    """Check every record, show the verdicts unless `quiet`, and put what holds into `out`."""
    from ..benchmark.records.record import RecordError
    from ..benchmark.submission.fenced import Unjudged, judged
    from ..benchmark.submission.verdict import install

    told = _Told()
    for packed in submitted.manifest.records:  # one at a time: a hundred may not fit into memory together
        report = judged(submitted, packed, request)
        if isinstance(report, Unjudged):
            (told.broken if report.broken else told.refused).append(report.reason)
            continue
        told.passed = told.passed and _passes(report, request is not None)
        told.records.append(_data(report))
        if not quiet:
            _show(report)
        if out:
            try:
                told.installed.append(str(install(report, out, own_key)))
            except RecordError as error:
                told.refused.append(str(error))
    return told


def _check_own_key(key: Path | None, out: Path | None) -> None:
    """Whether stamps can be signed as asked, before any work.

    Raises:
        KeyProblem: not with that key.
    """
    from ..benchmark.submission.signature import private_key

    if key is not None:
        if out is None:
            raise click.UsageError("--sign signs what --out puts away; name a folder with -o")
        private_key(key)


def _check_method(methods: tuple[str, ...], dataset: str) -> None:
    """Whether there is a method at hand for what only images made anew need, before any work."""
    source = click.get_current_context().get_parameter_source("count")
    asked = ["--rerun"] if source is not ParameterSource.DEFAULT else []
    asked += ["--dataset"] if dataset else []
    if asked and not methods:
        verb = "needs" if len(asked) == 1 else "need"
        raise click.UsageError(
            f"{' and '.join(asked)} {verb} the method at hand, to make images anew with; name it with --method"
        )


def _check_signature(submission: Submission, key: Path | None) -> None:
    """Whether it is signed as asked; without a key nothing is asked.

    Raises:
        Refused: it is not.
    """
    from ..benchmark.storage.strict_zip import Refused
    from ..benchmark.submission.signature import verify

    if key is None:
        return
    signature = submission.signature
    why = "nobody has signed it" if signature is None else verify(submission.manifest_data, signature, key)
    if why:
        raise Refused(f"not signed by {key}: {why}")


def _say(installed: list[str], refused: list[str], littered: list[str]) -> None:
    from ..characters import plain

    for text in installed:
        click.echo(f"written: {text}")
    for text in refused:
        click.secho(f"left out: {plain(text, 0)}", fg="yellow", err=True)
    if littered:
        few = ", ".join(plain(each) for each in littered[:3]) + (", …" if len(littered) > 3 else "")
        what = f"{len(littered)} file{'s' * (len(littered) > 1)} of macOS or Windows"
        click.echo(f"passed over: {what} ({few})", err=True)


def _passes(report: Report, rerun: bool) -> bool:
    if not report.agrees or not report.equal:
        return False
    return report.stamp.status == "verified" if rerun else True


def _data(report: Report) -> dict[str, Any]:
    record = report.submitted.record
    return {
        "digest": record.digest,
        "method": record.method.spec,
        "dataset": record.dataset.spec,
        "protocol": record.protocol.id,
        "stamp": asdict(report.stamp),
        "values": [asdict(each) for each in report.verdicts],
        "problems": report.problems,
        "reruns": [asdict(each) for each in report.reruns],
        "not_rerun": report.not_rerun or None,
    }


def _show(report: Report) -> None:
    """One record on the terminal; all texts of the submission are made harmless."""
    from ..characters import plain

    record = report.submitted.record
    colour = {"verified": "green", "recomputed": "green", "self-reported": "yellow"}[report.stamp.status]
    click.secho(
        "DIFFERENT" if not report.agrees else report.stamp.status, fg=colour if report.agrees else "red", nl=False
    )
    click.echo(f"  {plain(record.method.spec)} on {plain(record.dataset.spec)}, {plain(record.protocol.id)}")
    click.echo(f"  {report.stamp.checked}")
    if report.stamp.status != "self-reported":
        click.echo(f"  the submitter's words: {plain(', '.join(report.stamp.words), 0)}")
    lines = [f"{each.metric} {plain(each.recognizer or '')}: {plain(each.note)}" for each in report.different]
    lines += [plain(each) for each in report.problems]
    lines += [f"{plain(each)}; by no more than on another processor" for each in report.rough]
    lines += [
        f"{each.metric} {plain(each.recognizer or '')}: not proved; it {plain(each.note)}"
        for each in report.open
        if each.note.startswith("says ")
    ]
    lines += [
        f"{plain(each.sample_id)}, version {each.repetition}: {each.outcome}, {each.note}"
        for each in report.reruns
        if each.outcome != "equal"
    ]
    for line in lines[:_SHOWN]:
        click.echo(f"  - {line}")
    if len(lines) > _SHOWN:
        click.echo(f"  - and {len(lines) - _SHOWN} more (--json lists all)")
