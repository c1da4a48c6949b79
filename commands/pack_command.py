"""`deid-bench pack`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import out_to
from .strict import strict_command


@strict_command("pack")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@out_to("File of the submission.", Path("submission.zip"))
@click.option(
    "--samples",
    type=click.IntRange(0, 50),
    default=4,
    show_default=True,
    help="Pairs of images per record; datasets that may not be passed on have none.",
)
@click.option("--no-images", is_flag=True, help="The same as --samples 0.")
@click.option("--name", default="", help="Who submits.")
@click.option("--contact", default="", help="How to reach you.")
@click.option("--url", default="", help="Where more is to be found.")
@click.option(
    "--sign", "key", type=click.Path(path_type=Path), metavar="KEY", help="Sign with this private SSH key (Ed25519)."
)
@click.option(
    "--croissant", type=click.Path(path_type=Path), metavar="FILE",
    help="Also describe the zip in Croissant 1.0 (JSON-LD), for archives; FILE belongs beside it.",
)  # fmt: skip
def command(
    results: tuple[Path, ...],
    out: Path,
    samples: int,
    no_images: bool,
    name: str,
    contact: str,
    url: str,
    key: Path | None,
    croissant: Path | None,
) -> int:
    """Pack records, their distances and a few images into one zip, for somebody else to verify.

    \b
    deid-bench pack results -o submission.zip --name "A. Author"
    deid-bench pack results -o submission.zip --croissant submission.json
    """
    from ..benchmark.submission.pack import Submitter, pack

    for option, text in (("--name", name), ("--contact", contact), ("--url", url)):
        if len(text) > 200 or not text.isprintable():
            raise click.BadParameter(f"{option}: expected at most 200 characters on one line")
    submitter = Submitter(name=name, contact=contact, url=url)
    found = pack(results, out, 0 if no_images else samples, submitter, key)
    records = f"{found.records} record{'s' * (found.records != 1)}"
    click.echo(f"{out}: {records}, {found.images} pairs of images, {found.size / 1e6:.1f} MB")
    if croissant is not None:
        from ..benchmark.storage.store import save_file
        from ..reports.croissant import document_text, submission_document

        save_file(croissant, document_text(submission_document(out)).encode())
        click.echo(croissant)
    for each in found.left_out:
        click.secho(f"left out: {each}", fg="yellow", err=True)
    return 1 if found.left_out else 0
