"""`deid-bench new`."""

from __future__ import annotations

from pathlib import Path

import click

from ..plugins.kinds import Kind
from .options import out_to
from .strict import strict_command

_WORDS = {"method": Kind.DEIDENTIFIER}
"""Kinds that users call otherwise."""


@strict_command("new")
@click.argument("kind", type=click.Choice(["method", *(str(each) for each in Kind)]))
@click.argument("name")
@out_to("Folder to write the package into.", Path())
def command(kind: str, name: str, out: Path) -> int:
    """Write a plug-in package NAME of a KIND that passes `check` at once.

    \b
    deid-bench new method my_method
    deid-bench new recognizer my_recognizer
    cd my-method && pip install -e . && deid-bench check my_method
    """
    from ..benchmark.plugin_checks.scaffold import write_package

    folder = write_package(_WORDS.get(kind) or Kind(kind), name, out)
    click.echo(f"wrote {folder}; next:\n  pip install -e {folder}\n  deid-bench check {name}")
    return 0
