"""`deid-bench data`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import completing, json_option, out_to, quiet_option
from .strict import strict_group

if TYPE_CHECKING:
    from ..benchmark.label_witness import LabelWitness

_SHOWN, _LISTED = 5, 50
"""Entries of a list that `register` and `verify` print; --json has all."""


@strict_group("data")
def command() -> None:
    """List, register, prepare, verify or describe datasets, and look for duplicates in them."""


@command.command("list")
def list_datasets() -> int:
    """List the datasets that this installation knows."""
    from ..plugins.entries import Kind, PluginError, registry

    for name, entry in registry().entries(Kind.DATASET).items():
        try:
            info = entry.load().info
            text = f"{info.description} [{info.modality}, {info.licence}]"
        except PluginError as error:
            text = click.style(str(error), fg="red")
        click.echo(f"{name:<16} {text}")
    return 0


@command.command("register")
@click.argument("dataset", metavar="SPEC")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--accept-licence", is_flag=True, help="Accept the terms without being asked; for scripts.")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An archive the folder was unpacked from: its digest is compared with the published one. Repeatable.",
)
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="Threads.  [default: all cores]")
@quiet_option
@json_option
def register(
    dataset: str, path: Path, accept_licence: bool, archives: tuple[Path, ...], jobs: int, quiet: bool, as_json: bool
) -> int:
    """Look through a dataset that you have, and remember where it is, what is in it, and that you accept its terms.

    The counts are compared with the published ones; missing, extra, double and unreadable files are reported. Ends
    with 1 when files are unreadable or one picture stands under two identities; it is registered all the same.

    \b
    deid-bench data register iitd "/data/IITD Palmprint V1"
    deid-bench data register lfw /data/lfw --archive lfw.tgz
    """
    from ..benchmark.engine.backends import default_jobs
    from ..datasets.layouts.registering import check_archives, register_dataset
    from ..datasets.layouts.registration_audit import survey
    from ..files import PathError, expanded, is_folder
    from .data_tables import survey_data, survey_lines
    from .progress import Bars

    loader, parts, pattern = _loader(dataset)
    root = expanded(path).resolve()
    if not is_folder(root):
        raise PathError(f"expected a folder, got {path}, which is none")
    if not _terms_accepted(loader, accept_licence, quiet):
        return 3
    with Bars(quiet or as_json) as bars:
        hook: Callable[[int, int], None] = lambda done, total: bars.prepare(str(path), done, total)  # noqa: E731
        checked = check_archives(loader, parts, archives)
        found = survey(loader, root, parts, jobs or default_jobs(), hook)
    file = register_dataset(loader, root, pattern, found, checked)
    data = survey_data(loader.info.name, root, found, checked)
    if as_json:
        click.echo(json.dumps(data | {"registration": str(file)}, indent=1))
    elif not quiet:
        for line in survey_lines(loader, found, checked, _SHOWN):
            click.echo(line)
        click.echo(f"{loader.info.name}: registered in {file}")
    return 1 if found.grave else 0


def _loader(text: str) -> tuple[Any, tuple[str, ...], str]:
    """The dataset, the parts to look for (all, unless parameters were given), and the user's own pattern."""
    from ..datasets.layouts.registered import LayoutDataset
    from ..plugins.entries import Kind, PluginError, Spec, registry

    resolved = registry().resolve(Kind.DATASET, text)
    if not issubclass(resolved.cls, LayoutDataset):
        raise PluginError(f"{resolved.name} needs no registration: use it with --dataset, see deid-bench data status")
    loader = resolved.create()
    if resolved.params["root"]:
        raise PluginError("root= and PATH are the same thing; give the folder as PATH alone")
    parts = (loader.part,) if Spec.parse(text).params else tuple(loader.layout.parts)
    return loader, parts, str(resolved.params["pattern"])


def _terms_accepted(loader: Any, accept: bool, quiet: bool) -> bool:
    """Show the terms and ask, unless they were accepted before."""
    from ..datasets.layouts.registering import terms_accepted

    terms, name = loader.layout.terms, loader.info.name
    if terms_accepted(terms):
        return True
    if not quiet or not accept:
        click.echo(terms.title, err=True)
        for each in terms.terms:
            click.echo(f"  - {each}", err=True)
    if not accept:
        try:
            accept = click.confirm("Do you accept these terms?", default=False, err=True)
        except click.Abort:  # nobody there to answer
            click.echo(err=True)
    if not accept:
        click.echo(f"Not accepted: {name} is not registered. Where nobody can answer, add --accept-licence.", err=True)
    return accept


@command.command("status")
@json_option
def status(as_json: bool) -> int:
    """List every dataset: where it is, how many images, and whether they are still those that were registered.

    Sizes and times of the files are compared; `data verify NAME` reads them.

    \b
    deid-bench data status
    """
    from .data_tables import status_rows

    rows = status_rows()
    colours = {"ready": "green", "registered": "green", "changed": "red", "damaged": "red", "broken": "red"}
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        for row in rows:
            state = click.style(f"{row['state']:<16}", fg=colours.get(row["state"], "yellow"))
            click.echo(f"{row['name']:<16} {state} {row['text']}")
    return 1 if any(colours.get(row["state"]) == "red" for row in rows) else 0


