"""Zips of ours and of strangers: what a stranger sent is checked before it is unpacked, and never reaches the disk.

A zip that comes from elsewhere may name files outside of its folder, unpack to terabytes, hold links, or show two
readers two contents. So names are taken from a list of allowed forms, every size has a limit, and only the plain subset
of the format is read that `make_zip` writes.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from ...characters import plain

_EPOCH = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s4H2IH")
"""The last record of a zip: signature, two disk numbers, entries here and in all, size and start of the directory,
length of a comment."""
_UNREADABLE_FLAGS = {0x1: "is encrypted", 0x20: "is a patch", 0x40: "is encrypted", 0x2000: "has masked headers"}
_SMALL = 64 * 1024
"""Bytes below which no ratio of compression is suspicious."""
_LONGEST_NAME = 200


class Refused(ValueError):
    """What came is not what this toolkit packs; the message names the file and says why."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken from a stranger, in bytes unless it says otherwise."""

    archive: int
    """The file as it came."""
    entries: int
    """Number of files in it."""
    entry: int
    """One file, unpacked."""
    total: int
    """All files, unpacked."""
    ratio: int = 100
    """Unpacked / packed size of one file."""


def make_zip(members: Mapping[str, bytes]) -> bytes:
    """A zip of files by name; equal members give equal bytes: sorted, without dates.

    What shrinks so much that `read_zip` would take it for a bomb (a matrix without a single number) is stored as it is.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            data = members[name]
            packed = len(zlib.compress(data, 1))
            shrinks = len(data) < _SMALL or 10 * packed > len(data)
            info.compress_type = zipfile.ZIP_DEFLATED if shrinks and packed < 0.97 * len(data) else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return out.getvalue()


def read_zip(data: bytes, limits: Limits, allowed: re.Pattern[str], what: str) -> dict[str, bytes]:
    """All files of a zip in memory.

    Args:
        data: the zip.
        limits: on its sizes.
        allowed: the whole of every name has to match it.
        what: how messages call the zip.

    Returns:
        Contents by name.

    Raises:
        Refused: anything about it is not as `make_zip` writes it, or is above a limit.
    """
    if len(data) > limits.archive:
        raise Refused(f"{what}: expected at most {limits.archive} bytes, got {len(data)}")
    _check_end(data, limits, what)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_entries(infos, limits, allowed, what)
            return {info.filename: _read(archive, info, what) for info in infos}
    except Refused:
        raise
    except UnicodeDecodeError as error:
        raise Refused(f"{what}: a file name is not UTF-8") from error
    except Exception as error:  # a damaged zip can raise nearly anything
        raise Refused(f"{what}: not a readable zip ({type(error).__name__}: {plain(error)})") from error


def _check_end(data: bytes, limits: Limits, what: str) -> None:
    """The directory is counted before it is read: millions of entries would fill the memory."""
    if len(data) < _END.size or not data.startswith(b"PK"):
        raise Refused(f"{what}: not a zip")
    signature, *disks, _here, entries, size, start, _comment = _END.unpack(data[-_END.size :])
    if signature != b"PK\x05\x06":
        raise Refused(f"{what}: cut short, or something follows the end of the zip")
    if entries > limits.entries:
        raise Refused(f"{what}: expected at most {limits.entries} files, got {entries}")
    if any(disks) or start + size + _END.size != len(data):
        raise Refused(f"{what}: its directory does not lie where a plain zip has it")
    found = data.count(b"PK\x01\x02", start)
    if found > 2 * limits.entries:
        raise Refused(f"{what}: expected {entries} files, but its directory lists more")


def _check_entries(infos: list[zipfile.ZipInfo], limits: Limits, allowed: re.Pattern[str], what: str) -> None:
    if len(infos) > limits.entries:
        raise Refused(f"{what}: expected at most {limits.entries} files, got {len(infos)}")
    seen: set[str] = set()
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        name = info.orig_filename
        problem = _name_problem(name, allowed) or _entry_problem(info, limits)
        if problem is None and name.casefold() in seen:
            problem = "is there twice"
        if problem is None and info.header_offset != end:
            problem = "overlaps another file, or something is hidden before it"
        if problem is not None:
            raise Refused(f"{what}: {plain(name, 80)!r} {problem}")
        seen.add(name.casefold())
        end = info.header_offset + 30 + len(name) + info.compress_size
    total = sum(each.file_size for each in infos)
    if total > limits.total:
        raise Refused(f"{what}: expected at most {limits.total} bytes unpacked, got {total}")


def _name_problem(name: str, allowed: re.Pattern[str]) -> str | None:
    if len(name) > _LONGEST_NAME:
        return f"has a name of {len(name)} characters; expected at most {_LONGEST_NAME}"
    if any(unicodedata.category(each).startswith("C") for each in name):
        return "has control or direction characters in its name"
    if "\\" in name or ":" in name:
        return "has a backslash or a colon in its name"
    if name.startswith("/"):
        return "is an absolute path"
    if ".." in name.split("/"):
        return "points out of its folder"
    if name.casefold().endswith((".zip", ".tar", ".gz", ".7z", ".xz", ".bz2")):
        return "is an archive inside the archive"
    if not allowed.fullmatch(name):
        return "is not a file that belongs there"
    return None


def _entry_problem(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    for flag, problem in _UNREADABLE_FLAGS.items():
        if info.flag_bits & flag:
            return problem
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.external_attr & 0x10:
        return "is a link, a folder or a device, not a plain file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}; expected stored or deflated"
    if info.extra:
        return "has extra fields, which `deid-bench pack` does not write"
    if info.file_size > limits.entry:
        return f"unpacks to {info.file_size} bytes; expected at most {limits.entry}"
    if info.file_size > max(_SMALL, limits.ratio * info.compress_size):
        return f"unpacks from {info.compress_size} to {info.file_size} bytes, as a bomb does"
    return None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, what: str) -> bytes:
    """One file; never more than its entry says, whatever the compressed data hold."""
    with archive.open(info) as file:
        data = file.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise Refused(f"{what}: {info.filename} has {len(data)} bytes, its entry says {info.file_size}")
    return data
