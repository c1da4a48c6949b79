"""`deid-bench score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import completing, json_option, out_to
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.rescore import Rescored
    from ..benchmark.storage.store import StoreError


@strict_command("score")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="SPEC",
    shell_complete=completing("metric"),
    help="A metric to add: NAME or FILE.py:Class. Repeatable.  [default: all numbers of this version]",
)
@out_to("Another results folder for the records with these numbers.  [default: print them]")
@json_option
def command(results: tuple[Path, ...], metrics: tuple[str, ...], out: Path | None, as_json: bool) -> int:
    """Compute new or changed metrics from what records keep; no method and no recogniser runs.

    Metrics of distances need distances.npz beside the record; metrics of images need the results folder's store and the
    dataset. What cannot be computed is said, and ends with 1. Without --metric a number that this version no longer
    gives is absent with the reason, and those that take more than the record are named and kept.

    \b
    deid-bench score results --metric ./my.py:MyMetric
    deid-bench score results --metric ./my.py:MyMetric --out with-my-metric
    deid-bench score old-results
    """
    from ..benchmark.records.record import RecordError, find_records
    from ..benchmark.rescore import rescore
    from ..plugins.specs import as_specs

    specs, found, failed = as_specs(metrics, "metrics"), [], {}
    for path in [each for source in results for each in find_records(source)]:
        try:
            found.append(rescore(path, specs))
        except RecordError as error:
            failed[str(path)] = str(error)
    if not found and not failed:
        raise RecordError(f"there is no record below {', '.join(map(str, results))}")
    if not as_json:
        for each in found:
            _show(each)
    written, stopped = ([], None) if out is None else _write(found, out, failed)
    if as_json:
        plain = {"records": [_plain(each) for each in found], "failed": failed, "written": written}
        click.echo(json.dumps(plain, indent=1))
    else:
        for text in written:
            click.echo(f"written: {text}")
    for text in failed.values():
        click.secho(text, fg="red", err=True)
    if stopped is not None:
        raise stopped
    crashed = any(each.impairs and each.stage == "metric" for one in found for each in one.record.failures)
    return 1 if failed or (crashed and specs) or any(each.missing for each in found) else 0


def _write(found: list[Rescored], out: Path, failed: dict[str, str]) -> tuple[list[str], StoreError | None]:
    """The files that were written, and why the folder takes no more; a record in the way is added to the failures."""
    from ..benchmark.records.record import RecordError
    from ..benchmark.rescore import write_rescored
    from ..benchmark.storage.store import StoreError

    written = []
    for each in found:
        try:
            written.append(str(write_rescored(each, out)))
        except RecordError as error:
            failed[str(each.folder)] = str(error)
        except StoreError as error:
            return written, error
    return written, None


def _plain(found: Rescored) -> dict[str, object]:
    return {
        "folder": str(found.folder),
        "digest": found.record.digest,
        "method": found.record.method.spec,
        "values": [each.model_dump() for each in found.fresh],
        "missing": found.missing,
        "kept": [{"metric": each.metric, "recognizer": each.recognizer} for each in found.kept],
    }


def _show(found: Rescored) -> None:
    from ..benchmark.records.described import catalogue_of
    from ..characters import plain

    record, known = found.record, catalogue_of(found.record)
    click.secho(f"{plain(record.method.spec)} on {plain(record.dataset.spec)}, {plain(record.protocol.id)}", bold=True)
    if not found.fresh and not found.missing:
        click.echo(f"  every number is what it was{', as far as it was computed anew' * bool(found.kept)}")
    for value in found.fresh:
        about = known[value.metric]
        name = f"{about.title}{f' ({plain(value.recognizer)})' if value.recognizer else ''}"
        text = f"{about.text(value.value)} {about.unit}".strip() if value.value is not None else f"– ({value.reason})"
        within = value.interval
        shown = " [{}, {}]".format(*about.bounds(within.low, within.high)) if within else ""
        click.echo(f"  {name}: {text}{shown}")
    if found.kept:
        names = dict.fromkeys(plain(each.metric) for each in found.kept)
        click.echo(f"  kept, as it takes more than the record to compute them anew: {', '.join(names)}")
    for name, why in found.missing.items():
        click.secho(f"  {plain(name)}: cannot be computed: {plain(why)}", fg="yellow")
