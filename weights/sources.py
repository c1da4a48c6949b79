"""Where a weight file can be had from, and how one file is taken out of an artefact (floor 0).

Nothing here knows a host name: the Python package index and the npm registry are asked through their own clients, so a
user's mirror, proxy and credentials are respected.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from ..files import Progress, sha256_of
from .hub import HubError, hub_file

CHUNK = 1 << 20
CLIENT_TIMEOUT_S = 1800
LOOK_S = 0.5
"""So often it is looked how much a registry's client has downloaded."""
LARGEST = 8 * 2**30
"""Bytes of a download whose size is not known beforehand; the largest known weights are a quarter of it."""
CONNECT_TIMEOUT_S = 30


class WeightsError(RuntimeError):
    """A weight file cannot be used; the message names the file, what was expected and what to do."""

    exit_code = 3


class SourceError(Exception):
    """One source did not deliver; the next one is tried. The message becomes part of a `WeightsError`."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file that ships inside deid-bench itself."""

    path: str
    """Relative to the package's root, with forward slashes."""


@dataclass(frozen=True, slots=True)
class PipArtefact:
    """One file inside a wheel or source distribution of the Python package index."""

    package: str
    version: str
    member: str
    """Path inside the archive."""
    sha256: str | None = None
    """Digest of the archive. When given, the installer refuses anything else before looking into it."""
    kind: Literal["wheel", "sdist"] = "wheel"
    platform: str | None = None
    """Platform tag of a wheel with compiled parts. Only the file inside is wanted, so it need not be this machine's."""
    python: str | None = None
    """CPython version such a wheel is made for, e.g. `3.11`."""


@dataclass(frozen=True, slots=True)
class NpmArtefact:
    """One file inside an npm package; needs `npm` on the PATH."""

    package: str
    version: str
    member: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Url:
    """A plain download."""

    url: str


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """A file of a model repository; needs `huggingface_hub`."""

    repo: str
    filename: str
    revision: str = "main"


Archive = PipArtefact | NpmArtefact
Source = Packaged | PipArtefact | NpmArtefact | Url | HuggingFace


def describe(source: Source) -> str:
    """One short phrase for messages and listings."""
    match source:
        case Packaged(path):
            return f"inside deid-bench ({path})"
        case PipArtefact(package=p, version=v, member=m):
            return f"Python package {p}=={v}, file {m}"
        case NpmArtefact(package=p, version=v, member=m):
            return f"npm package {p}@{v}, file {m}"
        case Url(url):
            return url
        case HuggingFace(repo=r, filename=f, revision=rev):
            return f"Hugging Face {r}@{rev}, file {f}"


# --- artefacts ------------------------------------------------------------------------------------------------------


def download_archive(source: Archive, into: Path) -> Path:
    """Let the registry's own client download the artefact into the empty folder `into`; checks its digest if known."""
    command = _pip_command(source, into) if isinstance(source, PipArtefact) else _npm_command(source, into)
    tool = "pip" if isinstance(source, PipArtefact) else "npm"
    _run_client(tool, command, into)
    found = sorted(p for p in into.iterdir() if p.suffix in {".whl", ".gz", ".tgz", ".zip"})
    if len(found) != 1:
        raise SourceError(f"{tool} was expected to leave one archive and left {len(found)}")
    if source.sha256 is not None and (got := sha256_of(found[0])) != source.sha256:
        raise SourceError(f"the archive {found[0].name} has sha256 {got}, expected {source.sha256}")
    return found[0]


