"""The content-addressed store: an object exists if and only if its work is complete and its bytes are whole.

One object is one file, written beside its place, synced and renamed into it. The bytes are a pure function of digest
and payload (a zip without compression, fixed dates, sorted members), so that stores of different back-ends can be
compared byte by byte. A zip's own checksums leave its directory unguarded, so the comment at its end says of which
digest it is the object, and holds the SHA-256 of everything before. An object is hashed whole whenever it is read; a
damaged one, or one in another's place, counts as absent.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...characters import sentence
from ...files import open_regular, read_bytes, write_atomically
from .owner import Owner

_EPOCH = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s8xIIH")
"""The last record of a zip: signature, size and start of the directory, length of the comment."""
_END_SIGNATURE = b"PK\x05\x06"
_SEAL = "deid-bench-object/1 {} {}"
"""The comment: digest of the task, SHA-256 of what stands before it, both in hex."""
_SEAL_SIZE = len(_SEAL.format("0" * 64, "0" * 64))
_DIGEST = re.compile("[0-9a-f]{64}")
STORE_FOLDER = ".store"
"""Name of the store in a results folder, beside the folders of the records."""
NO_REASON = "no reason given"
"""Stands in place of a reason that says nothing."""
REMARKS = "remarks"
"""Where an object's data hold what was noticed about the plug-in while it was made; absent where nothing was."""


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
        return sentence(reason) or NO_REASON if reason is not None else None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was noticed about the plug-in while this was made, though it gave a result."""
        return tuple(sentence(each) for each in self.meta.get(REMARKS, ()))


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


_NO_OBJECT = frozenset({errno.EIO, errno.EINVAL, errno.ENXIO, errno.EISDIR, errno.ELOOP})
"""Errors of reading that say something about the object: sectors that cannot be read, or no file at all. What another
one is about (files or memory that the process has run out of, a server that is away) is over some day."""


def _no_place(root: Path, why: str) -> StoreError:
    return StoreError(f"cannot keep results in {root}: {why}; choose a folder on a POSIX file system with --out")


def _unreadable(path: Path, error: OSError) -> StoreError:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        what = "end the program that holds so many files open, or raise the limit (ulimit -n)"
    else:
        what = "nothing is wrong with the object as far as is known"
    return StoreError(f"cannot read {path}: {error.strerror or error}; {what}, and run the same command again")


class Store:
    """Objects by digest below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scratch = root / "tmp"
        self._mark = ""

    def open(self) -> None:
        """Create the folders, check that they do what the store needs and sweep up what dead processes left behind.

        Only what was left by processes of this very machine and process-id namespace is swept: another's may be alive.

        Raises:
            StoreError: read-only, full, not a folder, or one where a renamed file is not seen at once.
        """
        here = Owner.here()
        try:
            (self.root / "objects").mkdir(parents=True, exist_ok=True)
            self.scratch.mkdir(exist_ok=True)
            self._probe(here)
        except OSError as error:
            raise explain_os_error(error, self.root) from error
        for path in self.scratch.iterdir():
            owner = Owner.parse(path.name)
            if owner is not None and owner.is_dead(here):
                _remove(path)

    def _probe(self, here: Owner) -> None:
        """Put a file into another one's place, as objects are, and look whether it stands there."""
        name = f"{here.mark}-probe-{secrets.token_hex(4)}"
        place, fresh = self.scratch / name, self.scratch / f"{name}-new"
        try:
            place.write_bytes(b"old")
            fresh.write_bytes(b"new")
            try:
                fresh.replace(place)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise _no_place(self.root, f"a file cannot be renamed there ({error.strerror or error})") from error
            listed = {each.name for each in self.scratch.iterdir()}
            if place.name not in listed or fresh.name in listed or place.read_bytes() != b"new":
                raise _no_place(self.root, "a file that is renamed there is not seen under its new name at once")
        finally:
            for each in (place, fresh):
                with suppress(OSError):
                    each.unlink()

    def path(self, digest: str) -> Path:
        """Where the object of that digest lies, or would."""
        return self.root / "objects" / digest[:2] / f"{digest}.zip"

    def digests(self) -> Iterator[str]:
        """Of every object there is, in order; damaged ones, too."""
        for folder in sorted((self.root / "objects").glob("??")):
            yield from sorted(each.stem for each in folder.glob("*.zip") if _DIGEST.fullmatch(each.stem))

    def has(self, digest: str) -> bool:
        """Whether the object seems to be there: its last record is (reading alone tells whether all of it is)."""
        try:
            with open_regular(self.path(digest)) as file:
                size = file.seek(-_END.size - _SEAL_SIZE, os.SEEK_END) + _END.size + _SEAL_SIZE
                signature, directory_size, directory_start, comment = _END.unpack(file.read(_END.size))
        except (OSError, struct.error):
            return False
        return bool(
            signature == _END_SIGNATURE
            and comment == _SEAL_SIZE
            and directory_start + directory_size + _END.size + comment == size
        )

    def write(self, digest: str, payload: Payload) -> None:
        """Put an object into its place; writing it twice does no harm.

        Raises:
            StoreError: the disk is full or may not be written.
        """
        target = self.path(digest)
        scratch = self._scratch_file(digest)
        try:
            target.parent.mkdir(exist_ok=True)
            with scratch.open("wb") as file:
                file.write(encode(digest, payload))
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(target)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise explain_os_error(error, self.root) from error

    def read(self, digest: str) -> Payload | None:
        """The object, or None when it is absent or damaged (a damaged one is removed, so that it is made anew).

        Raises:
            StoreError: the folder may not be read, or this process can open or hold nothing at the moment.
        """
        path = self.path(digest)
        try:
            return decode(digest, read_bytes(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}; restore its permissions") from error
        except OSError as error:
            if error.errno not in _NO_OBJECT:
                raise _unreadable(path, error) from error
            self._remove_damaged(digest)
            return None
        except Damaged:
            self._remove_damaged(digest)
            return None

    def _remove_damaged(self, digest: str) -> None:
        """Take a damaged object away, but not one that is whole when it is looked at once more.

        Another process may have put it there meanwhile, and a disk may read at the second attempt.

        Raises:
            StoreError: it cannot be looked at once more; it is in its place then.
        """
        path, aside = self.path(digest), self._scratch_file(digest)
        try:
            path.replace(aside)
            try:
                decode(digest, read_bytes(aside))
            except (Damaged, FileNotFoundError):  # what a link leads to
                _remove(aside)
            except OSError as error:
                if error.errno not in _NO_OBJECT:
                    aside.replace(path)
                    raise _unreadable(path, error) from error
                _remove(aside)
            else:
                aside.replace(path)
        except OSError:  # read-only, or gone already: it counts as absent all the same
            return

    def _scratch_file(self, digest: str) -> Path:
        if not self._mark:
            self._mark = Owner.here().mark
        return self.scratch / f"{self._mark}-{digest[:16]}-{secrets.token_hex(4)}"


def _remove(path: Path) -> None:
    """Take away what stands in an object's place or is left in scratch, a folder, too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def encode(digest: str, payload: Payload) -> bytes:
    """Bytes of an object; equal payloads of one digest give equal bytes."""
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
    plain = out.getvalue()[:-2] + struct.pack("<H", _SEAL_SIZE)
    return plain + _SEAL.format(digest, hashlib.sha256(plain).hexdigest()).encode("ascii")


class Damaged(ValueError):
    """Bytes are not the whole object of that digest."""


def decode(digest: str, data: bytes) -> Payload:
    """The payload of an object's bytes.

    Raises:
        Damaged: they are not the whole object of that digest.
    """
    plain, seal = data[:-_SEAL_SIZE], data[-_SEAL_SIZE:]
    if seal != _SEAL.format(digest, hashlib.sha256(plain).hexdigest()).encode("ascii"):
        raise Damaged(f"not the whole object {digest[:12]}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        meta = dict(json.loads(members.pop("meta.json")))
        arrays = {
            name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(members[name]), allow_pickle=False)
            for name in members
            if name.endswith(".npy")
        }
    except Exception as error:  # somebody sealed what this toolkit does not write; that can raise nearly anything
        raise Damaged(f"not an object: {type(error).__name__}") from error
    return Payload(meta, arrays, {name: blob for name, blob in members.items() if not name.endswith(".npy")})


def save_file(path: Path, data: bytes) -> None:
    """Write a file of a results folder whole, see `files.write_atomically`.

    Raises:
        StoreError: the disk is full or may not be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise explain_os_error(error, path.parent) from error
