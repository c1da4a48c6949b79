"""The method as the harness sees it, on very small random networks and, where it is there, on palm-tiny."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from narrowed import hand_of, present
from numpy.typing import NDArray
from tiny_paint_by_example import write_today

from deid_bench.benchmark.planning.cells import describe
from deid_bench.benchmark.planning.tasks import plugin_of
from deid_bench.benchmark.plugin_checks.contracts import checks_of
from deid_bench.datasets.base import Failure
from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.palm_diffusion import paint_by_example as sampler
from deid_bench.deidentifiers.palm_diffusion.palm_diffusion import PalmDiffusion
from deid_bench.plugins.entries import Kind, registry
from deid_bench.weights.files import WeightsError

QUICK = "crop=palm,steps=2,scheduler=ddim"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As the harness runs methods; threads that wait for each other would be slow beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_today(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A specification of the class that needs no entry point."""
    path = tmp_path_factory.mktemp("plugin") / "method.py"
    path.write_text(
        "from deid_bench.deidentifiers.palm_diffusion.palm_diffusion import PalmDiffusion\n", encoding="utf-8"
    )
    return f"{path}:PalmDiffusion"


@pytest.fixture
def method(folder: Path) -> Callable[..., PalmDiffusion]:
    def make(**parameters: Any) -> PalmDiffusion:
        quick = {"weights": str(folder), "crop": "palm", "steps": 2, "scheduler": "ddim"}
        return PalmDiffusion(**{**quick, **parameters})

    return make


def seeded(request: Request, seed: int) -> Request:
    return dataclasses.replace(request, seed=seed)


# ------------------------------------------------------------------------------------------------ as a method


@pytest.mark.parametrize("more", ["", ",batch_size=3", ",preset=authors"], ids=["default", "batches", "authors"])
def test_keeps_the_contract(named: str, folder: Path, more: str) -> None:
    spec = f"{named}:weights={folder},{QUICK}{more}"
    problems = {check.__name__: check(spec) for check in checks_of(Kind.DEIDENTIFIER)}
    assert {name: problem for name, problem in problems.items() if problem} == {}


def test_two_seeds_differ_inside_the_region_and_are_equal_outside(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request]
) -> None:
    request = request_for(0)
    first, second = (method().deidentify([seeded(request, seed)])[0] for seed in (1, 2))
    region = method().repaints(request)
    assert np.array_equal(present(first)[~region], request.image[~region])
    assert np.array_equal(present(second)[~region], request.image[~region])
    assert np.abs(present(first).astype(int) - second)[region].mean() > 1


def test_alpha_one_with_pinning_ignores_the_seed(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request]
) -> None:
    plain = method(alpha=1.0, grain=False, texture=False)
    first, second = (plain.deidentify([seeded(request_for(0), seed)])[0] for seed in (1, 2))
    assert np.array_equal(present(first), present(second))
    free = method(alpha=1.0, grain=False, pin_unmasked=False)
    first, second = (free.deidentify([seeded(request_for(0), seed)])[0] for seed in (1, 2))
    assert not np.array_equal(present(first), present(second))


def test_the_order_of_exemplars_does_not_matter_but_their_choice_does(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request]
) -> None:
    results = {
        text: method(exemplars=text, guidance_scale=20.0).deidentify([request_for(0)])[0]
        for text in ("s+m", "m+s", "f", "s+m+f")
    }
    assert np.array_equal(present(results["s+m"]), present(results["m+s"]))
    assert not np.array_equal(present(results["s+m"]), present(results["f"]))
    assert not np.array_equal(present(results["s+m"]), present(results["s+m+f"]))


def test_a_back_of_a_hand_is_refused_where_the_labels_tell(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request]
) -> None:
    palm, back = request_for(0), dataclasses.replace(request_for(1), aspect="dorsal")
    made = method().deidentify([back, palm])
    assert made[0] == Failure("the back of a hand")
    assert isinstance(made[1], np.ndarray)


def test_an_image_that_cannot_be_done_costs_itself_alone(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = request_for(0)
    empty = dataclasses.replace(good.analysis, mask=np.zeros_like(present(good.analysis.mask)))
    one = method()
    expected = present(one.deidentify([good])[0])
    results = one.deidentify([dataclasses.replace(good, analysis=empty), good])
    assert isinstance(results[0], Failure)
    assert np.array_equal(present(results[1]), expected)
    decode = sampler._decode
    monkeypatch.setattr(sampler, "_decode", lambda parts, latents: decode(parts, latents) * float("nan"))
    failed = one.deidentify([good])[0]
    assert isinstance(failed, Failure)
    assert "dtype=float32" in failed.reason


def test_a_grey_a_small_and_a_cut_hand_come_out(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request]
) -> None:
    request = request_for(0)
    grey = np.repeat(request.image[..., :1], 3, axis=2)
    cut = dataclasses.replace(
        hand_of(request.analysis), keypoints_2d=hand_of(request.analysis).keypoints_2d + np.array([-95, 70], np.float32)
    )
    requests = [
        dataclasses.replace(request, image=grey),
        dataclasses.replace(request, analysis=cut),
        _resized(request, 64 / 300),
    ]
    results = method().deidentify(requests)
    for each, result in zip(requests, results, strict=True):
        assert not isinstance(result, Failure)
        assert result.shape == each.image.shape
        assert (result != each.image).any()
    assert (present(results[0]) == present(results[0])[..., :1]).all()


