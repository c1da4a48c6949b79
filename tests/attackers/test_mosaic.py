"""Mosaics of faces are read off their few grey values: portraits that ship and, as by McPherson et al., ORL."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from narrowed import present

from deid_bench.datasets.images import read_image
from deid_bench.datasets.photographs import FaceLondon


@pytest.fixture(scope="module")
def study() -> ModuleType:
    """speed/mosaic_orl.py."""
    path = Path(__file__).parents[2] / "speed" / "mosaic_orl.py"
    if not path.is_file():
        pytest.skip("the study is not here")
    spec = present(importlib.util.spec_from_file_location("mosaic_orl", path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    present(spec.loader).exec_module(module)
    return module


def test_blocks_are_means_and_are_cut_off_at_the_edge(study: ModuleType) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert study.mosaic(grey, 2).tolist() == [round((0 + 1 + 4 + 5) / 4), round((2 + 3 + 6 + 7) / 4), 8, 10]
    assert study.mosaic(np.zeros((112, 92), np.uint8), 16).shape == (42,)


def test_smiling_people_are_found_by_the_mosaic_of_another_portrait(study: ModuleType) -> None:
    faces = FaceLondon()
    faces.prepare()
    samples = faces.samples()[:80]
    _, people = np.unique([each.identity for each in samples], return_inverse=True)
    values = []
    for each in samples:
        grey = cv2.cvtColor(read_image(each.path), cv2.COLOR_RGB2GRAY)
        values.append(study.mosaic(cv2.resize(grey, (112, 112), interpolation=cv2.INTER_AREA), 16))
    neutral = np.array(["neutral" in each.sample_id for each in samples])
    assert study.nearest(np.stack(values), people, neutral) > 0.5  # chance is 1 in 40


@pytest.mark.slow
def test_mosaics_of_orl_are_read(
    study: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["mosaic_orl.py"])
    study.main()
    first = capsys.readouterr().out.splitlines()[0]
    assert "42 values" in first
    assert float(first.split(": ")[1].split(" %")[0]) >= 95
