"""`deid-bench site`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import out_to, reference_option, signers, trust_option
from .strict import strict_command

_SHOWN = 5


@strict_command("site")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@out_to("Folder of the site, or of the repository.", Path("public"))
@click.option("--title", default="deid-bench leaderboard", show_default=True)
@click.option("--url", default="", metavar="URL", help="Where the site will stand; a feed and a sitemap need it.")
@click.option("--new", "new", is_flag=True, help="Write a repository for a leaderboard of your own in place of a site.")
@reference_option
@trust_option
def command(
    results: tuple[Path, ...], out: Path, title: str, url: str, new: bool, reference: bool, trust: tuple[Path, ...]
) -> int:
    """Write a static leaderboard: a page for each row, method, dataset and protocol.

    What an earlier site in the same folder had and this one has not is removed; files of others stay.

    \b
    deid-bench site results -o public --url https://example.org/leaderboard/
    deid-bench site --new -o my-leaderboard
    """
    if new:
        if results:
            raise click.UsageError("--new writes an empty repository; leave the results away")
        return _write_repository(out)
    if not results:
        raise click.UsageError("name a results folder, for example: deid-bench site results -o public")
    if url and not url.startswith(("https://", "http://")):
        raise click.UsageError(f"--url should begin with https://, got {url!r}")
    return _write_site(results, out, title, f"{url.rstrip('/')}/" if url else "", reference, trust)


def _write_repository(out: Path) -> int:
    from ..benchmark.storage.store import save_file
    from ..reports.site.repository import repository_files

    for name, data in repository_files():
        save_file(out / name, data)
        click.echo(out / name)
    return 0


def _write_site(
    results: tuple[Path, ...], out: Path, title: str, url: str, reference: bool, trust: tuple[Path, ...]
) -> int:
    from ..benchmark.records.collection import collect
    from ..characters import plain
    from ..reports.leaderboard.reference import beside
    from ..reports.site.pages import site_files
    from ..reports.site.upkeep import write_site

    found = collect(results)
    others = beside([record for record, _ in found.records]) if reference else []
    files = list(site_files(found.records, title, url, found.left_out, signers(trust), others))
    left = write_site(out, files)
    click.echo(
        f"{out}: {len(found.records)} record{'s' * (len(found.records) != 1)}{_beside(len(others))}, {len(files)} files"
    )
    if left.removed:
        click.echo(f"removed {left.removed} files of the site that stood there, which this one has not")
    if left.strange:
        shown = ", ".join(map(plain, left.strange[:_SHOWN])) + ", …" * (len(left.strange) > _SHOWN)
        text = f"{len(left.strange)} files that are not of this site, nor as an earlier one wrote them, still stand in"
        click.secho(f"{text} {out}; remove them by hand: {shown}", fg="yellow", err=True)
    if not url:
        click.echo("no feed and no sitemap: they need --url")
    for path, reason in found.left_out:
        click.secho(f"left out {path}: {reason}", fg="yellow", err=True)
    return 1 if found.left_out or not found.records else 0


def _beside(count: int) -> str:
    return f" and {count} reference row{'s' * (count > 1)}" if count else ""