@command.command("prepare")
@click.argument("dataset", metavar="SPEC", shell_complete=completing("dataset"))
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="Processes.  [default: all cores]")
@click.option("--quiet", "-q", is_flag=True)
def prepare(dataset: str, jobs: int, quiet: bool) -> int:
    """Render, download or unpack a dataset now, with all cores, instead of at the start of a run.

    \b
    deid-bench data prepare synthetic-palm:identities=200,samples=6
    """
    from ..benchmark.engine.backends import default_jobs
    from ..benchmark.planning.loaded_dataset import load_dataset
    from .data_tables import dataset_lines
    from .progress import Bars

    with Bars(quiet) as bars:
        hook: Callable[[int, int], None] = lambda done, total: bars.prepare(dataset, done, total)  # noqa: E731
        loaded = load_dataset(dataset, 0, jobs or default_jobs(), hook)
    identities = len({each.identity for each in loaded.samples})
    click.echo(f"{dataset}: {len(loaded.samples)} images of {identities} identities, digest {loaded.digest[:16]}")
    for line in dataset_lines([loaded]):
        click.secho(line, fg="yellow")
    return 0


@command.command("verify")
@click.argument("dataset", metavar="SPEC", shell_complete=completing("dataset"))
@click.option("--hashes-only", is_flag=True, help="Compare the files with the registration; decode nothing.")
@click.option(
    "--recognizer", "-r", default="", metavar="SPEC", shell_complete=completing("recognizer"),
    help="A second witness for pictures under two identities.",
)  # fmt: skip
@click.option(
    "--analyzer", default="", metavar="SPEC", shell_complete=completing("analyzer"),
    help="Its detector.  [default: mediapipe_hands, mtcnn]",
)  # fmt: skip
@json_option
def verify(dataset: str, hashes_only: bool, recognizer: str, analyzer: str, as_json: bool) -> int:
    """Read every image, count what is there and what is passed over, and look for one picture under two identities.

    The files of a registered dataset are hashed anew first and compared with what was registered. With --recognizer
    all images are compared, and of every picture under two identities it is said whether the recogniser takes them for
    one person, too, and which label is probably wrong.

    \b
    deid-bench data verify folder:path=hands
    deid-bench data verify folder:path=hands --recognizer mtcc
    deid-bench data verify iitd
    """
    from ..benchmark.engine.backends import default_jobs
    from ..benchmark.planning.loaded_dataset import load_dataset
    from .data_verify import GRAVE, contents, lines

    if hashes_only and recognizer:
        raise click.UsageError("--recognizer looks at the pictures, --hashes-only does not; leave one of them away")
    data = _against_registration(dataset, hashes_only)
    if not hashes_only and not data.get("differs"):
        data |= contents(load_dataset(dataset, 0, default_jobs(), None), _witness(dataset, recognizer, analyzer))
    if as_json:
        click.echo(json.dumps(data, indent=1))
    else:
        for text, warning in lines(data, _LISTED):
            click.secho(text, fg="yellow" if warning else None)
    return 1 if any(data.get(key) for key in GRAVE) else 0


@command.command("croissant")
@click.argument("dataset", metavar="SPEC", shell_complete=completing("dataset"))
@out_to("File of the description; contentUrl is relative to the folder of the images.  [default: print]")
def croissant(dataset: str, out: Path | None) -> int:
    """Describe a dataset in Croissant 1.0 (JSON-LD): licence, citation, files with SHA-256, and whose each image is.

    It holds names of files and labels of people, but no image, and not where the files lie.

    \b
    deid-bench data croissant face-london -o face-london.json
    """
    from ..benchmark.engine.backends import default_jobs
    from ..benchmark.planning.loaded_dataset import load_dataset
    from ..benchmark.storage.store import save_file
    from ..reports.croissant import dataset_document, document_text
    from .data_tables import dataset_lines

    loaded = load_dataset(dataset, 0, default_jobs(), None)
    text = document_text(dataset_document(loaded))
    if out is None:
        click.echo(text, nl=False)
    else:
        save_file(out, text.encode())
        click.echo(out)
    for line in dataset_lines([loaded]):
        click.secho(line, fg="yellow", err=True)
    return 0


def _witness(dataset: str, recognizer: str, analyzer: str) -> LabelWitness | None:
    if not recognizer:
        return None
    from ..benchmark.label_witness import ask

    return ask(dataset, recognizer, analyzer)


def _against_registration(text: str, wanted: bool) -> dict[str, Any]:
    """What a registered dataset's files are like by now; nearly nothing for the others."""
    from ..benchmark.engine.backends import default_jobs
    from ..benchmark.planning.loaded_dataset import dataset_spec
    from ..datasets.layouts.registered import LayoutDataset
    from ..datasets.layouts.registration_audit import full_changes
    from ..datasets.layouts.registrations import find_registration, renew_times
    from ..plugins.entries import Kind, PluginError, registry

    resolved = registry().resolve(Kind.DATASET, dataset_spec(text))
    known = None
    if issubclass(resolved.cls, LayoutDataset) and not resolved.params["root"]:
        known = find_registration(resolved.name)
    if known is None:
        if wanted:
            raise PluginError(f"{text} is not registered, so there is nothing to compare its files with")
        return {"dataset": text}
    loader = resolved.create()
    changes = full_changes(loader, known, default_jobs())
    if not changes:
        renew_times(known)
    lists = {"changed": list(changes.changed), "missing": list(changes.missing), "new": list(changes.new)}
    return {"dataset": text, "root": str(known.root), "registered": known.date, "differs": bool(changes), **lists}
