"""`deid-bench codabench`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from ..benchmark.planning.defaults import MOST_SEEDS
from .options import completing, out_to, protocol_option
from .strict import strict_command

_BUNDLE = Path("codabench.zip")
_OF_A_BUNDLE = ("protocol", "dataset", "image", "title", "columns", "seeds", "start", "end")
_LONGEST_TITLE = 100


@strict_command("codabench")
@out_to("File of the bundle or, with --score, folder to write into.", _BUNDLE)
@protocol_option
@click.option(
    "--dataset",
    "-d",
    default="",
    metavar="SPEC",
    shell_complete=completing("dataset"),
    help="Dataset that everybody runs on.  [default: the protocol's first]",
)
@click.option(
    "--image",
    default="",
    metavar="NAME",
    help="Container image that scores, with deid-bench in it and without an entry point. Needed for a bundle.",
)
@click.option("--title", default="De-identification challenge", show_default=True, help="Name for people.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="METRIC[@RECOGNIZER]",
    help="Column of the leaderboard; the first ranks. Repeatable. @all: the worst of all recognisers, for numbers of "
    "attackers.  [default: the worst attack, and what a board shows first]",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, MOST_SEEDS),
    default=1,
    show_default=True,
    help="De-identified versions of each image that everybody makes; attackers pool them where there are several.",
)
@click.option("--start", type=click.DateTime(), help="When submissions are taken from, UTC.  [default: today]")
@click.option("--end", type=click.DateTime(), help="Until when.  [default: without an end]")
@click.option(
    "--score", "scored", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Score one submission, as the bundle's scoring program does: FOLDER/res is the submission, FOLDER/ref the "
    "reference data.",
)  # fmt: skip
def command(
    out: Path,
    protocol: str,
    dataset: str,
    image: str,
    title: str,
    columns: tuple[str, ...],
    seeds: int,
    start: datetime | None,
    end: datetime | None,
    scored: Path | None,
) -> int:
    """Write a bundle that makes a challenge on codabench.org.

    Participants upload zips of `deid-bench pack`. The bundle's scoring program computes their numbers anew, as `verify`
    does; what does not hold gets no score and is told why.

    \b
    deid-bench codabench -o bundle.zip --image you/deid-bench:0.1.0
    deid-bench codabench -o bundle.zip --image you/deid-bench:0.1.0 -p ./mine.toml -d iitd --column rank1_worst@all
    deid-bench codabench --score input -o output
    """
    from ..benchmark.protocols import get_protocol
    from ..benchmark.storage.store import save_file
    from ..files import expanded
    from ..reports.codabench.bundle import Schedule, bundle
    from ..reports.codabench.challenge import challenge_of

    if scored is not None:
        return _score(scored, out)
    if not image:
        raise click.UsageError("name the container image that scores with --image; see `deid-bench docs organisers`")
    for option, text, longest in (("--title", title, _LONGEST_TITLE), ("--image", image, 128)):
        if not text.strip() or len(text) > longest or not text.isprintable():
            raise click.BadParameter(f"{option}: expected 1 to {longest} characters on one line")
    begin = start or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if end is not None and end <= begin:
        raise click.BadParameter(f"--end {end} is not after --start {begin}")
    rules = get_protocol(protocol)
    challenge = challenge_of(rules, dataset, columns, title, seeds)
    own = expanded(protocol).read_bytes() if rules.own else b""
    data = bundle(challenge, image, Schedule(begin, end), own)
    save_file(out, data)
    columns_said = f"{len(challenge.columns)} columns, ranked by {challenge.columns[0].title}"
    click.echo(f"{out}: {challenge.protocol} on {challenge.dataset}, {columns_said}")
    click.echo("upload it at codabench.org, where pages, dates and limits can be edited")
    return 0


def _score(folder: Path, out: Path) -> int:
    from ..reports.codabench.scoring import DETAILS_NAME, SCORES_NAME, score

    context = click.get_current_context()
    given = [each for each in _OF_A_BUNDLE if context.get_parameter_source(each) is not ParameterSource.DEFAULT]
    if given:
        names = ", ".join(f"--{'column' if each == 'columns' else each}" for each in given)
        raise click.UsageError(f"{names}: of a bundle; --score takes them from {folder / 'ref'}")
    if context.get_parameter_source("out") is ParameterSource.DEFAULT:
        raise click.UsageError("--score writes two files; name a folder for them with -o")
    outcome = score(folder, out)
    if outcome.reason:
        click.secho(f"no score: {outcome.reason}", fg="yellow", err=True)
        click.echo(out / DETAILS_NAME)
        return 1
    click.echo(f"{out / SCORES_NAME}\n{out / DETAILS_NAME}")
    return 0
