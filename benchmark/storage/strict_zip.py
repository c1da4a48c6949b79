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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from ...characters import plain

_EPOCH = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s4H2IH")
"""The last record of a zip: signature, two disk numbers, entries here and in all, size and start of the directory,
length of a comment."""
_UNREADABLE_FLAGS = {0x1: "is encrypted", 0x20: "is a patch", 0x40: "is encrypted", 0x2000: "has masked headers"}
_HEADER = struct.Struct("<4s22xHH")
"""What stands before an entry: signature, lengths of its name and of its extra fields."""
_HARMLESS = frozenset({0x000A, 0x5455, 0x5855, 0x7855, 0x7875})
"""Extra fields with times, or with the numbers of owners, as zip programs add them."""
_SMALL = 64 * 1024
"""Bytes below which no ratio of compression is suspicious."""
_LONGEST_NAME = 200
_LITTER = re.compile(r"(?:.*/)?(?:__MACOSX(?:/.*)?|\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini)", re.IGNORECASE)
"""What macOS and Windows leave in folders, and in the zips that they make of them."""


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


class Archive:
    """A zip whose directory was checked; files are unpacked one at a time, when they are asked for.

    Args:
        file: the zip, opened for reading bytes.
        limits: on its sizes.
        allowed: the whole of every name has to match it.
        what: how messages call the zip.
        top: name of a file that lies at the top. With it, what a desktop makes of the zip by packing everything again
            is read as well: files of macOS and Windows are passed over, names may be parted by backslashes throughout,
            and everything may lie in one folder. Nothing else is taken for that reason.

    Raises:
        Refused: anything about it is not as `make_zip` (or somebody who packed the same files again) writes it, or is
            above a limit.
    """

    def __init__(self, file: BinaryIO, limits: Limits, allowed: re.Pattern[str], what: str, top: str = "") -> None:
        self._what = what
        with self._reasons():
            start = _check_end(file, limits, what)
            self._zip = zipfile.ZipFile(file)
            infos = self._zip.infolist()
            repacked = _repacked([each.orig_filename for each in infos], top)
            self._infos = _check_entries(infos, repacked, file, start, limits, allowed, what)
            self.passed_over = sorted(
                plain(each, 80) for each, (name, litter) in repacked.items() if litter and not name.endswith("/")
            )
            """Files of macOS and Windows that are not read."""

    @property
    def names(self) -> list[str]:
        """Of the files; folders have none."""
        return list(self._infos)

    def size(self, name: str) -> int:
        """Bytes of a file, unpacked."""
        return self._infos[name].file_size

    def read(self, name: str) -> bytes:
        """One file; never more than its entry says, whatever the compressed data hold.

        Raises:
            Refused: it is damaged, or of another size.
        """
        info = self._infos[name]
        with self._reasons(), self._zip.open(info) as file:
            data = file.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise Refused(f"{self._what}: {info.filename} has {len(data)} bytes, its entry says {info.file_size}")
        return data

    @contextmanager
    def _reasons(self) -> Iterator[None]:
        try:
            yield
        except (Refused, MemoryError):
            raise
        except UnicodeDecodeError as error:
            raise Refused(f"{self._what}: a file name is not UTF-8") from error
        except Exception as error:  # a damaged zip can raise nearly anything
            raise Refused(f"{self._what}: not a readable zip ({type(error).__name__}: {plain(error)})") from error


def _repacked(names: Sequence[str], top: str) -> dict[str, tuple[str, bool]]:
    """What a desktop made of the names by packing everything again.

    Args:
        names: as they stand in the zip.
        top: a file that lies at the top; empty: names are taken as they are.

    Returns:
        By name in the zip: the name that it had before, and whether it is one of the desktop's own files.
    """
    if not top:
        return {each: (each, False) for each in names}
    slashed = not any("/" in each for each in names)
    shown = {each: each.replace("\\", "/") if slashed else each for each in names}  # as old versions of .NET write them
    litter = {each for each, name in shown.items() if _LITTER.fullmatch(name.rstrip("/"))}
    kept = [name for each, name in shown.items() if each not in litter]
    folder = next((each[: -len(top)] for each in kept if each.count("/") == 1 and each.endswith(f"/{top}")), "")
    if not all(each.startswith(folder) for each in kept):
        folder = ""
    return {each: (name if each in litter else name[len(folder) :], each in litter) for each, name in shown.items()}


def read_zip(data: bytes, limits: Limits, allowed: re.Pattern[str], what: str) -> dict[str, bytes]:
    """All files of a zip in memory; arguments and errors as of `Archive`.

    Returns:
        Contents by name.
    """
    archive = Archive(io.BytesIO(data), limits, allowed, what)
    return {name: archive.read(name) for name in archive.names}


_LOCATOR = 20
"""Bytes of the record that says where a zip64 directory ends."""


