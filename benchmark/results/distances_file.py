"""`distances.npz` beside a record: every distance that its recognition numbers are made of.

From this file and the record's rows the toolkit computes each number anew (`deid-bench verify`), and figures draw
distributions of any kind of pair. It is a plain npz without pickles, little-endian:

    format                    ()       int32, `FORMAT`
    sample_ids, identities,
    subjects                  (n,)     text, the samples of the dataset in its order
    usable                    (u,)     int32, samples whose hand was found: numbers of `sample_ids`
    version_sample            (v,)     int32, the sample that each planned de-identified image was to be made from
    version_repetition        (v,)     int32, which of its versions
    version_row               (v,)     int32, row in the matrices; -1 where the method failed
    recognizers               (r,)     text, specifications
    originals_K               (u, u)   float32, for recogniser number K: usable x usable
    deidentified_K            (m, u)   float32, de-identified images x usable
    versions_K                (m, m)   float32, de-identified images among each other

What attacks are scored from stands in arrays of its own, see `attacks_in_file`.

NaN stands where a template could not be had. Equal results give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import open_regular
from ..planning.comparisons import KEPT
from ..records.record import DistancesFile
from .attacks import AttackResults
from .attacks_in_file import attack_indexes, attack_matrices, attack_texts, read_attacks
from .cell import CellResults, Distances, Setting
from .tiles import whole
from ..storage.strict_zip import Limits, Refused, make_zip, read_zip

DISTANCES_NAME = "distances.npz"
FORMAT = 1
MAX_VALUES = KEPT
"""Distances of all recognisers together, with those of attacks; a run with more keeps none (200 MB)."""
MAX_ROWS = 50_000
"""Samples, or versions of them: scoring takes memory for each, whether it has distances or not."""

Indexes = NDArray[np.int32]

_ENTRY = 4 * MAX_VALUES + 4096
LIMITS = Limits(archive=_ENTRY + 2**26, entries=3000, entry=_ENTRY, total=_ENTRY + 2**27)
_NAMES = re.compile(r"(?:[a-z]+_){0,2}[a-z]+(?:_[0-9]{1,3})?\.npy")
_LONGEST_TEXT = 1000
_INDEXES = ("usable", "version_sample", "version_repetition", "version_row")
_KINDS = ("originals", "deidentified", "versions")


@dataclass(frozen=True, slots=True, eq=False)
class PairDistances:
    """What the file holds."""

    sample_ids: tuple[str, ...]
    identities: tuple[str, ...]
    """Of each sample."""
    subjects: tuple[str, ...]
    """Of each sample."""
    usable: Indexes
    """(u,) samples whose hand was found."""
    version_sample: Indexes
    """(v,) sample of each planned de-identified image."""
    version_repetition: Indexes
    """(v,) which of the sample's versions."""
    version_row: Indexes
    """(v,) its row in the matrices, -1 where the method failed."""
    distances: dict[str, Distances]
    """By specification of the recogniser: (u, u), (m, u) and (m, m)."""
    attacks: AttackResults | None = None
    """What attackers found; None where none was asked for."""


def pair_distances(setting: Setting, results: CellResults) -> PairDistances:
    """The distances of a cell, with the samples and versions that they belong to."""
    place = {each.sample_id: index for index, each in enumerate(setting.samples)}
    row = {each.deidentify.digest: index for index, each in enumerate(results.made)}
    versions = results.versions
    return PairDistances(
        sample_ids=tuple(each.sample_id for each in setting.samples),
        identities=tuple(each.identity for each in setting.samples),
        subjects=tuple(each.subject for each in setting.samples),
        usable=_indexes([place[each.sample_id] for each in results.usable]),
        version_sample=_indexes([place[each.sample.sample_id] for each in versions]),
        version_repetition=_indexes([each.repetition for each in versions]),
        version_row=_indexes([row.get(each.deidentify.digest, -1) for each in versions]),
        distances=dict(results.distances),
        attacks=results.attacks,
    )


