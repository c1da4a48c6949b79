"""`deid-bench docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from .strict import strict_command

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_FROM_CODE = re.compile(r"^::: (\S+)$", re.MULTILINE)
"""What the site's generator replaces by docstrings."""


def page_files() -> dict[str, Path]:
    """Where each page of the documentation lies, by name: in the package's folder, installed or not."""
    return {path.stem: path for path in sorted((Path(__file__).parents[1] / "docs").glob("*.md"))}


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in page_files() if name.startswith(incomplete)]


@strict_command("docs")
@click.argument("page", required=False, default="", shell_complete=_complete)
def command(page: str) -> int:
    """List the pages of the documentation, or show one.

    A terminal gets it laid out; a pipe or a file gets the Markdown as it is.

    \b
    deid-bench docs
    deid-bench docs first-hour
    deid-bench docs metrics > metrics.md
    """
    files = page_files()
    if not page:
        width = max(map(len, files), default=0)
        for name, path in files.items():
            click.echo(f"  {name:<{width}}  {_title(path.read_text(encoding='utf-8'))}")
        return 0
    name = Path(page).name.removesuffix(".md").lower()
    if name not in files:
        raise click.UsageError(_unknown(page, name, list(files)))
    _show(files[name].read_text(encoding="utf-8"))
    return 0


def _title(text: str) -> str:
    found = _TITLE.search(text)
    return found[1] if found else ""


def _unknown(page: str, name: str, known: list[str]) -> str:
    from ..suggestions import nearest, offer

    near = nearest(name, known)
    hint = offer(near, "") if near else ""
    return f"there is no page {page!r}{hint}\nPages: {', '.join(known)}"


def _show(text: str) -> None:
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    pages = _FROM_CODE.sub(r"    python -m pydoc \1", text)
    Console().print(Markdown(pages, hyperlinks=False))  # pages of the manual are no addresses of a terminal
