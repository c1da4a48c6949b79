"""`deid-bench weights`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from .options import json_option
from .strict import strict_group


@strict_group("weights")
def command() -> None:
    """List, fetch, add or verify weight files."""


@command.command("list")
@json_option
def list_weights(as_json: bool) -> int:
    """List every weight file: state, size, licence, what it was trained on, digest."""
    from ..weights.files import all_specs, status

    rows = []
    for spec in all_specs():
        found = status(spec.name)
        rows.append(
            {
                "name": spec.name,
                "state": found.state,
                "where": found.message,
                "size": spec.size,
                "sha256": spec.sha256,
                "licence": spec.licence,
                "training_data": spec.training_data,
                "citation": spec.citation,
                "description": spec.description,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    colours = {"ready": "green", "absent": "yellow", "damaged": "red"}
    for row in rows:
        size = f"{float(row['size']) / 1e6:.1f} MB" if row["size"] else "size unknown"
        click.echo(f"{row['name']}  {click.style(str(row['state']), fg=colours[str(row['state'])])}  {size}")
        for key in ("description", "where", "licence", "training_data", "sha256"):
            if row[key]:
                click.echo(f"    {key.replace('_', ' ')}: {row[key]}")
    return 0


@command.command("fetch")
@click.argument("names", nargs=-1)
@click.option("--quiet", "-q", is_flag=True)
def fetch_weights(names: tuple[str, ...], quiet: bool) -> int:
    """Fetch weight files, all of them if none is named, and verify them.

    \b
    deid-bench weights fetch mediapipe-palm-detection
    """
    from ..weights.files import WeightsError, all_specs, fetch, status
    from .progress import Bars

    chosen = names or tuple(spec.name for spec in all_specs() if spec.sources)
    problems = 0
    for name in chosen:
        if status(name).state == "ready":
            click.echo(f"{name}: {status(name).path}")
            continue
        try:
            with Bars(quiet) as bars:
                path = fetch(name, partial(bars.prepare, name))
            click.echo(f"{name}: {path}")
        except WeightsError as error:
            problems += 1
            click.secho(str(error), fg="red", err=True)
    return 3 if problems else 0


@command.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def add_weights(name: str, file: Path) -> int:
    """Take in a weight FILE that you have; it is verified first.

    \b
    deid-bench weights add mediapipe-palm-detection palm_detection_full.tflite
    """
    from ..weights.files import add

    click.echo(f"{name}: {add(name, file)}")
    return 0


@command.command("verify")
@click.argument("names", nargs=-1)
def verify_weights(names: tuple[str, ...]) -> int:
    """Hash weight files anew and compare them with what is expected."""
    from ..weights.files import WeightsError, all_specs, status, verify

    problems = 0
    for name in names or tuple(spec.name for spec in all_specs()):
        try:
            if not names and status(name).state == "absent":
                click.echo(f"{name}: not on this machine")
                continue
            click.echo(f"{name}: {verify(name)} is as expected")
        except WeightsError as error:
            problems += 1
            click.secho(str(error), fg="red", err=True)
    return 3 if problems else 0
