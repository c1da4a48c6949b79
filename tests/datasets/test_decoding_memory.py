"""Decoding takes bounded memory, and what would take more is refused before it is decoded."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peak_memory import peak_mb
from PIL import Image as PilImage
from png_files import png_file

from deid_bench.datasets.images import MAX_WORK, ImageError, read_image

LIMIT_MB = 300


def flat_png(path: Path, width: int, height: int, bits: int, kind: int) -> Path:
    """A PNG of one colour, packed row by row, so that making it takes no memory either."""
    channels = {0: 1, 2: 3, 6: 4}[kind]
    packer = zlib.compressobj(1)
    row = bytes(1 + width * channels * bits // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    path.write_bytes(png_file(width, height, body, bits, kind, packed=True))
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see the peak")
def test_the_largest_files_that_are_read_stay_below_the_bound(tmp_path: Path) -> None:
    side = int((MAX_WORK // 7) ** 0.5)
    said, peak = peak_mb(flat_png(tmp_path / "a.png", side, side, 16, 6))
    assert said == f"({side}, {side}, 3)"
    assert peak < LIMIT_MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see the peak")
def test_a_small_file_that_unpacks_to_gigabytes_is_refused_at_no_cost(tmp_path: Path) -> None:
    path = flat_png(tmp_path / "a.png", 12_000, 6_600, 16, 6)
    assert path.stat().st_size < 5_000_000
    said, peak = peak_mb(path)
    assert "expected at most 12000 px a side and 34 million px in all (PNG, RGBA" in said
    assert peak < 100


@pytest.mark.parametrize(
    ("name", "side", "options"),
    [("a.jpg", 4900, {"progressive": True}), ("a.webp", 3900, {"quality": 1, "method": 0}), ("a.tif", 6000, {})],
)
def test_what_a_format_takes_decides_how_large_it_may_be(
    tmp_path: Path, name: str, side: int, options: dict[str, Any]
) -> None:
    path = tmp_path / name
    PilImage.new("RGB", (side, side + 200)).save(path, **options)
    with pytest.raises(ImageError, match="million px in all"):
        read_image(path)
    PilImage.new("RGB", (1000, 700)).save(path, **options)
    assert read_image(path).shape == (700, 1000, 3)


def test_strips_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deid_bench.datasets.images._STRIP", 40)
    picture = np.random.default_rng(0).integers(0, 256, (23, 17, 4), dtype=np.uint8)
    for name, shown in (("a.png", picture[..., :3]), ("b.png", picture), ("c.png", picture[..., 0])):
        PilImage.fromarray(shown).save(tmp_path / name)
    assert (read_image(tmp_path / "a.png") == picture[..., :3]).all()
    alpha = picture[..., 3:].astype(int)
    assert (read_image(tmp_path / "b.png") == (picture[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).all()
    assert (read_image(tmp_path / "c.png") == picture[..., :1]).all()
