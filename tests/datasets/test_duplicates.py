"""Exact and perceptual duplicates are found and reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from deid_bench.datasets.base import Sample
from deid_bench.datasets.duplicates import DuplicatePair, find_duplicates
from deid_bench.datasets.images import write_png
from deid_bench.datasets.manifest import file_sha256


def picture(seed: int) -> NDArray[Any]:
    """A smooth random landscape: pHash looks at low frequencies."""
    rng = np.random.default_rng(seed)
    small = PilImage.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    return np.asarray(small.resize((128, 128), PilImage.Resampling.BICUBIC))


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., list[Sample]]:
    samples: list[Sample] = []

    def make(identity: str, data: bytes, suffix: str = ".png") -> list[Sample]:
        path = tmp_path / f"{len(samples)}{suffix}"
        path.write_bytes(data)
        samples.append(Sample(path.name, identity, identity, path, file_sha256(path)))
        return samples

    return make


def jpeg(image: NDArray[Any], tmp_path: Path) -> bytes:
    path = tmp_path / "again.jpg"
    PilImage.fromarray(image).save(path, quality=70)
    return path.read_bytes()


def test_identical_files_are_exact_duplicates_in_any_identity(add: Callable[..., list[Sample]]) -> None:
    data = write_png(picture(0))
    add("a", data)
    add("a", data)
    samples = add("b", data)
    assert find_duplicates(samples) == [
        DuplicatePair("0.png", "1.png", "exact", 0, same_identity=True),
        DuplicatePair("0.png", "2.png", "exact", 0, same_identity=False),
        DuplicatePair("1.png", "2.png", "exact", 0, same_identity=False),
    ]


def test_a_picture_compressed_again_under_another_name_is_found(
    add: Callable[..., list[Sample]], tmp_path: Path
) -> None:
    add("a", write_png(picture(1)))
    add("b", write_png(picture(2)))
    samples = add("c", jpeg(picture(1), tmp_path), ".jpg")
    (pair,) = find_duplicates(samples)
    assert (pair.first, pair.second, pair.kind, pair.same_identity) == ("0.png", "2.jpg", "perceptual", False)
    assert 0 <= pair.distance <= 24


def test_alike_pictures_of_one_identity_are_no_finding(add: Callable[..., list[Sample]], tmp_path: Path) -> None:
    add("a", write_png(picture(1)))
    samples = add("a", jpeg(picture(1), tmp_path), ".jpg")
    assert find_duplicates(samples) == []


def test_threshold_widens_the_search(add: Callable[..., list[Sample]]) -> None:
    for seed in range(4):
        samples = add(f"p{seed}", write_png(picture(seed)))
    assert find_duplicates(samples) == []
    assert len(find_duplicates(samples, threshold=256)) == 6


def test_damaged_files_take_part_in_the_exact_search_alone(add: Callable[..., list[Sample]]) -> None:
    add("a", b"no image")
    add("b", b"no image")
    samples = add("c", b"")
    assert [(p.first, p.second, p.kind) for p in find_duplicates(samples)] == [("0.png", "1.png", "exact")]


@pytest.mark.parametrize("threshold", [-1, 257])
def test_thresholds_out_of_range_are_refused(threshold: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        find_duplicates([], threshold=threshold)
    assert find_duplicates([]) == []
