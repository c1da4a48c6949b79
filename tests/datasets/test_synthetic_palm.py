"""The `synthetic-palm` dataset: same files whatever the number of jobs, however often it was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deid_bench.datasets import synthetic_palm
from deid_bench.datasets.base import Dataset, DatasetError
from deid_bench.datasets.manifest import check_samples, file_sha256
from deid_bench.datasets.rendering.palm_seeds import (
    ATTACKER_SETS,
    BLOCK_SIZE,
    BLOCKS,
    MINI_SET,
    TRAINING_SETS,
    USER_SETS,
    user_set_start,
)
from deid_bench.datasets.synthetic_palm import SyntheticPalm


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path))
    return tmp_path


def test_samples_follow_the_contract(cache: Path) -> None:
    dataset = SyntheticPalm(identities=3, samples=2)
    assert isinstance(dataset, Dataset)
    calls: list[tuple[int, int]] = []
    dataset.prepare(progress=lambda done, total: calls.append((done, total)))
    samples = dataset.samples()
    check_samples(samples)
    assert calls == [(k, 6) for k in range(1, 7)]
    assert [s.identity for s in samples[::2]] == ["s0000-left", "s0000-right", "s0001-left"]
    assert [s.subject for s in samples[::2]] == ["s0000", "s0000", "s0001"]
    assert [s.hand for s in samples[::2]] == ["left", "right", "left"]
    assert all(s.path.is_relative_to(cache) and file_sha256(s.path) == s.sha256 for s in samples)
    assert len({s.sha256 for s in samples}) == 6
    image = samples[0].image()
    assert image.shape == (640, 480, 3)
    assert image.dtype == np.uint8
    truth = dataset.truth("s0000-left-01")
    assert truth.mask.shape == (640, 480)
    with pytest.raises(DatasetError, match="s0009"):
        dataset.truth("s0009-left-00")


def test_files_do_not_depend_on_jobs(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for jobs in (1, 2):
        monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / str(jobs)))
        dataset = SyntheticPalm(identities=2, samples=2, setting="wild", seed=3)
        dataset.prepare(jobs=jobs)
        digests.append([s.sha256 for s in dataset.samples()])
    assert digests[0] == digests[1]


def test_resumes_after_a_kill(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = SyntheticPalm(identities=2, samples=2)
    rendered: list[str] = []
    original = synthetic_palm.render_to_file

    def counted(folder: Path, image: synthetic_palm.PlannedImage, setting: synthetic_palm.SettingName) -> None:
        if len(rendered) == 2:
            raise KeyboardInterrupt
        rendered.append(image.sample_id)
        original(folder, image, setting)

    monkeypatch.setattr(synthetic_palm, "render_to_file", counted)
    with pytest.raises(KeyboardInterrupt):
        dataset.prepare()
    with pytest.raises(DatasetError, match="prepare"):
        dataset.samples()
    first = {path.name: path.stat().st_mtime_ns for path in dataset.folder.glob("*.jpg")}
    assert sorted(first) == [f"{name}.jpg" for name in sorted(rendered)]
    monkeypatch.setattr(synthetic_palm, "render_to_file", original)
    dataset.prepare()
    assert len(dataset.samples()) == 4
    assert {name: (dataset.folder / name).stat().st_mtime_ns for name in first} == first
    assert not list(dataset.folder.glob(".*"))


def test_second_prepare_renders_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SyntheticPalm(identities=1, samples=1).prepare()

    def never(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(synthetic_palm, "render_to_file", never)
    SyntheticPalm(identities=1, samples=1).prepare()
    assert len(SyntheticPalm(identities=1, samples=1).samples()) == 1


@pytest.mark.parametrize("damage", ["lost", "cut short"])
def test_a_damaged_file_is_rendered_again(cache: Path, damage: str) -> None:
    dataset = SyntheticPalm(identities=1, samples=2)
    dataset.prepare()
    before = [s.sha256 for s in dataset.samples()]
    victim = dataset.samples()[1].path
    if damage == "lost":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:1000])
    dataset.prepare()
    assert [file_sha256(s.path) for s in dataset.samples()] == before


def test_folders_of_different_parameters_differ(cache: Path) -> None:
    sets = [
        SyntheticPalm(2, 2),
        SyntheticPalm(3, 2),
        SyntheticPalm(2, 3),
        SyntheticPalm(2, 2, "wild"),
        SyntheticPalm(2, 2, seed=1),
    ]
    assert len({dataset.folder for dataset in sets}) == len(sets)


@pytest.mark.parametrize(
    "arguments",
    [{"identities": 0}, {"samples": 0}, {"setting": "studio"}, {"seed": -1}, {"identities": BLOCK_SIZE + 1}],
)
def test_wrong_parameters_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(DatasetError, match=next(iter(arguments))):
        SyntheticPalm(**arguments)  # type: ignore[arg-type]


def test_seed_ranges_are_disjoint() -> None:
    ranges = (MINI_SET, ATTACKER_SETS, TRAINING_SETS, USER_SETS)
    for number, one in enumerate(ranges):
        assert one.start % 2 == 0
        for other in ranges[number + 1 :]:
            assert one.stop <= other.start or other.stop <= one.start
    starts = [user_set_start(seed) for seed in (0, 1, BLOCKS - 1)]
    assert starts[1] - starts[0] >= BLOCK_SIZE
    assert all(start in USER_SETS and start + BLOCK_SIZE - 1 in USER_SETS for start in starts)
