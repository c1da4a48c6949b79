"""A file of several pictures is one image, and that the others are not looked at is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.datasets.frames import files_of_several


def save(path: Path, pictures: int) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    rng = np.random.default_rng(len(path.name) + pictures)
    first, *others = [Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)) for _ in range(pictures)]
    first.save(path, save_all=True, append_images=others)


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png"])
def test_a_stack_and_an_animation_are_told_from_a_picture(tmp_path: Path, suffix: str) -> None:
    several, single = tmp_path / f"several{suffix}", tmp_path / f"single{suffix}"
    save(several, 3)
    save(single, 1)
    assert files_of_several([single, several, tmp_path / f"missing{suffix}"]) == [several]


def test_a_dataset_names_the_files_of_which_only_the_first_picture_is_taken(tmp_path: Path) -> None:
    save(tmp_path / "ann" / "a.tif", 2)
    save(tmp_path / "ann" / "b.png", 1)
    save(tmp_path / "bob" / "c.png", 1)
    notes = load_dataset(str(tmp_path), 0, 1, None).notes
    assert any("files of several pictures, of which the first is taken: 1 (a.tif)" in each for each in notes), notes