def _pip_command(source: PipArtefact, into: Path) -> list[str]:
    requirement = into / "requirements.txt"
    pin = f" --hash=sha256:{source.sha256}" if source.sha256 else ""
    requirement.write_text(f"{source.package}=={source.version}{pin}\n", encoding="utf-8")
    command = [*_pip(), "download", "--no-deps", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--dest", str(into), "--requirement", str(requirement)]
    if pin:  # checked by pip before a source distribution's build code could run
        command.append("--require-hashes")
    if source.kind == "sdist":
        return [*command, "--no-binary=:all:"]
    command.append("--only-binary=:all:")
    if source.platform:
        command += ["--platform", source.platform]
    if source.python:
        command += ["--implementation", "cp", "--python-version", source.python]
        command += ["--abi", "cp" + source.python.replace(".", "")]
    return command


def _pip() -> list[str]:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip") or shutil.which("pip3"):
        return [found]
    raise SourceError("pip is missing in this environment (install it with `python -m ensurepip`)")


def _npm_command(source: NpmArtefact, into: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not on the PATH")
    options = ["--silent", "--ignore-scripts", "--pack-destination", str(into)]
    return [npm, "pack", *options, f"{source.package}@{source.version}"]


def _run_client(tool: str, command: Sequence[str], cwd: Path) -> None:
    """Run a registry's client in its folder, which it may fill up to `LARGEST`."""
    scratch = cwd / "tmp"  # so that what it holds while it downloads is counted, and goes with the folder
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(scratch)}
    end = time.monotonic() + CLIENT_TIMEOUT_S
    with subprocess.Popen(
        command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as client:
        while True:
            try:
                said, problems = client.communicate(timeout=LOOK_S)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > end:
                    client.kill()
                    raise SourceError(f"{tool} did not finish within {CLIENT_TIMEOUT_S} s") from None
                if _folder_size(cwd) > LARGEST:
                    client.kill()
                    raise SourceError(f"{tool} was downloading more than {LARGEST} bytes") from None
    if client.returncode != 0:
        lines = [line.strip() for line in (problems or said).splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
        raise SourceError(f"{tool} failed: {errors[-1][:300]}")


def _folder_size(folder: Path) -> int:
    """Bytes of all files below a folder that others are writing into."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(root, name).lstat().st_size
    return total


# --- archives are hostile until proven otherwise --------------------------------------------------------------------


def extract_member(archive: Path, member: str, target: Path, max_bytes: int) -> None:
    """Copy one regular file out of a zip (wheel) or tar (sdist, npm) archive.

    Only the bytes of `member` are read and they are written to `target`, a path of our choosing, so names with `..`,
    absolute names and links in the archive have nothing to act on. At most `max_bytes` are unpacked.

    Raises:
        SourceError: not an archive, no such member, a link in its place, or more than `max_bytes`.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped, zipped.open(_zip_member(zipped, member)) as file:
                _copy_capped(file, target, max_bytes, member)
        else:
            with tarfile.open(archive) as tar:
                _extract_tar(tar, member, target, max_bytes)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise SourceError(f"cannot unpack {archive.name}: {error}") from error


def _zip_member(zipped: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    try:
        info = zipped.getinfo(member)
    except KeyError:
        raise SourceError(f"the archive has no file {member}") from None
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        raise SourceError(f"{member} is a link in the archive, a file was expected")
    return info


def _extract_tar(tar: tarfile.TarFile, member: str, target: Path, max_bytes: int) -> None:
    for info in tar:  # sequential: a member is found by name without trusting an index
        if info.name.removeprefix("./") != member:
            continue
        file = tar.extractfile(info) if info.isreg() else None
        if file is None:
            raise SourceError(f"{member} is not a regular file in the archive")
        _copy_capped(file, target, max_bytes, member)
        return
    raise SourceError(f"the archive has no file {member}")


def _copy_capped(file: IO[bytes], target: Path, max_bytes: int, member: str) -> None:
    done = 0
    with target.open("wb") as out:
        while piece := file.read(CHUNK):
            done += len(piece)
            if done > max_bytes:
                raise SourceError(f"{member} is larger than the expected {max_bytes} bytes")
            out.write(piece)


# --- single files ---------------------------------------------------------------------------------------------------


def download_url(source: Url, target: Path, largest: int = LARGEST, progress: Progress | None = None) -> None:
    """Download one file, unchecked: the caller looks at what came.

    Raises:
        SourceError: no network, an HTTP error, no http(s) address, or more than `largest` bytes.
    """
    import pooch

    if not source.url.startswith(("https://", "http://")):
        raise SourceError("only http(s) addresses can be downloaded")
    pooch.get_logger().setLevel("WARNING")  # it announces every download on the screen otherwise
    bar = False if progress is None else _Bar(progress)
    transport = pooch.HTTPDownloader(progressbar=bar, timeout=CONNECT_TIMEOUT_S)

    def downloader(url: str, output: str, owner: object) -> None:
        with Path(output).open("wb") as file:
            transport(url, _Capped(file, largest), owner)

    try:
        pooch.retrieve(source.url, known_hash=None, fname=target.name, path=target.parent, downloader=downloader)
    except Exception as error:  # pooch passes on whatever its transport raises
        raise SourceError(f"download failed: {str(error).splitlines()[0][:300]}") from error


class _Capped:
    """A file that takes no more than it was told to expect, whatever a server goes on sending."""

    def __init__(self, file: IO[bytes], largest: int) -> None:
        self._file, self._left, self._largest = file, largest, largest

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"more than the expected {self._largest} bytes came")
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class _Bar:
    """What pooch takes for a progress bar, handing on to a callback."""

    def __init__(self, progress: Progress) -> None:
        self.total = 0
        self._done = 0
        self._progress = progress

    def update(self, step: int) -> None:
        self._done += step
        self._progress(min(self._done, self.total), self.total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""


def download_hugging_face(source: HuggingFace, into: Path) -> Path:
    """Ask the hub's client for one file; returns where it lies."""
    try:
        return hub_file(source.repo, source.filename, source.revision, into)
    except HubError as error:
        raise SourceError(f"download failed: {error}") from error


def is_html(path: Path) -> bool:
    """True when the file starts like a web page: a login or error page saved in place of the weights."""
    with path.open("rb") as file:
        head = file.read(512).lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head"))
