"""`deid-bench data`."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from .options import json_option


@click.group("data")
def command() -> None:
    """List, prepare, verify or look for duplicates in datasets."""


@command.command("list")
def list_datasets() -> int:
    """List the datasets that this installation knows."""
    from ..plugins import Kind, PluginError, registry

    for name, entry in registry().entries(Kind.DATASET).items():
        try:
            info = entry.load().info
            text = f"{info.description} [{info.modality}, {info.licence}]"
        except PluginError as error:
            text = click.style(str(error), fg="red")
        click.echo(f"{name:<16} {text}")
    return 0


@command.command("prepare")
@click.argument("dataset", metavar="SPEC")
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="Processes.  [default: all cores]")
@click.option("--quiet", "-q", is_flag=True)
def prepare(dataset: str, jobs: int, quiet: bool) -> int:
    """Render or unpack a dataset now, with all cores, instead of at the start of a run.

    \b
    deid-bench data prepare synthetic-palm:identities=200,samples=6
    """
    from ..benchmark.backends import default_jobs
    from ..benchmark.plan import load_dataset
    from .progress import Bars

    with Bars(quiet) as bars:
        hook: Callable[[int, int], None] = lambda done, total: bars.prepare(dataset, done, total)  # noqa: E731
        loaded = load_dataset(dataset, 0, jobs or default_jobs(), hook)
    identities = len({each.identity for each in loaded.samples})
    click.echo(f"{dataset}: {len(loaded.samples)} images of {identities} identities, digest {loaded.digest[:16]}")
    return 0


@command.command("verify")
@click.argument("dataset", metavar="SPEC")
@json_option
def verify(dataset: str, as_json: bool) -> int:
    """Read every image, count what is there, and look for the same picture under two identities.

    \b
    deid-bench data verify folder:path=hands
    """
    from ..benchmark.backends import default_jobs
    from ..benchmark.plan import load_dataset
    from ..datasets.duplicates import find_duplicates
    from ..datasets.images import ImageError

    loaded = load_dataset(dataset, 0, default_jobs(), None)
    unreadable = []
    for sample in loaded.samples:
        try:
            sample.image()
        except ImageError as error:
            unreadable.append({"sample": sample.sample_id, "problem": str(error)})
    readable = [each for each in loaded.samples if each.sample_id not in {row["sample"] for row in unreadable}]
    duplicates = [str(each) for each in find_duplicates(readable)]
    data = {
        "dataset": dataset,
        "digest": loaded.digest,
        "images": len(loaded.samples),
        "identities": len({each.identity for each in loaded.samples}),
        "subjects": len({each.subject for each in loaded.samples}),
        "unreadable": unreadable,
        "duplicates": duplicates,
    }
    if as_json:
        click.echo(json.dumps(data, indent=1))
    else:
        for key, value in data.items():
            shown = value if not isinstance(value, list) else (len(value) or "none")
            click.echo(f"{key:<12} {shown}")
        for row in unreadable:
            click.secho(f"  unreadable {row['sample']}: {row['problem']}", fg="yellow")
        for text in duplicates:
            click.secho(f"  duplicate {text}", fg="yellow")
    return 1 if unreadable or duplicates else 0
