"""LPIPS, FID and KID of a default run: the packages' own values, and what becomes of them as weights come and go."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.planning.cells import RunOptions

pytest.importorskip("torch", reason="torch is not installed")

import torch

from deid_bench.benchmark import closer_look
from deid_bench.benchmark.closer_look import at_hand
from deid_bench.benchmark.metrics.quality import perceptual
from deid_bench.benchmark.metrics.quality.networks import feature_networks, inception
from deid_bench.benchmark.records.record import record_bytes
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.scoring.cell import build_record
from deid_bench.benchmark.storage.store import Payload, Store
from deid_bench.datasets.images import decode_png, read_image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torchvision.models._utils")


class Pooled(torch.nn.Module):
    """Stands for Inception, and is as quick as the toys: 3 numbers of an image."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x.mean(dim=(2, 3), keepdim=True) * 10]


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes AlexNet, with random weights, and a small network in Inception's place known to the run by name."""
    drawn = torch.Generator().manual_seed(1)
    model = lpips_package().LPIPS(net="alex", pnet_rand=True, pretrained=False, verbose=False).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            size = 0.1 if module.out_channels == 1 else (2 / module.weight[0].numel()) ** 0.5
            module.weight.data = torch.randn(module.weight.shape, generator=drawn).abs() * size
            if module.out_channels > 1:
                module.weight.data *= torch.randn(module.weight.shape, generator=drawn).sign()
    monkeypatch.setattr(feature_networks, "lpips_network", lambda net: model)
    monkeypatch.setattr(inception, "inception", lambda device: Pooled())
    feature_networks.trunk.cache_clear()
    perceptual._missing_weights.cache_clear()

    def make(*names: str) -> None:
        monkeypatch.setattr(closer_look, "at_hand", lambda quality: dict.fromkeys(names, "0" * 64))

    yield make
    feature_networks.trunk.cache_clear()
    perceptual._missing_weights.cache_clear()


def lpips_package() -> Any:
    return pytest.importorskip("lpips", reason="lpips, the reference, is not installed")


def go(options: Any, out: Path) -> Outcome:
    return run(options, Execution(out=out, backend="serial"))[0]


def number(outcome: Outcome, metric: str) -> float:
    found = outcome.record.value(metric)
    assert found is not None
    assert found.value is not None, found.reason
    return found.value


