"""What a stranger's record may take: memory and time have an end, and what wants more costs itself alone."""

from __future__ import annotations

import hashlib
import struct
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from deid_bench.benchmark.storage.strict_zip import Refused
from deid_bench.benchmark.submission import pictures, read
from deid_bench.benchmark.submission.bounds import TooMuch, bounded
from deid_bench.benchmark.submission.pictures import MAX_PIXELS, check_pairs
from deid_bench.benchmark.submission.read import Submission, Submitted
from deid_bench.datasets.images import ImageError

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory need Linux")


@linux
def test_memory_has_an_end_and_comes_back() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(TooMuch, match="more than 64 MiB of memory"), bounded(memory=2**26):
        np.ones(2**29, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    with bounded():
        assert np.ones(2**24, np.uint8).all()


@linux
def test_what_the_process_holds_already_does_not_count() -> None:
    held = np.ones(2**28, np.uint8)
    with bounded(memory=2**28):
        assert np.ones(2**27 + 2**26, np.uint8).all()
    assert held.all()


def test_time_has_an_end() -> None:
    with pytest.raises(TooMuch, match=r"longer than 0\.2 s"), bounded(seconds=0.2):
        time.sleep(30)


def header(width: int, height: int) -> bytes:
    """The beginning of a PNG, which is all that may be looked at before its size is known."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


@pytest.mark.parametrize(("side", "looked_at"), [(1000, True), (5000, False), (2**31, False)])
def test_a_vast_pair_is_held_against_its_hash_alone(
    side: int, looked_at: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(data: bytes) -> Any:
        raise ImageError("decoded")

    monkeypatch.setattr(pictures, "decode_png", decode)
    data = header(side, side)
    assert (side * side <= MAX_PIXELS) == looked_at
    pair = SimpleNamespace(sample_id="a", repetition=0, original="o.png", deidentified="d.png")
    row = SimpleNamespace(sample_id="a", repetition=0, image_sha256=hashlib.sha256(data).hexdigest(), measures={})
    submitted: Any = SimpleNamespace(
        record=SimpleNamespace(samples=[row]),
        packed=SimpleNamespace(pairs=[pair]),
        images={"o.png": data, "d.png": data},
    )
    assert check_pairs(cast(Submitted, submitted)) == (["d.png: decoded"] if looked_at else [])
    row.image_sha256 = "0" * 64
    assert "not the image that the record names" in check_pairs(cast(Submitted, submitted))[0]


def test_a_record_that_wants_too_much_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def submitted(packed: Any, members: dict[str, bytes]) -> str:
        if packed.folder == "records/001":
            raise MemoryError
        return str(packed.folder)

    monkeypatch.setattr(read, "_submitted", submitted)
    zip_of_three: Any = SimpleNamespace(manifest=SimpleNamespace(files={}))
    found: list[Submitted | str] = []
    for number in range(3):
        try:
            found.append(Submission.read(zip_of_three, cast(Any, SimpleNamespace(folder=f"records/{number:03d}"))))
        except Refused as error:
            found.append(str(error))
    assert found == ["records/000", "records/001: it takes more than 1024 MiB of memory", "records/002"]