def write(found: PairDistances) -> tuple[bytes | None, DistancesFile]:
    """Bytes of `distances.npz`, and what the record says about them.

    Returns:
        No bytes, and the reason, where there are more than `MAX_VALUES` distances.
    """
    matrices = {
        f"{kind}_{index}": getattr(each, kind) for index, each in enumerate(found.distances.values()) for kind in _KINDS
    }
    matrices |= {} if found.attacks is None else attack_matrices(found.attacks)
    count = sum(each.size for each in matrices.values())
    if count > MAX_VALUES:
        return None, DistancesFile(reason=f"{count} distances are more than {MAX_VALUES}; none were kept")
    if any(each.first is not None for each in found.distances.values()):
        reason = f"all versions with all others would be more than {MAX_VALUES} distances; none were kept"
        return None, DistancesFile(reason=reason)
    if max(len(found.sample_ids), len(found.version_row)) > MAX_ROWS:
        return None, DistancesFile(reason=f"more than {MAX_ROWS} images; no distances were kept")
    texts = {"sample_ids": found.sample_ids, "identities": found.identities, "subjects": found.subjects}
    texts |= {} if found.attacks is None else attack_texts(found.attacks)
    indexes = {name: getattr(found, name) for name in _INDEXES}
    indexes |= {} if found.attacks is None else attack_indexes(found.attacks)
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT, dtype="<i4"),
        **{name: np.array(text, dtype=np.str_) for name, text in texts.items()},
        **{name: np.asarray(each, dtype="<i4") for name, each in indexes.items()},
        "recognizers": np.array(list(found.distances), dtype=np.str_),
        **{name: np.asarray(whole(each), dtype="<f4") for name, each in matrices.items()},
    }
    data = make_zip({f"{name}.npy": _encode(each) for name, each in arrays.items()})
    return data, DistancesFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def read(source: Path | bytes) -> PairDistances:
    """Read `distances.npz`, a stranger's too: no pickles, nothing is allocated that the file does not hold.

    Args:
        source: the file, or its bytes.

    Raises:
        Refused: it is not such a file, or contradicts itself.
        OSError: it cannot be read.
    """
    if isinstance(source, Path):
        with open_regular(source) as file:
            source = file.read(LIMITS.archive + 1)
    members = read_zip(source, LIMITS, _NAMES, DISTANCES_NAME)
    arrays = {name.removesuffix(".npy"): _decode(name, data) for name, data in members.items()}
    if _take(arrays, "format", "i", 0).item() != FORMAT:
        raise Refused(f"{DISTANCES_NAME}: expected format {FORMAT}; read it with a newer deid-bench")
    texts = [_texts(arrays, each) for each in ("sample_ids", "identities", "subjects", "recognizers")]
    numbers = [_take(arrays, each, "i", 1) for each in _INDEXES]
    distances = {name: _matrices(arrays, index) for index, name in enumerate(texts[3])}
    attacks = read_attacks(
        frozenset(arrays),
        texts[3],
        len(numbers[0]),
        len(numbers[1]),
        lambda name, kind, axes: _take(arrays, name, kind, axes),
        lambda name: _texts(arrays, name),
    )
    if arrays:
        raise Refused(f"{DISTANCES_NAME}: holds {sorted(arrays)[0]}, which does not belong there")
    found = PairDistances(texts[0], texts[1], texts[2], numbers[0], numbers[1], numbers[2], numbers[3], distances, attacks)
    _check(found, len(texts[3]))
    return found


def _indexes(values: list[int]) -> Indexes:
    return np.array(values, dtype=np.int32)


