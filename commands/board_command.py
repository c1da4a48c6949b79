"""`deid-bench board`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import reference_option, signers, trust_option


@click.command("board")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("board.html"), show_default=True)
@reference_option
@trust_option
def command(results: tuple[Path, ...], output: Path, reference: bool, trust: tuple[Path, ...]) -> int:
    """Write one offline HTML leaderboard from records.

    \b
    deid-bench board results -o board.html
    """
    from ..reports.board.page import write_board

    rows, skipped = write_board(results, output, trusted=signers(trust), reference=reference)
    click.echo(f"{output}: {rows} rows")
    for path, reason in skipped:
        click.secho(f"left out {path}: {reason}", fg="yellow", err=True)
    return 1 if skipped else 0
