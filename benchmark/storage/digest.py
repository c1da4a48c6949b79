"""Content digests: the same plain data gives the same digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(data: Any) -> str:
    """SHA-256 (hex) of the canonical JSON form of plain data.

    Raises:
        TypeError, ValueError: the data is not plain JSON data, or holds NaN.
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def drawn_place(seed: int, name: str) -> bytes:
    """Sort key by which names stand in an order drawn by a seed: that of one name depends on no other.

    >>> sorted(["anna", "ben", "cleo", "dora"], key=lambda name: drawn_place(1, name))
    ['dora', 'anna', 'ben', 'cleo']
    """
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def seed_from(root_seed: int, method_digest: str, sample_id: str, repetition: int) -> int:
    """The seed of one (method, sample, repetition): the first 8 bytes of a SHA-256, so that it depends on nothing else.

    Returns:
        A whole number, 0 <= seed < 2**64.
    """
    text = json.dumps([root_seed, method_digest, sample_id, repetition], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
