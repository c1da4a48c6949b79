"""`deid-bench choose`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Finite, completing, json_option
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.readings.choosing import Limit


@strict_command("choose")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--max", "most", multiple=True, metavar="METRIC=BOUND", help="The number must stay below. Repeatable.")
@click.option("--min", "least", multiple=True, metavar="METRIC=BOUND", help="The number must stay above. Repeatable.")
@click.option(
    "--best", required=True, metavar="METRIC", shell_complete=completing("number"), help="The quality to have most of."
)
@click.option(
    "--confidence", type=Finite(50, 100, min_open=True, max_open=True), default=95.0, show_default=True,
    help="Of the whole choice, in %.",
)  # fmt: skip
@json_option
def command(
    sources: tuple[Path, ...],
    most: tuple[str, ...],
    least: tuple[str, ...],
    best: str,
    confidence: float,
    as_json: bool,
) -> int:
    """Choose the setting of best quality whose worst case stays within a bound.

    SOURCES are folders of results, of a sweep for example, or run.json files, all of one protocol and dataset. Bounds
    are in the metric's unit and hold for every recogniser; confidence is that of the bound, not of the number. Ends
    with 1 where no setting keeps to the bounds, and says how many people it would take to show that one does.

    \b
    deid-bench run -m blurring --sweep sigma=0.02,0.04,0.08 --out sweep
    deid-bench choose sweep --max rank1_without_source=40 --best ssim
    """
    from ..benchmark.metrics.metric import NO_VALUE
    from ..benchmark.metrics.values import Undefined
    from ..benchmark.readings.choosing import choose
    from ..benchmark.records.collection import collect
    from ..benchmark.records.record import RecordError

    limits = [_limit(text, True) for text in most] + [_limit(text, False) for text in least]
    if not limits:
        raise click.UsageError("Say what must hold, for example --max rank1_without_source=5.")
    read = collect(sources)
    for _, reason in read.left_out:  # a setting that is missing may be the one that does not hold
        raise RecordError(reason)
    found = choose(read.records, limits, best, confidence / 100)
    if as_json:
        rows = [
            {
                "method": each.record.method.spec,
                best: each.quality,
                "numbers": each.values,
                "holds": each.holds and each.reached,
                "people": None if isinstance(each.people, Undefined) else each.people,
            }
            for each in found.candidates
        ]
        chosen = found.best.record.method.spec if found.best else None
        click.echo(json.dumps({"chosen": chosen, "sentence": found.sentence, "settings": rows}, indent=1))
        return 0 if found.best else 1
    for each in found.candidates:
        mark = "holds" if each.holds and each.reached else "after one that fails" if each.holds else "does not hold"
        people = "" if isinstance(each.people, Undefined) or each.holds else f"; would take {each.people} people"
        quality = NO_VALUE if each.quality is None else found.about.text(each.quality)
        click.echo(f"{each.record.method.spec}: {best} {quality}; {'; '.join(each.values)}; {mark}{people}")
    click.secho(found.sentence, bold=True)
    return 0 if found.best else 1


def _limit(text: str, upper: bool) -> Limit:
    from ..benchmark.readings.choosing import Limit

    name, _, bound = text.partition("=")
    try:
        number = float(bound)
        if not math.isfinite(number):
            raise ValueError("no number can stay within it")
        return Limit(name.strip(), number, upper)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: expected METRIC=BOUND, for example rank1_worst=5") from error
