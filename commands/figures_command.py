"""`deid-bench figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import completing, out_to
from .strict import strict_command

_NAMES = ("distributions", "det", "cmc", "ladder", "pareto", "sweep", "grid")
"""As in `reports.figures.catalogue`, which is imported when something is drawn."""


@strict_command("figures")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@out_to("Folder of the figures.", Path("figures"))
@click.option("--figure", "-f", "figures", multiple=True, type=click.Choice([*_NAMES, "all"]),
              help="Repeatable.  [default: all that can be drawn]")  # fmt: skip
@click.option(
    "--format", "formats", default="pdf,svg,png", show_default=True, metavar="pdf,svg,png", help="Any of them."
)
@click.option("--width", type=click.Choice(["column", "text", "full"]), default="column", show_default=True,
              help="3.5, 5.2 or 7.16 inches.")  # fmt: skip
@click.option("--method", "-m", "methods", multiple=True, metavar="SPEC", shell_complete=completing("deidentifier"),
              help="Of these methods only, in this order: specifications or names. Repeatable.")  # fmt: skip
@click.option("--recognizer", "-r", "recognizers", multiple=True, metavar="SPEC",
              shell_complete=completing("recognizer"), help="With these recognizers only. Repeatable.")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="NAME", shell_complete=completing("number"),
              help="Panels of sweeps. Repeatable.  [default: rr, dir, rank1_without_source, ssim]")  # fmt: skip
@click.option("--x", default="ssim", show_default=True, metavar="NAME", shell_complete=completing("number"),
              help="Metric across in Pareto plots.")  # fmt: skip
@click.option("--y", default="rr_cross", show_default=True, metavar="NAME", shell_complete=completing("number"),
              help="Metric upwards in Pareto plots.")  # fmt: skip
@click.option("--images", type=click.Choice(["previews", "store"]), default="previews", show_default=True,
              help="Where grids take images from: small ones beside the records, or the results folder.")  # fmt: skip
@click.option(
    "--samples", type=click.IntRange(1, 100), default=2, show_default=True, help="Originals of each dataset in grids."
)
@click.option("--versions", type=click.IntRange(1, 100), default=1, show_default=True,
              help="De-identified versions of each original in grids; more than 1 needs --images store.")  # fmt: skip
def command(results: tuple[Path, ...], out: Path, figures: tuple[str, ...], formats: str, **values: Any) -> int:
    """Draw the papers' figures from records: PDF, SVG and PNG, and a caption (.txt) beside each.

    \b
    distributions  genuine, impostor, original and de-identified, versions of one image
    det, cmc       error trade-off and identification, a curve for each method
    ladder         what each attacker finds, the ignorant one first
    pareto         privacy against quality, with intervals
    sweep          numbers over the values of a parameter
    grid           original and de-identified images side by side

    \b
    deid-bench figures results -o figures
    deid-bench figures results --figure grid --images store --versions 3 --width full
    """
    from ..reports.figures.catalogue import Options, write_figures

    kinds = tuple(dict.fromkeys(each.strip().lower() for each in formats.split(",")))
    if not set(kinds) <= {"pdf", "svg", "png"}:
        raise click.BadParameter(f"expected some of pdf,svg,png, got {formats!r}", param_hint="--format")
    if values["versions"] > 1 and values["images"] == "previews":
        raise click.UsageError("previews hold one version of each original; add --images store")
    named = () if "all" in figures else tuple(dict.fromkeys(figures))
    chosen = {key: value for key, value in values.items() if value != ()} | {"figures": named, "formats": kinds}
    written = write_figures(results, out, Options(**chosen))
    for path in (*written.files, *written.captions):
        click.echo(path)
    for name, text in written.notes:
        click.secho(f"{name}: {text}", fg="yellow", err=True)
    for name, reason in written.refused:
        click.secho(f"not drawn: {name}: {reason}", fg="yellow", err=True)
    for path, reason in written.left_out:
        click.secho(f"left out {path}: {reason}", fg="yellow", err=True)
    return 1 if written.left_out or (named and written.refused) or not written.files else 0
