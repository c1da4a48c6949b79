"""The mini set inside the package: complete, unchanged, and what the renderer would draw today."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.datasets import palm_mini
from deid_bench.datasets.base import Dataset, DatasetError
from deid_bench.datasets.manifest import check_samples
from deid_bench.datasets.palm_mini import PalmMini, mini_folder, mini_plan
from deid_bench.datasets.rendering.palm_render import render
from deid_bench.datasets.rendering.palm_seeds import MINI_SET
from deid_bench.datasets.synthetic_palm import SettingName
from deid_bench.weights import files as weights

SETTINGS: tuple[SettingName, ...] = ("controlled", "wild")


@pytest.mark.parametrize("setting", SETTINGS)
def test_counts_and_contract(setting: SettingName) -> None:
    dataset = PalmMini(setting)
    assert isinstance(dataset, Dataset)
    calls: list[tuple[int, int]] = []
    dataset.prepare(progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (96, 96)
    samples = dataset.samples()
    check_samples(samples)
    assert len({s.identity for s in samples}) == 24
    assert len({s.subject for s in samples}) == 12
    assert len({s.sha256 for s in samples}) == 96
    assert samples[0].image().shape == (640, 480, 3)
    assert all(image.identity_seed in MINI_SET for image in mini_plan())


def test_settings_show_the_same_palms() -> None:
    one, other = (PalmMini(setting).samples() for setting in SETTINGS)
    assert [(s.sample_id, s.identity, s.hand) for s in one] == [(s.sample_id, s.identity, s.hand) for s in other]


def test_size_stays_small() -> None:
    total = sum(path.stat().st_size for path in mini_folder("wild").parent.rglob("*") if path.is_file())
    assert 4e6 < total < 12e6


@pytest.mark.parametrize("setting", SETTINGS)
def test_truth_fits(setting: SettingName) -> None:
    dataset = PalmMini(setting)
    truth = dataset.truth("s0003-right-02")
    assert truth.keypoints_2d.shape == (21, 2)
    assert truth.mask.shape == (640, 480)
    assert truth.mask.dtype == bool
    assert truth.roi.shape == (4, 2)
    columns, rows = np.rint(truth.keypoints_2d).astype(int).T
    assert truth.mask[rows, columns].mean() > 0.9
    with pytest.raises(DatasetError, match="s9999"):
        dataset.truth("s9999-left-00")


@pytest.mark.parametrize("setting", SETTINGS)
def test_one_image_rendered_again(setting: SettingName) -> None:
    planned, sample = mini_plan()[13], PalmMini(setting).samples()[13]
    capture = render(planned.identity_seed, planned.sample_seed, setting)
    difference = np.abs(capture.image().astype(int) - sample.image())
    # Other releases of OpenCV and numpy may round otherwise; another picture would differ by tens of grey levels.
    assert difference.mean() < 1.0
    np.testing.assert_allclose(
        capture.truth.keypoints_2d, PalmMini(setting).truth(sample.sample_id).keypoints_2d, atol=0.05
    )


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest"])
def test_damage_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    copy = tmp_path / "controlled"
    shutil.copytree(mini_folder("controlled"), copy)
    monkeypatch.setattr(palm_mini, "mini_folder", lambda setting: tmp_path / setting)
    victim = copy / "s0005-left-01.jpg"
    if damage == "changed":
        victim.write_bytes(victim.read_bytes()[:-10])
    elif damage == "missing":
        victim.unlink()
    else:
        (copy / "manifest.csv").unlink()
    with pytest.raises(DatasetError, match="install deid-bench again"):
        PalmMini("controlled").prepare()


def test_unknown_setting() -> None:
    with pytest.raises(DatasetError, match="studio"):
        PalmMini("studio")  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", SETTINGS)
def test_truth_agrees_with_the_detector(setting: SettingName) -> None:
    if any(weights.find(name) is None for name in MediapipeHands.info.weights):
        pytest.skip("the hand networks' weight files are not here; deid-bench weights fetch gets them")
    dataset = PalmMini(setting)
    samples = dataset.samples()[::32]
    for sample, found in zip(samples, MediapipeHands().analyze([sample.image() for sample in samples]), strict=True):
        assert isinstance(found, HandAnalysis)
        assert found.handedness == sample.hand
        truth = dataset.truth(sample.sample_id)
        length = np.linalg.norm(truth.keypoints_2d[5] - truth.keypoints_2d[17])
        assert np.linalg.norm(found.keypoints_2d - truth.keypoints_2d, axis=1).mean() < 0.08 * length