def images(outcome: Outcome, out: Path, hands: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    store = Store(out / ".store")
    return [
        (
            read_image(hands / f"{row.sample_id}.png"),
            decode_png(present(store.read(present(row.task))).blobs["image.png"]),
        )
        for row in outcome.record.samples
    ]


def test_a_default_run_has_the_packages_own_numbers(
    toy_options: Callable[..., RunOptions], tmp_path: Path, networks: Any
) -> None:
    fid_score = pytest.importorskip("pytorch_fid.fid_score", reason="pytorch-fid, the reference, is not installed")
    networks("lpips-alex", "fid-inception")
    outcome = go(toy_options("blurring"), tmp_path / "out")
    model = feature_networks.lpips_network("alex")
    values, layers, pooled = [], [], []
    for pair in images(outcome, tmp_path / "out", tmp_path / "hands"):
        x, y = (torch.from_numpy(each).permute(2, 0, 1)[None].float() for each in pair)
        with torch.inference_mode():
            values.append(model(x / 127.5 - 1, y / 127.5 - 1).item())
            features = [model.net(model.scaling_layer(each / 127.5 - 1))[-1].mean(dim=(2, 3))[0] for each in (x, y)]
            layers.append([each.double().numpy() for each in features])
            pooled.append([Pooled()(each / 255)[0].flatten().double().numpy() for each in (x, y)])
    assert number(outcome, "lpips_alex") == pytest.approx(np.mean(values), rel=1e-4)
    assert number(outcome, "lpips_alex") > 0
    for metric, features in (("fd_alexnet", layers), ("fid", pooled)):
        a, b = (np.stack([row[side] for row in features]) for side in (0, 1))
        moments = [(each.mean(axis=0), np.cov(each, rowvar=False)) for each in (a, b)]
        expected = fid_score.calculate_frechet_distance(*moments[0], *moments[1])
        assert number(outcome, metric) == pytest.approx(expected, rel=1e-3)
    a, b = (np.stack([row[side] for row in pooled]) for side in (0, 1))
    same, cross = ((p @ q.T / 3 + 1) ** 3 for p, q in ((a, a), (a, b)))
    other, off = (b @ b.T / 3 + 1) ** 3, ~np.eye(len(a), dtype=bool)
    assert number(outcome, "kid") == pytest.approx(same[off].mean() + other[off].mean() - 2 * cross.mean(), rel=1e-6)
    assert outcome.record.complete


def test_what_is_missing_is_made_when_its_network_comes(
    toy_options: Callable[..., RunOptions], tmp_path: Path, networks: Any
) -> None:
    """And nothing else is: a record without LPIPS, of this version or of one before, is looked at once more."""
    options, out = toy_options("toy_noise"), tmp_path / "out"
    before = go(options, out)
    assert present(before.record.value("lpips_alex")).value is None
    assert go(options, out).from_store
    networks("lpips-alex")
    after = go(options, out)
    assert not after.from_store
    assert number(after, "lpips_alex") > 0
    assert "fid-inception" in present(present(after.record.value("fid")).reason)
    assert go(options, out).from_store
    others = [each for each in before.record.values if each.value is not None]
    assert others == [
        each for each in after.record.values if before.record.value(each.metric, each.recognizer) in others
    ]
    old = after.record.model_copy(
        update={"values": [each for each in after.record.values if "alex" not in each.metric]}
    )
    (after.folder / "run.json").write_bytes(record_bytes(old))
    assert not go(options, out).from_store


def test_versions_of_one_image_count_their_original_once(
    toy_options: Callable[..., RunOptions], tmp_path: Path, networks: Any
) -> None:
    networks("lpips-alex")
    outcome = go(toy_options("toy_noise:strength=80", repetitions=2), tmp_path / "out")
    assert number(outcome, "lpips_between_seeds") > 0
    assert present(outcome.record.value("fd_alexnet")).n == present(outcome.record.value("lpips_alex")).n == 36


def test_what_a_run_would_like_is_fetched_once_and_its_absence_stops_nothing(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deid_bench.weights import files

    asked: list[str] = []
    notes: list[str] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        raise files.WeightsError("no network")

    monkeypatch.setattr(files, "find", lambda name: None)
    monkeypatch.setattr(files, "fetch", fetch)
    cells: list[Any] = [SimpleNamespace(quality="basic")] * 3
    closer_look.bring_networks(cells, notes.append)
    assert asked == ["lpips-alex", "fid-inception"]
    assert len(notes) == 4
    assert notes[1] == "lpips-alex cannot be had now; the run goes on without its numbers"
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    closer_look.bring_networks(cells)
    assert len(asked) == 2


def test_damaged_weights_are_not_at_hand() -> None:
    """The tests' own folder holds empty files of these names."""
    assert at_hand("basic") == {}


def test_scoring_holds_numbers_and_tables_of_features_and_no_analysis_or_image(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, networks: Any
) -> None:
    """Masks of all images would not fit where comparisons do. Of templates a worker keeps what a budget allows."""
    networks("lpips-alex", "fid-inception")
    arrays: list[tuple[str, weakref.ref[np.ndarray]]] = []
    read = Store.read
    held: list[set[str]] = []

    def noted(store: Store, digest: str) -> Payload | None:
        payload = read(store, digest)
        if payload is not None:
            arrays.extend((name, weakref.ref(each)) for name, each in payload.arrays.items())
        return payload

    def looked_at(cell: Any, results: Any, host: Any) -> Any:
        gc.collect()
        held.append({name for name, each in arrays if each() is not None} - {"distances", "template"})
        assert not any(payload.arrays or payload.blobs for payload in results.looked.values())
        return build_record(cell, results, host)

    monkeypatch.setattr(Store, "read", noted)
    monkeypatch.setattr("deid_bench.benchmark.run.build_record", looked_at)
    outcome = go(toy_options("toy_noise", repetitions=2), tmp_path / "out")
    assert number(outcome, "survival") > 0
    assert number(outcome, "fd_alexnet") > 0
    assert {"mask", "template", "original", "deidentified", "features"} <= {name for name, _ in arrays}
    assert held == [set()]
