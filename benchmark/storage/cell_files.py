"""What belongs to a finished cell: checksums of its files, and the objects that it is made of.

Both stand in the store, beside the objects. With the first a run notices that a record, or a file beside it, is no
longer what was written; with the second `store gc` knows what nobody needs any more. A results folder whose store was
removed keeps its records: what cannot be checked is believed. Readers of records ask here, too.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...files import read_bytes, sha256_of
from .store import save_file

_FOLDER = "cells"
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class CellFiles:
    """The files of a cell."""

    folder: str
    """Name of the cell's folder below the results folder."""
    sha256: Mapping[str, str]
    """By path below that folder."""
    labels: str = ""
    """Digest of the labels that the files were made with."""


def save_cell_files(
    store: Path, cell: str, folder: Path, files: Mapping[str, bytes], used: Iterable[str], labels: str = ""
) -> None:
    """Write the files of a cell, and then what they have to be.

    Killed in between, the run finds files that do not fit what is said of them, and makes them again from the store.

    Args:
        store: root of the store.
        cell: digest of the cell.
        folder: for the files.
        files: by path below it, in the order in which to write them.
        used: digests of objects.
        labels: digest of what else the files depend on, which is in no digest of the cell.

    Raises:
        StoreError: the folder cannot be written.
    """
    for name, data in files.items():
        save_file(folder / name, data)
    save_file(store / _FOLDER / f"{cell}.objects", b"".join(bytes.fromhex(each) for each in sorted(used)))
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    said = {"folder": folder.name, "sha256": sums} | ({"labels": labels} if labels else {})
    text = json.dumps(said, sort_keys=True, indent=1)
    save_file(store / _FOLDER / f"{cell}.json", (text + "\n").encode())


def load_cell_files(store: Path, cell: str) -> CellFiles | None:
    """What is said of a cell's files; None where nothing is said that can be read."""
    try:
        data = json.loads(read_bytes(store / _FOLDER / f"{cell}.json").decode("utf-8"))
        sums = {str(name): str(each) for name, each in data["sha256"].items()}
        return CellFiles(str(data["folder"]), sums, str(data.get("labels", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def are_whole(store: Path, cell: str, folder: Path) -> bool:
    """Whether the files of a cell are what was written, as far as that is known."""
    if not (store / _FOLDER / f"{cell}.json").exists():
        return True
    said = load_cell_files(store, cell)
    if said is None:
        return False
    return all(_sha256(folder / name) == expected for name, expected in said.sha256.items())


def words_about(store: Path, folder: str) -> list[Path]:
    """Files of the store that may speak of a cell's folder, by its name, which ends with the start of a digest."""
    return sorted((store / _FOLDER).glob(f"{glob.escape(folder.rpartition('__')[2])}*.json"))


def others_than_written(store: Path, cell: str, folder: Path) -> list[str] | None:
    """Files of a finished cell that are there and not what the run wrote.

    Args:
        store: root of the store beside the folder.
        cell: digest that stands in the record.
        folder: of the record.

    Returns:
        Names below the folder; None where the store knows neither the folder nor the cell.
    """
    words = dict.fromkeys([*words_about(store, folder.name), *([store / _FOLDER / f"{cell}.json"] * cell.isalnum())])
    known = False
    others: dict[str, None] = {}
    for path in words:
        said = load_cell_files(store, path.stem)
        if said is None or (path.stem != cell and said.folder != folder.name):
            continue
        known = True
        for name, expected in said.sha256.items():
            if (folder / name).is_file() and _sha256(folder / name) != expected:
                others[name] = None
    return list(others) if known else None


def known_cells(store: Path) -> list[str]:
    """Digests of all cells that were ever finished with this store."""
    return sorted(each.stem for each in (store / _FOLDER).glob("*.json"))


def used_objects(store: Path, cell: str) -> set[str] | None:
    """Digests of the objects of a cell; None where that is not known."""
    try:
        data = read_bytes(store / _FOLDER / f"{cell}.objects")
    except OSError:
        return None
    if len(data) % _DIGEST_BYTES:
        return None
    return {data[at : at + _DIGEST_BYTES].hex() for at in range(0, len(data), _DIGEST_BYTES)}


def _sha256(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None
