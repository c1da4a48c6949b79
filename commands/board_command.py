"""`deid-bench board`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import out_to, reference_option, signers, trust_option
from .strict import strict_command


@strict_command("board")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@out_to("File of the board.", Path("board.html"))
@reference_option
@trust_option
def command(results: tuple[Path, ...], out: Path, reference: bool, trust: tuple[Path, ...]) -> int:
    """Write one offline HTML leaderboard from records.

    \b
    deid-bench board results -o board.html
    """
    from ..reports.board.page import write_board

    rows, skipped = write_board(results, out, trusted=signers(trust), reference=reference)
    click.echo(f"{out}: {rows} row{'s' * (rows != 1)}")
    for path, reason in skipped:
        click.secho(f"left out {path}: {reason}", fg="yellow", err=True)
    if not rows:
        click.secho(f"there is no record below {', '.join(map(str, results))}", fg="yellow", err=True)
    return 1 if skipped or not rows else 0
