"""`deid-bench store`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import json_option, out_option
from .strict import strict_group

if TYPE_CHECKING:
    from ..benchmark.storage.store import Store


@strict_group("store")
def command() -> None:
    """Look after the finished work that a results folder keeps."""


def _store(out: Path) -> Store:
    from ..benchmark.storage.store import STORE_FOLDER, Store
    from ..files import OutputPathError, is_folder

    if not is_folder(out / STORE_FOLDER, OutputPathError):
        raise click.UsageError(f"{out} holds no store; name the folder of a run with --out")
    return Store(out / STORE_FOLDER)


@command.command("size")
@out_option
@json_option
def size(out: Path, as_json: bool) -> int:
    """Say how many objects there are, and how large they are."""
    from ..benchmark.storage.upkeep import size as measure

    found = measure(_store(out))
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        click.echo(f"{found.objects} objects, {_bytes(found.bytes)}")
        if found.scratch:
            click.echo(f"{found.scratch} unfinished files, {_bytes(found.scratch_bytes)}")
    return 0


@command.command("verify")
@out_option
@json_option
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def verify(out: Path, as_json: bool, quiet: bool) -> int:
    """Read everything whole. Damaged objects are removed; a run makes again what it needs, and damaged records."""
    from ..benchmark.storage.upkeep import verify as check
    from .progress import Bars

    with Bars(quiet or as_json) as bars:
        found = check(_store(out), out, lambda done, total: bars.prepare(str(out), done, total))
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        click.echo(f"{found.objects} objects, {len(found.damaged)} of them damaged and removed")
        for name in found.cells:
            click.echo(f"{name}: its files are not what was written")
        if found.damaged or found.cells:
            click.echo("What is needed of them is made again by the same run command.")
    return 1 if found.damaged or found.cells else 0


@command.command("gc")
@out_option
@json_option
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def gc(out: Path, as_json: bool, dry_run: bool) -> int:
    """Remove what no record in the folder is made of: objects older than a day, and left-over files.

    Remove the folder of a record first, to be rid of its objects as well. Ends with 1 and removes no object where the
    store does not say what a record is made of.
    """
    from ..benchmark.storage.upkeep import collect_garbage

    found = collect_garbage(_store(out), out, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        would = "would be " if dry_run else ""
        click.echo(
            f"{found.objects} objects ({_bytes(found.bytes)}) and {found.scratch} left-over files {would}removed"
        )
        click.echo(f"{found.kept} objects kept")
    for name in found.unknown:
        click.secho(
            f"{name}: the store does not say any more what it is made of, so that every object is kept; remove that "
            "folder, and run its command again before the next gc",
            fg="yellow",
            err=True,
        )
    return 1 if found.unknown else 0


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
