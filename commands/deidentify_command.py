"""`deid-bench deidentify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ..characters import plain
from .options import completing, out_to, quiet_option
from .strict import strict_command

if TYPE_CHECKING:
    from ..datasets.types import Modality


@strict_command("deidentify")
@click.argument("paths", metavar="IN…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method", "-m", required=True, metavar="SPEC", shell_complete=completing("deidentifier"),
    help="De-identifier: NAME or NAME:key=value,…",
)  # fmt: skip
@out_to("Folder of the results.", required=True)
@click.option(
    "--modality",
    type=click.Choice(["palm", "face"]),
    help="Do hands or faces alone.  [default: all that the method is for]",
)
@click.option(
    "--analyzer", default="", metavar="SPEC", shell_complete=completing("analyzer"),
    help="Detector.  [default: mediapipe_hands, mtcnn]",
)  # fmt: skip
@click.option("--seed", type=int, help="Makes results repeatable, for everybody who knows it.  [default: a secret one]")
@click.option("--preview", is_flag=True, help="Also write preview.jpg, preview-2.jpg, …: originals beside results.")
@click.option("--overwrite", is_flag=True, help="Replace results of earlier calls, as deidentified.csv lists them.")
@quiet_option
def command(
    paths: tuple[Path, ...],
    method: str,
    out: Path,
    modality: str | None,
    analyzer: str,
    seed: int | None,
    preview: bool,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Apply a method to pictures: files, or folders with all that is in them.

    Every hand or face that the method is for is done. A picture in which none is found, or one fails or cannot be used,
    is not written; it is listed with the reason, here and in deidentified.csv, and the command ends with 1. Pictures
    come out upright, in their own format and quality, without EXIF and other metadata. File names are kept. Linked
    folders and hidden files are passed over, and listed.

    \b
    deid-bench deidentify --method palm_diffusion photos/ -o done/
    deid-bench deidentify --method blurring --modality face portrait.jpg -o done/ --preview
    """
    from ..pictures.apply import Applier
    from ..pictures.folders import deidentify_files
    from ..pictures.sources import sources
    from ..pictures.table import summary

    found = sources(paths, out)
    applier = Applier(method, cast("Modality | None", modality), analyzer, seed)
    with click.progressbar(length=len(found), label=applier.text, file=sys.stderr, hidden=quiet) as bar:
        outcome = deidentify_files(
            found, out, applier, overwrite=overwrite, preview=preview, progress=lambda row: bar.update(1)
        )
    rows = outcome.rows
    for line in summary(rows):
        if not quiet or line.startswith("failed"):
            click.echo(line, err=line.startswith("failed"))
    if outcome.sheets and not quiet:
        click.echo(f"to look at, not to publish: {', '.join(plain(each) for each in outcome.sheets)}")
    failed = any(row.state == "failed" for row in rows) or not any(row.state == "done" for row in rows)
    return 1 if failed else 0
