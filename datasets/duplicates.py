"""Finds images that occur twice: the same file again, or the same picture under two identities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .base import Sample
from .images import ImageError

_HASH_SIDE = 16
_HASH_BITS = _HASH_SIDE**2
DEFAULT_THRESHOLD = 24
"""Largest number of differing bits, of 256, at which two images are reported as the same picture."""


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two samples that show the same picture."""

    first: str
    """Sample id; `first` comes before `second` in the dataset's order."""
    second: str
    kind: Literal["exact", "perceptual"]
    """`exact`: the same bytes. `perceptual`: close perceptual hashes."""
    distance: int
    """Differing bits of the 256-bit perceptual hash; 0 for exact pairs."""
    same_identity: bool
    """False is the grave case: one picture counts as two people."""

    def sentence(self) -> str:
        """What was found, in words."""
        near = f"nearly the same picture ({self.distance} of {_HASH_BITS} bits of its hash differ)"
        who = "one identity" if self.same_identity else "two identities"
        return f"{self.first} and {self.second} are {'the same file' if self.kind == 'exact' else near} under {who}"


def find_duplicates(samples: Sequence[Sample], threshold: int = DEFAULT_THRESHOLD) -> list[DuplicatePair]:
    """Report duplicates; nothing is dropped.

    Identical files are reported whatever their identities. Perceptual duplicates (pHash of 16 x 16 DCT
    coefficients) are looked for across identities only, because images of one identity are alike by nature.
    Files that do not decode take part in the exact comparison alone.

    Args:
        samples: the dataset's samples.
        threshold: largest Hamming distance, 0..256, that counts as the same picture.

    Returns:
        Pairs in the dataset's order.

    Raises:
        ValueError: the threshold is out of range.
    """
    if not 0 <= threshold <= _HASH_BITS:
        raise ValueError(f"expected a threshold of 0..{_HASH_BITS} bits, got {threshold}; choose one in that range")
    found = {(i, j): _pair(samples, i, j, "exact", 0) for i, j in _same_bytes(samples)}
    for i, j, distance in _close_hashes(samples, threshold):
        found.setdefault((i, j), _pair(samples, i, j, "perceptual", distance))
    return [found[key] for key in sorted(found)]


def _pair(
    samples: Sequence[Sample], i: int, j: int, kind: Literal["exact", "perceptual"], distance: int
) -> DuplicatePair:
    a, b = samples[i], samples[j]
    return DuplicatePair(a.sample_id, b.sample_id, kind, distance, a.identity == b.identity)


def _same_bytes(samples: Sequence[Sample]) -> Iterator[tuple[int, int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[sample.sha256].append(index)
    for group in groups.values():
        yield from combinations(group, 2)


def _close_hashes(samples: Sequence[Sample], threshold: int) -> Iterator[tuple[int, int, int]]:
    rows: list[int] = []
    codes: list[NDArray[np.uint8]] = []
    for index, sample in enumerate(samples):
        code = _perceptual_hash(sample)
        if code is not None:
            rows.append(index)
            codes.append(code)
    if len(rows) < 2:
        return
    table = np.stack(codes)
    labels = np.array([samples[i].identity for i in rows])
    for k in range(len(rows) - 1):
        bits = np.bitwise_count(table[k + 1 :] ^ table[k]).sum(axis=1, dtype=np.int64)
        for offset in np.flatnonzero((bits <= threshold) & (labels[k + 1 :] != labels[k])):
            yield rows[k], rows[k + 1 + int(offset)], int(bits[offset])


def _perceptual_hash(sample: Sample) -> NDArray[np.uint8] | None:
    import imagehash
    from PIL import Image as PilImage

    try:
        image = sample.image()
    except ImageError:
        return None
    return np.packbits(imagehash.phash(PilImage.fromarray(image), hash_size=_HASH_SIDE).hash)