def _check_end(file: BinaryIO, limits: Limits, what: str) -> int:
    """The directory is counted before it is read: millions of entries would fill the memory. Returns its start."""
    length = file.seek(0, io.SEEK_END)
    if length > limits.archive:
        raise Refused(f"{what}: expected at most {limits.archive} bytes, got {length}")
    file.seek(0)
    if length < _END.size or file.read(2) != b"PK":
        raise Refused(f"{what}: not a zip")
    file.seek(length - _END.size)
    signature, *disks, _here, entries, size, start, _comment = _END.unpack(file.read(_END.size))
    if signature != b"PK\x05\x06":
        raise Refused(f"{what}: cut short, or something follows the end of the zip")
    # Readers follow a second directory that is named before the end, whatever this one counts.
    file.seek(max(0, length - _END.size - _LOCATOR))
    if file.read(4) == b"PK\x06\x07":
        raise Refused(f"{what}: it has a second directory (zip64); pack it as a plain zip")
    if entries > limits.entries:
        raise Refused(f"{what}: expected at most {limits.entries} files, got {entries}")
    if any(disks) or start + size + _END.size != length:
        raise Refused(f"{what}: its directory does not lie where a plain zip has it")
    if size > limits.entries * (46 + 4 * _LONGEST_NAME):
        raise Refused(f"{what}: expected {entries} files, but its directory lists more")
    file.seek(start)
    if file.read(size).count(b"PK\x01\x02") > 2 * limits.entries:
        raise Refused(f"{what}: expected {entries} files, but its directory lists more")
    return int(start)


def _check_entries(
    infos: Sequence[zipfile.ZipInfo],
    repacked: Mapping[str, tuple[str, bool]],
    file: BinaryIO,
    directory: int,
    limits: Limits,
    allowed: re.Pattern[str],
    what: str,
) -> dict[str, zipfile.ZipInfo]:
    """The files among the entries, by the name that they had; neither folders nor what is passed over are unpacked."""
    if len(infos) > limits.entries:
        raise Refused(f"{what}: expected at most {limits.entries} files, got {len(infos)}")
    seen: set[str] = set()
    files: dict[str, zipfile.ZipInfo] = {}
    ends = {0}
    for info in sorted(infos, key=lambda each: each.header_offset):
        name, litter = repacked[info.orig_filename]
        folder = (not name or name.endswith("/")) and not info.file_size
        problem = _name_problem(name, None if folder or litter else allowed)
        problem = problem or _entry_problem(info, limits, folder=folder)
        if problem is None and name.casefold() in seen:
            problem = "is there twice"
        if problem is None and info.header_offset not in ends:
            problem = "overlaps another file, or something is hidden before it"
        if problem is not None:
            raise Refused(f"{what}: {plain(info.orig_filename, 80)!r} {problem}")
        seen.add(name.casefold())
        if not folder and not litter:
            files[name] = info
        ends = _ends(info, file)
    if infos and directory not in ends:
        raise Refused(f"{what}: something is hidden before its directory")
    total = sum(each.file_size for each in infos)
    if total > limits.total:
        raise Refused(f"{what}: expected at most {limits.total} bytes unpacked, got {total}")
    order = {id(each): index for index, each in enumerate(infos)}
    return dict(sorted(files.items(), key=lambda each: order[id(each[1])]))


def _ends(info: zipfile.ZipInfo, file: BinaryIO) -> set[int]:
    """Where an entry may end: after its data or, where its sizes follow them, after these."""
    file.seek(info.header_offset)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return set()
    signature, name, extra = _HEADER.unpack(header)
    if signature != b"PK\x03\x04":
        return set()
    end = info.header_offset + _HEADER.size + name + extra + info.compress_size
    return {end + 12, end + 16} if info.flag_bits & 0x8 else {end}


def _name_problem(name: str, allowed: re.Pattern[str] | None) -> str | None:
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
    if allowed is not None and not allowed.fullmatch(name):
        return "is not a file that belongs there"
    return None


def _harmless(extra: bytes) -> bool:
    """Whether these extra fields are well-formed, and none of them changes what the entry is."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind not in _HARMLESS or size > len(extra) - 4:
            return False
        extra = extra[4 + size :]
    return not extra


def _entry_problem(info: zipfile.ZipInfo, limits: Limits, *, folder: bool) -> str | None:
    for flag, problem in _UNREADABLE_FLAGS.items():
        if info.flag_bits & flag:
            return problem
    kinds = (0, stat.S_IFDIR) if folder else (0, stat.S_IFREG)
    if stat.S_IFMT(info.external_attr >> 16) not in kinds or (info.external_attr & 0x10 and not folder):
        return "is a link, a folder or a device, not a plain file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}; expected stored or deflated"
    if not _harmless(info.extra):
        return "has extra fields that say more than a time or an owner"
    if info.file_size > limits.entry:
        return f"unpacks to {info.file_size} bytes; expected at most {limits.entry}"
    if info.file_size > max(_SMALL, limits.ratio * info.compress_size):
        return f"unpacks from {info.compress_size} to {info.file_size} bytes, as a bomb does"
    return None