@pytest.mark.slow
def test_an_image_of_8000_px_comes_out(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request]
) -> None:
    request = _resized(request_for(0), 8000 / 300)
    one = method()
    result = one.deidentify([request])[0]
    region = one.repaints(request)
    assert not isinstance(result, Failure)
    assert np.array_equal(result[~region], request.image[~region])


def _resized(request: Request, factor: float) -> Request:
    analysis = hand_of(request.analysis)
    height, width = (round(each * factor) for each in present(analysis.mask).shape)
    image = cv2.resize(request.image, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(present(analysis.mask).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    there = dataclasses.replace(
        analysis, keypoints_2d=analysis.keypoints_2d * np.float32(factor), box=analysis.box * factor, mask=mask
    )
    return dataclasses.replace(request, image=np.asarray(image, np.uint8), analysis=there)


def test_the_batch_stays_halved_after_the_gpu_was_full(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    work = sampler._paint_batch

    def small_gpu(parts: Any, canvases: Any, sampling: Any) -> Any:
        calls.append(len(canvases))
        if len(canvases) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return work(parts, canvases, sampling)

    monkeypatch.setattr(sampler, "_paint_batch", small_gpu)
    one = method(batch_size=2)
    one.deidentify([request_for(0)])
    one.deidentify([request_for(0)])
    assert calls == [2, 1, 1]


def test_importing_it_loads_no_heavy_library() -> None:
    program = (
        "import sys, deid_bench.deidentifiers.palm_diffusion.palm_diffusion as m; m.PalmDiffusion(exemplars='f'); "
        "print(sorted({'torch', 'diffusers', 'transformers', 'cv2', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------------ parameters


def test_presets_set_what_is_not_given() -> None:
    paper, authors = PalmDiffusion(), PalmDiffusion(preset="authors")
    assert paper.settings["mask_points"] == "7"
    assert paper.settings["pin_unmasked"] is True
    assert (authors.settings["scheduler"], authors.settings["steps"]) == ("pndm", 50)
    off = ("pin_unmasked", "colour", "seam", "grain", "texture")
    assert [authors.settings[name] for name in off] == [False] * 5
    assert (paper.settings["tone"], paper.settings["texture"], authors.settings["tone"]) == (0.15, True, 0)
    assert PalmDiffusion(tone=0).settings["tone"] == 0
    assert (authors.settings["mask_points"], authors.settings["paste"]) == ("6", "hand")
    assert (authors.settings["start"], authors.settings["posterior"]) == ("fixed", "sample")
    mixed = PalmDiffusion(preset="authors", steps=7, grain=True, mask_points="7")
    assert (mixed.settings["steps"], mixed.settings["grain"], mixed.settings["mask_points"]) == (7, True, "7")
    assert mixed.settings["paste"] == "hand"
    large = PalmDiffusion(weights="Fantasy-Studio/Paint-by-Example")
    assert (large.settings["crop"], large.settings["steps"], large.settings["scheduler"]) == ("hand", 50, "pndm")
    assert paper.settings["crop"] == authors.settings["crop"] == "palm"


def test_authors_start_every_image_from_one_latent(
    method: Callable[..., PalmDiffusion], request_for: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    draws = sampler._draws

    def watched(*given: Any) -> Any:
        seen.append(draws(*given))
        return seen[-1]

    monkeypatch.setattr(sampler, "_draws", watched)
    one = method(preset="authors", batch_size=2, steps=2)
    one.deidentify([seeded(request_for(0), 1), seeded(request_for(1), 2)])
    start, noise = seen[0]
    assert (start[0] == start[1]).all()
    assert (noise[0] != noise[1]).any()
    method(preset="authors", batch_size=2, start_seed=5).deidentify([request_for(0)])
    assert (seen[1][0][0] != start[0]).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"exemplars": "s+x"}, "some of s, m and f"),
        ({"exemplars": "s+s"}, "some of s, m and f"),
        ({"exemplars": ""}, "some of s, m and f"),
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"guidance_scale": 0.5}, "guidance_scale"),
        ({"steps": 0}, "steps"),
        ({"scheduler": "euler"}, "pndm or dpm"),
        ({"paste": "face"}, "hand or palm"),
        ({"crop": "face"}, "hand or palm"),
        ({"preset": "mine"}, "paper or authors"),
        ({"mask_points": "5"}, "mask_points 7 or 6"),
        ({"mask_margin": -1}, "mask_margin"),
        ({"dtype": "int8"}, "auto or float32"),
        ({"device": "tpu"}, "auto or cpu or cuda"),
        ({"batch_size": 0}, "batch_size"),
        ({"start": "never"}, "image or fixed"),
        ({"posterior": "mean"}, "mode or sample"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PalmDiffusion(**parameters)


# ------------------------------------------------------------------------------------------------ digests


def test_the_files_that_are_used_are_in_the_digest_and_in_the_record(named: str, tmp_path: Path) -> None:
    folder = write_today(tmp_path / "a")
    resolved = registry().resolve(Kind.DEIDENTIFIER, f"{named}:weights={folder}")
    before = plugin_of(resolved)
    assert describe(before)["weights"] == PalmDiffusion.weight_hashes({"weights": str(folder)})
    assert "unet/diffusion_pytorch_model.safetensors" in before.weights
    assert not any(name.startswith("palm-tiny") for name in before.weights)
    write_today(folder, seed=1)
    assert plugin_of(resolved).digest != before.digest


def test_the_default_is_pinned_by_the_registry(named: str) -> None:
    plugin = plugin_of(registry().resolve(Kind.DEIDENTIFIER, named))
    assert set(plugin.weights) == set(PalmDiffusion.info.weights)
    assert all(len(each) == 64 for each in plugin.weights.values())


def test_weights_that_are_not_there_show_before_any_work(named: str) -> None:
    with pytest.raises(WeightsError, match="a folder or a Hugging Face id"):
        plugin_of(registry().resolve(Kind.DEIDENTIFIER, f"{named}:weights=/nowhere/at/all"))


# ------------------------------------------------------------------------------------------------ palm-tiny


@pytest.mark.slow
def test_palm_tiny_paints_palms_nearer_to_the_original_as_alpha_grows() -> None:
    from skimage.metrics import structural_similarity

    from deid_bench.benchmark.plugin_checks.material import requests as material

    requests = material("palm")
    similar, apart = [], []
    for alpha in (0.0, 0.3, 0.6):
        one = PalmDiffusion(alpha=alpha, steps=10)
        values, distances = [], []
        for request, result in zip(requests, one.deidentify(requests), strict=True):
            assert not isinstance(result, Failure)
            rows, columns = (np.flatnonzero(one.repaints(request).any(axis=axis)) for axis in (1, 0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            values.append(structural_similarity(request.image[box], result[box], channel_axis=-1))
            distances.append(_own_distance(request, result))
        similar.append(np.mean(values))
        apart.append(np.mean(distances))
    assert similar == sorted(similar)
    assert similar[-1] > similar[0] + 0.01
    assert apart == sorted(apart, reverse=True)  # nearer to the threshold: RR falls
    assert apart[-1] < apart[0] - 0.01


def _own_distance(request: Request, result: NDArray[Any]) -> float:
    """MTCC's distance of an image to what it was made from."""
    recognizer = registry().resolve(Kind.RECOGNIZER, "mtcc").create()
    crops = [recognizer.align(each, request.analysis) for each in (request.image, result)]
    codes = [recognizer.embed([each]) for each in crops]
    return float(recognizer.distances(*codes)[0, 0])


@pytest.mark.slow
def test_another_palms_exemplar_gives_another_palm() -> None:
    """Measured on the default weights: the exemplar moves the painted skin about as far as another seed does."""
    from deid_bench.benchmark.plugin_checks.material import requests as material
    from deid_bench.deidentifiers.palm_diffusion.palm_inpainting import prepare

    one = PalmDiffusion()
    parts, requests = one._parts(), material("palm")[:3]
    ready = [prepare(each, one._geometry(), one.exemplars, parts.size, parts.exemplar_size) for each in requests]
    own = [each.canvas(None) for each in ready]
    foreign = [replace(each, exemplars=own[k - 1].exemplars) for k, each in enumerate(own)]
    redder = [replace(each, exemplars=(each.exemplars * np.array([1.0, 0.85, 0.8])).astype(np.uint8)) for each in own]
    reseeded = [replace(each, seed=each.seed ^ 1, start_seed=each.start_seed ^ 1) for each in own]
    painted = {
        name: sampler.paint(parts, canvases, one._sampling(), 1)[0]
        for name, canvases in {"own": own, "foreign": foreign, "redder": redder, "reseeded": reseeded}.items()
    }

    def moved(name: str) -> float:
        pairs = zip(painted["own"], painted[name], own, strict=True)
        return float(np.mean([np.abs(a - b)[canvas.hole].mean() for a, b, canvas in pairs]))  # type: ignore[operator]

    assert moved("foreign") > 2.0
    assert moved("foreign") > 0.25 * moved("reseeded")
    assert moved("redder") > 5.0
    for before, after, canvas in zip(painted["own"], painted["redder"], own, strict=True):
        assert before is not None
        assert after is not None
        shift = (after - before)[canvas.hole].mean(axis=0)
        assert shift[2] < shift[0] - 3  # less blue, as the exemplar says
