"""`deid-bench new`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("new")
def command() -> None:
    """Write a working plug-in package to start from."""


@command.command("method")
@click.argument("name")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="Folder to write the package into.")
def method(name: str, into: Path) -> int:
    """Write a plug-in package with a method NAME that passes `check` at once.

    \b
    deid-bench new method my_method
    cd my-method && pip install -e . && deid-bench check my_method
    """
    from ..benchmark.plugin_checks.scaffold import write_method_package

    folder = write_method_package(name, into)
    click.echo(f"wrote {folder}; next:\n  pip install -e {folder}\n  deid-bench check {name}")
    return 0
