"""`deid-bench power`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import Finite, completing, json_option
from .strict import strict_command


@strict_command("power")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", required=False, type=click.Path(path_type=Path))
@click.option(
    "--metric", required=True, metavar="METRIC", shell_complete=completing("number"),
    help="The number, for example rank1_without_source.",
)  # fmt: skip
@click.option("--bound", type=Finite(), help="With one record: the bound to claim, in the metric's unit.")
@click.option(
    "--power", "chance", type=Finite(50, 99.9), default=80.0, show_default=True,
    help="With two records: chance of telling them apart, in %.",
)  # fmt: skip
@click.option(
    "--confidence", type=Finite(50, 100, min_open=True, max_open=True), default=95.0, show_default=True,
    help="Of the claim, in %.",
)  # fmt: skip
@json_option
def command(
    first: Path, second: Path | None, metric: str, bound: float | None, chance: float, confidence: float, as_json: bool
) -> int:
    """Say how many people and images a study takes, from a pilot run.

    With two records of one table: until the two methods are told apart (two-sided, 5 %), were their difference what it
    is in the pilot. With one record and --bound: until the bound can be claimed. Ends with 1 where no number of people
    is enough, or none can be told with a recogniser: where a record lacks the number with it, and says why.

    \b
    deid-bench power results/blurring* results/pixelation* --metric rank1_without_source
    deid-bench power results/palm_diffusion* --metric rank1_without_source --bound 10
    """
    from ..benchmark.metrics.values import Undefined
    from ..benchmark.readings.power import for_bound, for_difference
    from ..benchmark.records.collection import load_written
    from ..benchmark.records.record import FILE_NAME
    from ..files import is_folder

    if (second is None) == (bound is None):
        raise click.UsageError("Name a second record, or say --bound: one of the two.")
    paths = [path / FILE_NAME if is_folder(path) else path for path in (first, second) if path is not None]
    records = [(load_written(path), path.parent) for path in paths]
    if bound is None:
        found = for_difference(records[0], records[1], metric, chance / 100)
    else:
        found = for_bound(*records[0], metric, bound, confidence / 100)
    if as_json:
        plain = [
            {
                "metric": metric,
                "recognizer": each.recognizer or None,
                "pilot": each.pilot or None,
                "pilot_people": each.people or None,
                "people": None if isinstance(each.needed, Undefined) else each.needed,
                "reason": each.needed.reason if isinstance(each.needed, Undefined) else None,
                "people_by_images": {
                    str(count): None if isinstance(need, Undefined) else need for count, need in each.by_images.items()
                },
            }
            for each in found
        ]
        click.echo(json.dumps(plain, indent=1))
    else:
        for each in found:
            name = f"{metric} {each.recognizer}".strip()
            if isinstance(each.needed, Undefined) and not each.pilot:
                click.echo(f"{name}: no number of people: {each.needed.reason}")
                continue
            need = (
                f"{each.needed} people"
                if isinstance(each.needed, int)
                else f"no number of people: {each.needed.reason}"
            )
            with_images = f" with {each.images:g} images each" if each.images else ""
            click.echo(f"{name}: {each.pilot} in a pilot of {each.people} people{with_images}; it takes {need}")
            parts = [f"{need} × {count}" for count, need in each.by_images.items() if isinstance(need, int)]
            if parts:
                click.echo(f"  people × images of each: {', '.join(parts)}")
    return 1 if any(isinstance(each.needed, Undefined) for each in found) else 0