def _encode(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array(array, order="C", copy=None), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _decode(name: str, data: bytes) -> NDArray[Any]:
    """An array of an npy file, whose header is held against the size of the file before anything is allocated."""
    stream = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise Refused(f"{DISTANCES_NAME}: {name} is of another version of the npy format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=1000)
    except Refused:
        raise
    except Exception as error:  # a damaged header can raise nearly anything
        raise Refused(f"{DISTANCES_NAME}: {name} has no npy header that can be read") from error
    if len(shape) > 2 or max(shape, default=0) > _ENTRY:
        raise Refused(f"{DISTANCES_NAME}: {name} says it holds {'x'.join(map(str, shape))[:60]} values")
    if dtype.hasobject:
        raise Refused(f"{DISTANCES_NAME}: {name} holds Python objects, which only a pickle can bring; numbers expected")
    if dtype.str not in ("<i4", "<f4") and dtype.kind != "U":
        raise Refused(f"{DISTANCES_NAME}: {name} holds {str(dtype)[:40]}; expected int32, float32 or text")
    size = math.prod(shape) * dtype.itemsize
    if fortran or min(shape, default=0) < 0 or size != len(data) - stream.tell():
        raise Refused(
            f"{DISTANCES_NAME}: {name} says it holds {'x'.join(map(str, shape))[:60]} values, "
            f"but {len(data) - stream.tell()} bytes follow"
        )
    if not size:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape)


def _take(arrays: dict[str, NDArray[Any]], name: str, kind: str, axes: int) -> NDArray[Any]:
    found = arrays.pop(name, None)
    if found is None:
        raise Refused(f"{DISTANCES_NAME}: {name} is missing")
    if found.dtype.kind != kind or found.ndim != axes:
        raise Refused(f"{DISTANCES_NAME}: {name} has {found.ndim} axes of {found.dtype}; expected {axes} of {kind!r}")
    return found


def _matrices(arrays: dict[str, NDArray[Any]], index: int) -> Distances:
    a, b, c = (_take(arrays, f"{kind}_{index}", "f", 2) for kind in _KINDS)
    return Distances(a, b, c, {})


def _texts(arrays: dict[str, NDArray[Any]], name: str) -> tuple[str, ...]:
    found = _take(arrays, name, "U", 1)
    if found.dtype.itemsize > 4 * _LONGEST_TEXT:
        raise Refused(f"{DISTANCES_NAME}: {name} holds texts of more than {_LONGEST_TEXT} characters")
    try:
        return tuple(str(each) for each in found)
    except ValueError as error:  # code points that do not exist
        raise Refused(f"{DISTANCES_NAME}: {name} holds what is no text") from error


def _check(found: PairDistances, recognizers: int) -> None:
    """Whether sizes and numbers fit together, so that scoring never trips over them."""
    n, u, v = len(found.sample_ids), len(found.usable), len(found.version_row)
    made = found.version_row[found.version_row >= 0]
    m = len(made)
    shapes = {"originals": (u, u), "deidentified": (m, u), "versions": (m, m)}
    usable = set(found.usable.tolist())
    problems = {
        f"has more than {MAX_ROWS} samples or versions": max(n, v) > MAX_ROWS,
        "names a recognizer twice": len(found.distances) != recognizers,
        "names a sample twice": len(set(found.sample_ids)) != n,
        "has identities or subjects for another number of samples": {len(found.identities), len(found.subjects)} != {n},
        "has versions of different length": {len(found.version_sample), len(found.version_repetition)} != {v},
        "lists usable samples that are none, or out of order": not _rising(found.usable, n),
        "has versions of samples that are not usable": not usable.issuperset(found.version_sample.tolist()),
        "has rows out of order": made.tolist() != list(range(m)) or found.version_row.min(initial=0) < -1,
        "has versions out of order": not _in_order(found),
        "has a matrix of another shape": any(
            getattr(each, kind).shape != shape for each in found.distances.values() for kind, shape in shapes.items()
        ),
        "has infinite distances": any(
            np.isinf(whole(getattr(each, kind))).any() for each in found.distances.values() for kind in shapes
        ),
    }
    for problem, there in problems.items():
        if there:
            raise Refused(f"{DISTANCES_NAME}: {problem}")


def _rising(numbers: Indexes, end: int) -> bool:
    steps = np.diff(numbers.astype(np.int64))
    return bool((steps > 0).all()) and (not len(numbers) or (int(numbers[0]) >= 0 and int(numbers[-1]) < end))


def _in_order(found: PairDistances) -> bool:
    """Versions stand in the order of samples, then of repetitions."""
    pairs = list(zip(found.version_sample.tolist(), found.version_repetition.tolist(), strict=False))
    return all(a < b for a, b in pairwise(pairs))
