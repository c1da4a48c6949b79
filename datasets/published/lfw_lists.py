"""The text files beside LFW: pairs (View 1 and View 2) and names."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import DatasetError

PUBLISHED_NAMES = Path(__file__).parents[1] / "assets" / "lfw-names.txt"
"""LFW's own list of people and of how many images each has; ships with the package."""
FOLDS, PER_FOLD = 10, 300
"""View 2: ten folds of 300 genuine and 300 impostor pairs."""
MD5: Mapping[str, str] = {
    "pairs.txt": "9f1ba174e4e1c508ff7cdf10ac338a7d",
    "pairsDevTest.txt": "5132f7440eb68cf58910c8a45a2ac10b",
    "pairsDevTrain.txt": "4f27cbf15b2da4a85c1907eb4181ad21",
    "people.txt": "450f0863dd89e85e73936a6d71a3474b",
    "lfw-names.txt": "a6d0a479bd074669f656265a6e693f6d",
}
"""Published digests of the lists as they are downloaded."""

_SEPARATOR = re.compile(r"[\t ,]+")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that are compared."""

    fold: int
    """From 0."""
    first: str
    """Sample id, `NAME/0001`."""
    second: str
    same: bool
    """True: one person."""


def read_pairs(path: str | Path, folds: int | None = None) -> list[Pair]:
    """Read a list of pairs, in any of the forms that are in circulation.

    A pair of one person is `name n1 n2`, of two people `name1 n1 name2 n2`, divided by tabs, spaces or commas. A first
    line of one or two numbers (folds and pairs of each kind a fold; one number: one fold) or with the word `name` is
    a header. Without a header a fold ends where genuine pairs follow impostor ones; where all genuine pairs come first,
    both kinds are divided into `folds` equal runs.

    Args:
        path: the file, UTF-8.
        folds: for lists without a header and with all genuine pairs first; default: 10 for 6,000 pairs, else 1.

    Raises:
        DatasetError: the file cannot be read, a line is no pair, or the pairs are not as many as the header says.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"expected a readable list of pairs, got {type(error).__name__} at {path.name}") from error
    rows = [(n, _fields(line)) for n, line in enumerate(lines, 1) if line.strip(" \t,")]
    header = _header(rows[0][1]) if rows else None
    if header is not None:
        rows = rows[1:]
    pairs = [_pair(path.name, number, fields) for number, fields in rows]
    if not pairs:
        raise DatasetError(f"{path.name}: expected pairs, got none; check the file")
    return list(_with_header(path.name, pairs, header) if header else _without_header(path.name, pairs, folds))


def read_view2(path: str | Path, known: Collection[str] = ()) -> list[Pair]:
    """Read `pairs.txt` of View 2: 10 folds of 300 + 300 pairs.

    The threshold is chosen on nine folds and judged on the tenth, ten times; what is reported is the mean accuracy and
    its standard error over the folds.

    Args:
        path: the file.
        known: sample ids of the dataset; when given, every image of the list has to be among them.

    Raises:
        DatasetError: as `read_pairs`, not the shape of View 2, or images that are not in the dataset.
    """
    pairs = read_pairs(path)
    shape = [(sum(p.same for p in fold), sum(not p.same for p in fold)) for fold in by_fold(pairs)]
    if shape != [(PER_FOLD, PER_FOLD)] * FOLDS:
        raise DatasetError(
            f"{Path(path).name}: expected {FOLDS} folds of {PER_FOLD} + {PER_FOLD} pairs, got {len(shape)} folds with "
            f"{len(pairs)} pairs; take pairs.txt of View 2"
        )
    missing = {name for p in pairs for name in (p.first, p.second)} - set(known) if known else set()
    if missing:
        raise DatasetError(
            f"expected every image of {Path(path).name} in the dataset, got {len(missing)} that are not, first "
            f"{min(missing)}; complete the dataset"
        )
    return pairs


def by_fold(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """The pairs of each fold, in order."""
    ordered = sorted(pairs, key=lambda each: each.fold)
    return [list(group) for _, group in itertools.groupby(ordered, key=lambda each: each.fold)]


def read_names(path: str | Path) -> dict[str, int]:
    """Number of images by person from `lfw-names.txt` or `people.txt`.

    Lines other than `NAME<tab>COUNT` are passed over.

    Raises:
        DatasetError: the file cannot be read or holds no such line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"expected a readable list of names, got {type(error).__name__}; check {path}") from error
    rows = (_SEPARATOR.split(line.strip()) for line in text.splitlines())
    names = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal() and not row[0].isdecimal()}
    if not names:
        raise DatasetError(f"expected lines NAME<tab>COUNT in {Path(path).name}, got none; take lfw-names.txt")
    return names


def is_published(path: str | Path) -> bool:
    """True when a list is, byte for byte, the one that is offered for download."""
    path = Path(path)
    wanted = MD5.get(path.name)
    return wanted is not None and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == wanted


def _fields(line: str) -> list[str]:
    return _SEPARATOR.split(line.strip(" \t,\r\n"))


def _header(fields: Sequence[str]) -> tuple[int, int] | None:
    """(folds, pairs of each kind a fold); (0, 0) for a line of column names; None for a pair."""
    if len(fields) <= 2 and all(each.isdecimal() for each in fields):
        return (int(fields[0]), int(fields[1])) if len(fields) == 2 else (1, int(fields[0]))
    return (0, 0) if fields[0].lower() == "name" and not fields[-1].isdecimal() else None


def _pair(file: str, line: int, fields: Sequence[str]) -> Pair:
    numbers = [int(fields[i]) for i in (1, len(fields) - 1) if len(fields) > i and fields[i].isdecimal()]
    if len(fields) == 3 and len(numbers) == 2:
        return Pair(0, _image(fields[0], numbers[0]), _image(fields[0], numbers[1]), True)
    if len(fields) == 4 and len(numbers) == 2:
        return Pair(0, _image(fields[0], numbers[0]), _image(fields[2], numbers[1]), fields[0] == fields[2])
    raise DatasetError(f"{file} line {line}: expected name n1 n2 or name1 n1 name2 n2, got {' '.join(fields)!r}")


def _image(name: str, number: int) -> str:
    return f"{name}/{number:04d}"


def _with_header(file: str, pairs: Sequence[Pair], header: tuple[int, int]) -> Iterator[Pair]:
    folds, each = header
    if not folds:
        yield from _without_header(file, pairs, None)
        return
    if len(pairs) != 2 * folds * each:
        raise DatasetError(
            f"{file}: expected {2 * folds * each} pairs as its first line says, got {len(pairs)}; copy it again"
        )
    for index, pair in enumerate(pairs):
        yield _moved(pair, index // (2 * each))


def _without_header(file: str, pairs: Sequence[Pair], folds: int | None) -> Iterator[Pair]:
    runs = [list(group) for _, group in itertools.groupby(pairs, key=lambda each: each.same)]
    if len(runs) > 2 or not pairs[0].same:
        fold = 0
        for before, pair in itertools.pairwise((pairs[0], *pairs)):
            fold += pair.same and not before.same
            yield _moved(pair, fold)
        return
    count = folds or (FOLDS if len(pairs) == 2 * FOLDS * PER_FOLD else 1)
    for run in runs:
        if len(run) % count:
            raise DatasetError(f"{file}: expected runs that can be divided into {count} folds, got {len(run)} pairs")
        for index, pair in enumerate(run):
            yield _moved(pair, index * count // len(run))


def _moved(pair: Pair, fold: int) -> Pair:
    return Pair(fold, pair.first, pair.second, pair.same)
