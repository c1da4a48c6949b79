"""`deid-bench tables`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from .options import out_to
from .strict import strict_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..benchmark.records.record import RunRecord
    from ..reports.paper.fitting import Fit
    from ..reports.paper.selection import Selection

ALL = "all"
TABLES = ("II", "III", "IV", "V", "VI", "VII", "DeDiM-1")
ATTACKS, GROUPS = "attacks", "groups"
_REFUSES = {
    ATTACKS: {"printed": "printed numbers"},
    GROUPS: {
        "intervals": "form without intervals", "printed": "printed numbers", "unmeasured": "rows without a number",
        "sanity": "choice of methods", "one_recognizer": "form of one recogniser",
    },
}  # fmt: skip
"""Options that these tables do not follow, and what they do not have."""


@strict_command("tables")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@click.option(
    "--table",
    "-t",
    "wanted",
    type=click.Choice([*TABLES, ATTACKS, GROUPS, ALL], case_sensitive=False),
    multiple=True,
    help="II to VII of the palm paper, Table 1 of DeDiM, or alone: attacks, groups. Repeatable.  "
    "[default: all that the records can fill]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "latex", "csv"]),
    default="text",
    show_default=True,
    help="csv has every digit, interval and reason.",
)
@out_to("Folder for one file a table.  [default: print]")
@click.option(
    "--fit",
    type=click.Choice(["column", "text", "page"]),
    default="text",
    show_default=True,
    help="LaTeX: into a column of a two-column paper, the text of a one-column paper, both columns.",
)
@click.option("--intervals/--no-intervals", default=True, help="Deviations and intervals beside the numbers.")
@click.option("--printed/--no-printed", default=True, help="The paper's numbers in parentheses.")
@click.option("--unmeasured/--no-unmeasured", default=True, help="Rows without a measured number.")
@click.option("--sanity/--no-sanity", default=True, help="Rows of identity, other and the like.")
@click.option("--one-recognizer", is_flag=True, help="One table for each recogniser.")
def command(
    results: tuple[Path, ...], wanted: tuple[str, ...], form: str, out: Path | None, fit: Fit, **shown: bool
) -> int:
    """Write the papers' tables from records, printed numbers beside measured ones.

    \b
    deid-bench tables results
    deid-bench tables results --table V --format latex --fit column -o paper
    deid-bench tables results --table attacks --no-sanity --one-recognizer --format latex
    """
    from ..reports.figures.data import load_entries
    from ..reports.paper.build import paper_tables
    from ..reports.paper.formats import file_name, format_tables
    from ..reports.paper.selection import Selection, select

    groups, left_out = load_entries(results)
    records = [(entry.record, entry.folder) for group in groups for entry in group.entries]
    alone = wanted[0].lower() if len(wanted) == 1 else ""
    if alone in _REFUSES:
        _refuse(alone)
        every = [record for record, _ in records]
        if alone == ATTACKS:
            return max(_attacks(every, Selection(**shown), form, fit, out), _say_left_out(left_out))
        return max(_groups(every, form, fit, out), _say_left_out(left_out))
    for name in (ATTACKS, GROUPS):
        if any(each.lower() == name for each in wanted):
            raise click.UsageError(f"table {name} is not one of the papers'; ask for it by itself")
    tables = paper_tables(records, None if not wanted or ALL in wanted else wanted)
    tables = list(select(tables, Selection(**shown)))
    _say_left_out(left_out)
    lacking = [each for each in wanted if each != ALL and each not in {table.id for table in tables}]
    for name in lacking:
        click.secho(f"table {name}: no record belongs into it", fg="yellow", err=True)
    if not tables and not lacking:
        click.secho("no record belongs into a table of the papers", fg="yellow", err=True)
    if out is None:
        _write([("", format_tables(tables, form, fit))] if tables else [], None)
    else:
        _write([(file_name(each, form), format_tables([each], form, fit)) for each in tables], out)
    return 1 if left_out or lacking or not tables else 0


def _say_left_out(left_out: Sequence[tuple[Path, str]]) -> int:
    for path, reason in left_out:
        click.secho(f"left out {path}: {reason}", fg="yellow", err=True)
    return 1 if left_out else 0


def _refuse(table: str) -> None:
    """Make sure that nothing is asked of a table that only others have.

    Raises:
        click.UsageError: something is.
    """
    context = click.get_current_context()
    for name, what in _REFUSES[table].items():
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"table {table} has no {what}; leave the option of {name.replace('_', ' ')} away")


def _write(files: Sequence[tuple[str, str]], out: Path | None) -> int:
    """Put texts into files of a folder, or print them."""
    from ..benchmark.storage.store import save_file

    for name, text in files:
        if out is None:
            click.echo(text, nl=False)
        else:
            save_file(out / name, text.encode("utf-8"))
            click.echo(out / name)
    return 0


def _having(records: Sequence[RunRecord], part: str, what: str, hint: str) -> list[RunRecord]:
    """Records that have a part; how many have not is said."""
    found = [each for each in records if getattr(each, part) is not None]
    if not found:
        click.secho(f"no record has {what}; {hint}", fg="yellow", err=True)
    elif others := len(records) - len(found):
        click.secho(f"{others} record{'s' * (others > 1)} without {what}", fg="yellow", err=True)
    return found


def _attacks(records: Sequence[RunRecord], parts: Selection, form: str, fit: Fit, out: Path | None) -> int:
    """The table of attacks, printed or written."""
    from ..reports.paper.attack_table import attack_tables, format_attacks

    attacked = _having(records, "attacks", "attacks", "run with --attacks basic")
    if not attacked:
        return 1
    tables = attack_tables(attacked, parts)
    if not tables:
        click.secho("nothing is left of the table of attacks; leave out less", fg="yellow", err=True)
        return 1
    if out is None:
        return _write([("", format_attacks(tables, form, fit))], None)
    return _write([(each.file_name(form), format_attacks([each], form, fit)) for each in tables], out)


def _groups(records: Sequence[RunRecord], form: str, fit: Fit, out: Path | None) -> int:
    """The tables of groups of people, printed or written."""
    from ..reports.paper.formats import EXTENSIONS
    from ..reports.paper.group_table import group_table

    known = _having(records, "groups", "groups of people", "the dataset has to know them")
    return _write([(f"groups{EXTENSIONS[form]}", group_table(known, form, fit))], out) if known else 1
