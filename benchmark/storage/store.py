"""The content-addressed store: an object exists if and only if its work is complete.

One object is one file, written beside its place, synced and renamed into it. The bytes are a pure function of the
payload (a zip without compression, fixed dates, sorted members), so that stores of different back-ends can be compared
byte by byte. The checksum of every member is checked when it is read; a damaged object counts as absent.
"""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...characters import sentence

_EPOCH = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s8xII2x")
"""The last record of a zip without comment: signature, size and start of the directory."""
_END_SIGNATURE = b"PK\x05\x06"


class StoreError(RuntimeError):
    """The results folder cannot be written or read; the message says what to do."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Payload:
    """What an object holds."""

    meta: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON data."""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    """Files as they are, for example `image.png`."""

    @property
    def failure(self) -> str | None:
        """The reason, when this object records that something could not be done."""
        reason = self.meta.get("failure")
        return sentence(reason) or "no reason given" if reason is not None else None


def explain_os_error(error: OSError, path: Path) -> StoreError:
    """Turn an error of the file system into a sentence that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = "the disk is full; free some space and run the same command again, it goes on where it stopped"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = "it may not be written; choose another folder with --out"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        why = "a file stands where a folder is needed; choose another folder with --out"
    else:
        why = f"{error.strerror or error}; choose another folder with --out"
    return StoreError(f"cannot write to {path}: {why}")


class Store:
    """Objects by digest below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._scratch = root / "tmp"

    def open(self) -> None:
        """Create the folders, check that they can be written and sweep up what dead processes left behind.

        Raises:
            StoreError: read-only, full, or not a folder.
        """
        try:
            (self.root / "objects").mkdir(parents=True, exist_ok=True)
            self._scratch.mkdir(exist_ok=True)
            probe = self._scratch / f"{os.getpid()}-probe"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise explain_os_error(error, self.root) from error
        for path in self._scratch.iterdir():
            owner = path.name.split("-")[0]
            if not (owner.isdigit() and _alive(int(owner))):
                path.unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """Where the object of that digest lies, or would."""
        return self.root / "objects" / digest[:2] / f"{digest}.zip"

    def has(self, digest: str) -> bool:
        """Whether the object is there, from its first byte to its last (the content is checked on reading)."""
        try:
            with self.path(digest).open("rb") as file:
                size = file.seek(-_END.size, os.SEEK_END) + _END.size
                signature, directory_size, directory_start = _END.unpack(file.read(_END.size))
        except OSError:
            return False
        return bool(signature == _END_SIGNATURE and directory_start + directory_size + _END.size == size)

    def write(self, digest: str, payload: Payload) -> None:
        """Put an object into its place; writing it twice does no harm.

        Raises:
            StoreError: the disk is full or may not be written.
        """
        target = self.path(digest)
        scratch = self._scratch / f"{os.getpid()}-{digest}"
        try:
            target.parent.mkdir(exist_ok=True)
            with scratch.open("wb") as file:
                file.write(encode(payload))
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(target)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise explain_os_error(error, self.root) from error

    def read(self, digest: str) -> Payload | None:
        """The object, or None when it is absent or damaged (a damaged one is removed, so that it is made anew)."""
        path = self.path(digest)
        try:
            return decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError):
            path.unlink(missing_ok=True)
            return None


def encode(payload: Payload) -> bytes:
    """Bytes of a payload; equal payloads give equal bytes."""
    members: dict[str, bytes] = dict(payload.blobs)
    for name, array in payload.arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    members["meta.json"] = json.dumps(payload.meta, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    return out.getvalue()


def decode(data: bytes) -> Payload:
    """Payload from bytes.

    Raises:
        zipfile.BadZipFile, ValueError, KeyError: the bytes are not a whole object.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(members.pop("meta.json"))
    arrays = {
        name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(members[name]), allow_pickle=False)
        for name in members
        if name.endswith(".npy")
    }
    return Payload(meta, arrays, {name: blob for name, blob in members.items() if not name.endswith(".npy")})


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it.

    Raises:
        StoreError: the disk is full or may not be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        if not isinstance(error, NotADirectoryError | FileExistsError):
            scratch.unlink(missing_ok=True)
        raise explain_os_error(error, path.parent) from error


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
