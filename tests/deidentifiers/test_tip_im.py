"""TIP-IM against slow references, brute force and finite differences, on small recognisers."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import toy_faces
from narrowed import face_of, present
from toy_faces import drawn_face, face_request, photo_request

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.benchmark.plugin_checks.contracts import checks_of
from deid_bench.datasets.base import Failure
from deid_bench.deidentifiers.base import Donor, Request
from deid_bench.deidentifiers.tip_im import tip_im_objective as objective
from deid_bench.deidentifiers.tip_im.tip_im import PRESETS, TipIm
from deid_bench.deidentifiers.tip_im.tip_im_objective import BANDWIDTHS, Search
from deid_bench.plugins.entries import Kind

QUICK: dict[str, Any] = {"surrogate": toy_faces.GOOD, "steps": 6, "device": "cpu"}


def search(**changes: Any) -> Search:
    return Search(**{**PRESETS["paper"], "epsilon": 12.0, "momentum": 1.0, **changes})


def tensor(seed: int) -> torch.Tensor:
    return torch.from_numpy(drawn_face(seed)[0]).permute(2, 0, 1)[None].double()


def mmd(protected: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """The squared MMD written out, pair by pair."""

    def mean_kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), dtype=a.dtype)
        for x in a:
            for y in b:
                squared = (x - y).square().sum()
                for width in BANDWIDTHS:
                    total = total + torch.exp(-squared / (2 * width))
        return total / (len(a) * len(b))

    return mean_kernel(protected, protected) + mean_kernel(sources, sources) - 2 * mean_kernel(protected, sources)


# ------------------------------------------------------------------------------------------------ naturalness


def test_mmd_between_faces_far_from_each_other_saturates() -> None:
    sources = torch.cat([tensor(seed) for seed in range(4)])
    others = torch.cat([tensor(seed) for seed in range(10, 14)])
    assert float(mmd(others, sources)) == pytest.approx(2 * len(BANDWIDTHS) / 4, abs=1e-6)
    assert float(mmd(sources, sources)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("strength", [0.5, 3.0, 12.0])
def test_its_gradient_is_that_of_the_whole_batch(strength: float) -> None:
    rng = torch.Generator().manual_seed(2)
    sources = torch.cat([tensor(seed) for seed in range(3)])
    noise = strength * (torch.rand(sources.shape, generator=rng, dtype=torch.float64) * 2 - 1).sign()
    protected = (sources + noise).requires_grad_(True)
    (slope,) = torch.autograd.grad(mmd(protected, sources), protected)
    for index in range(3):
        found = objective.mmd_gradient(protected.detach()[index : index + 1], sources[index : index + 1], 3)
        assert torch.allclose(found, 3 * slope[index : index + 1], rtol=1e-9, atol=1e-15)
        assert float(found.abs().max()) > 0


def test_a_heavy_mmd_keeps_the_face_nearer() -> None:
    request = face_request(1, 3)
    light, heavy = (
        present(TipIm(**QUICK, norm="l2", gamma=gamma).deidentify([request])[0]).astype(float) - request.image
        for gamma in (0.0, 1e6)
    )
    assert np.square(heavy).mean() < 0.9 * np.square(light).mean()


# ------------------------------------------------------------------------------------------------ identity loss


@pytest.mark.parametrize("warped", [False, True], ids=["plain", "diverse"])
@pytest.mark.parametrize("mean_loss", [False, True])
def test_gradients_against_finite_differences(warped: bool, mean_loss: bool) -> None:
    network, settings = toy_faces.Embedder().double(), search(gamma=2.5, mmd_batch=1, mean_loss=mean_loss)
    face = tensor(1)
    current = face + 2 * torch.sign(tensor(2) - 128)
    source, wanted = network(face / 255).detach(), network(torch.cat([tensor(7), tensor(8)]) / 255).detach()
    draws = torch.Generator().manual_seed(3)
    warp = objective.random_warp(draws, face).double() if warped else None

    def loss(image: torch.Tensor, target: torch.Tensor) -> float:
        features = network((image if warp is None else objective.through(image, warp)) / 255)
        identity = (features - target).square() - (features - source).square()
        kernel = sum(math.exp(-float((image - face).square().sum()) / (2 * width)) for width in BANDWIDTHS)
        return float((identity.mean() if mean_loss else identity.sum()).detach()) - settings.gamma * 2 * kernel

    found = objective.objective_gradients(network, current, face, source, wanted, settings, warp)
    direction = torch.randn(face.shape, generator=draws, dtype=torch.float64)
    for target, gradient in zip(wanted, found, strict=True):
        slope = (loss(current + 1e-4 * direction, target) - loss(current - 1e-4 * direction, target)) / 2e-4
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-5)


# ------------------------------------------------------------------------------------------------ the search


def brute_force(network: Any, face: Any, targets: Any, settings: Search) -> tuple[torch.Tensor, list[int]]:
    """Algorithm 1 as it is written: literal losses through autograd, the literal gain, one target after the other."""
    source, wanted = network(face / 255), [network(each[None] / 255) for each in targets]
    current, velocity, chosen = face.clone(), torch.zeros_like(face), []
    for _ in range(settings.steps):
        best: Any = None
        for index, target in enumerate(wanted):
            image = current.clone().requires_grad_(True)
            features = network(image / 255)
            kernel = sum(torch.exp(-(image - face).square().sum() / (2 * width)) for width in BANDWIDTHS)
            loss = (features - target).square().sum() - (features - source).square().sum()
            total = loss / settings.mmd_batch - settings.gamma * 2 / settings.mmd_batch**2 * kernel
            (slope,) = torch.autograd.grad(total, image)
            moved = settings.momentum * velocity + slope / slope.abs().mean()
            candidate = current - settings.step_size * moved.sign()
            candidate = torch.minimum(torch.maximum(candidate, face - settings.epsilon), face + settings.epsilon)
            candidate = candidate.clamp(0, 255)
            there = network(candidate / 255)
            far = (there - source).square().sum()
            gain = torch.log(1 + max(torch.exp(far - (there - each).square().sum()) for each in wanted))
            if best is None or gain > best[0]:
                best = (gain, candidate, moved, index)
        _, current, velocity, index = best
        chosen.append(index)
    return current, chosen


@pytest.mark.parametrize("seed", range(3))
def test_the_search_is_the_brute_force_one(seed: int) -> None:
    network = toy_faces.Embedder().double().requires_grad_(False)
    face, shared = tensor(seed), tensor(19)
    targets = torch.cat([(tensor(20 + 5 * seed + each) + shared) / 2 for each in range(4)])
    settings = search(steps=8, mmd_batch=5)
    expected, chosen = brute_force(network, face, targets, settings)
    found = present(objective.protect(network, face, targets, settings, grey=False))
    assert torch.equal(found, expected)
    assert (len(set(chosen)) > 1) == (seed != 1)  # the target may change on the way


def test_a_candidate_that_gains_most_is_chosen_by_squares_or_roots() -> None:
    source, wanted = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    features = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
    squared = objective.gains(features, source, wanted, squared=True)
    assert squared.tolist() == pytest.approx([-2.0, 0.8 - 0.4, 4.0])
    rooted = objective.gains(features, source, wanted, squared=False)
    assert rooted.tolist() == pytest.approx([-(2**0.5), 0.8**0.5 - 0.4**0.5, 2.0])


def test_a_face_without_slope_stays_as_it_is() -> None:
    flat = torch.full((1, 3, 112, 112), 100.0)
    assert torch.equal(objective.per_mean(torch.zeros(2, 3, 4, 4)), torch.zeros(2, 3, 4, 4))
    same = present(objective.protect(toy_faces.Embedder(), flat, flat, search(steps=2), grey=False))
    assert torch.equal(same, flat)


# ------------------------------------------------------------------------------------------------ as a method


@pytest.mark.parametrize("preset", ["paper", "code"])
@pytest.mark.parametrize("grey", [False, True])
def test_it_looks_like_a_target_and_stays_within_the_bound(preset: Literal["paper", "code"], grey: bool) -> None:
    request = face_request(2, 4, grey)
    result = present(TipIm(preset=preset, surrogate=toy_faces.GOOD, steps=40, device="cpu").deidentify([request])[0])
    change = result.astype(int) - request.image
    assert result.dtype == np.uint8
    assert 6 < np.abs(change).max() <= 12
    assert grey == bool((result == result[..., :1]).all())
    source, found, *targets = toy_faces.ToyFace().embed(
        [request.image, result, *(each.image for each in request.targets)]
    )
    before, after = (max(float(each @ (target - source)) for target in targets) for each in (source, found))
    assert float(source @ found) < 0.9
    assert after > before + 0.1


def test_the_result_does_not_depend_on_the_batch_or_on_the_seed() -> None:
    requests = [face_request(seed, 3) for seed in range(3)]
    one = TipIm(**QUICK)
    together = one.deidentify(requests)
    turned = one.deidentify(requests[::-1])[::-1]
    alone = [TipIm(**QUICK).deidentify([dataclasses.replace(each, seed=99)])[0] for each in requests]
    for a, b, c in zip(together, turned, alone, strict=True):
        assert np.array_equal(present(a), present(b))
        assert np.array_equal(present(a), present(c))
    diverse = [TipIm(**QUICK, preset="code").deidentify([dataclasses.replace(requests[0], seed=k)])[0] for k in (1, 2)]
    assert np.array_equal(present(diverse[0]), present(diverse[1]))


def test_a_face_in_a_photo_changes_inside_the_named_region_and_by_no_more_than_the_bound() -> None:
    request = photo_request(4, 3)
    one = TipIm(**{**QUICK, "steps": 12})
    result, region = one.deidentify([request])[0], one.repaints(request)
    change = np.abs(present(result).astype(int) - request.image)
    assert present(result).shape == request.image.shape
    assert change.max() <= 12
    assert change[region].mean() > 3
    assert not change[~region].any()
    assert 0.2 < region.mean() < 0.8


def test_an_aligned_face_is_the_whole_region() -> None:
    assert TipIm(**QUICK).repaints(face_request(0)).all()


def test_targets_beyond_the_wanted_number_are_not_looked_at() -> None:
    request = face_request(1, 4)
    fewer = dataclasses.replace(request, targets=request.targets[:2])
    a, b = (TipIm(**QUICK, targets=2).deidentify([each])[0] for each in (request, fewer))
    assert np.array_equal(present(a), present(b))
    assert not np.array_equal(present(a), present(TipIm(**QUICK).deidentify([request])[0]))


def test_keeps_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "method.py"
    path.write_text("from deid_bench.deidentifiers.tip_im.tip_im import TipIm\n", encoding="utf-8")
    spec = f"{path}:TipIm:surrogate={toy_faces.GOOD},steps=2,device=cpu"
    problems = {check.__name__: check(spec) for check in checks_of(Kind.DEIDENTIFIER)}
    assert {name: problem for name, problem in problems.items() if problem} == {}


def poor(request: Request, **changes: Any) -> Request:
    return dataclasses.replace(request, analysis=dataclasses.replace(request.analysis, **changes))


def test_bad_input_is_a_failure_with_a_reason_and_costs_nobody_else() -> None:
    good = face_request(0, 2)
    points = face_of(good.analysis).landmarks_5
    bad = {
        "no face of another person": dataclasses.replace(good, targets=()),
        "less than 8 px apart": poor(good, landmarks_5=points * 0.1),
        "not all there": poor(good, landmarks_5=np.full((5, 2), np.nan, np.float32)),
        "outside the image": poor(good, landmarks_5=points + 500),
    }
    one = TipIm(**QUICK)
    expected = present(one.deidentify([good])[0])
    *failed, found = one.deidentify([*bad.values(), good])
    for reason, failure in zip(bad, failed, strict=True):
        assert isinstance(failure, Failure)
        assert reason in failure.reason
    assert np.array_equal(present(found), expected)


def test_a_target_that_cannot_be_cut_is_left_out() -> None:
    request = face_request(0, 2)
    image, analysis = drawn_face(7)
    assert isinstance(analysis, FaceAnalysis)
    broken = Donor(image, dataclasses.replace(analysis, landmarks_5=analysis.landmarks_5 * np.float32(np.nan)))
    with_broken = dataclasses.replace(request, targets=(broken, *request.targets))
    a, b = (TipIm(**QUICK).deidentify([each])[0] for each in (request, with_broken))
    assert np.array_equal(present(a), present(b))
    failed = TipIm(**QUICK).deidentify([dataclasses.replace(request, targets=(broken,))])[0]
    assert isinstance(failed, Failure)


def test_a_surrogate_without_numbers_is_a_failure() -> None:
    failed = TipIm(surrogate=toy_faces.NAN, device="cpu").deidentify([face_request(0, 2)])[0]
    assert isinstance(failed, Failure)
    assert "not finite" in failed.reason


# ------------------------------------------------------------------------------------------------ parameters


def test_presets_set_what_is_not_given() -> None:
    paper, code = TipIm(), TipIm(preset="code")
    assert [paper.settings[name] for name in ("steps", "step_size", "norm", "mmd_batch")] == [50, 1.5, "linf", 50]
    assert 1.75 <= paper.settings["gamma"] <= 2.75
    assert [code.settings[name] for name in ("steps", "step_size", "norm", "gamma")] == [100, 0.18, "l2", 0.0]
    assert (code.settings["diversity"], code.settings["squared_gain"], code.settings["mean_loss"]) == (
        True,
        False,
        True,
    )
    mixed = TipIm(preset="code", steps=7, norm="linf", gamma=1.0)
    assert [mixed.settings[name] for name in ("steps", "norm", "gamma", "step_size")] == [7, "linf", 1.0, 0.18]
    assert paper.info.needs == ("targets",)


def test_the_surrogate_stands_in_digest_and_record() -> None:
    params = {"surrogate": toy_faces.GOOD}
    assert TipIm.knowledge_of(params) == "surrogate=toy_face"
    assert list(TipIm.weight_hashes(params)) == ["surrogate toy_face"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"preset": "mine"}, "paper or code"),
        ({"norm": "l1"}, "linf or l2"),
        ({"device": "tpu"}, "auto or cpu"),
        ({"epsilon": -1}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"steps": 0}, "steps"),
        ({"step_size": "big"}, "step_size"),
        ({"momentum": -0.5}, "momentum"),
        ({"gamma": float("inf")}, "gamma"),
        ({"mmd_batch": 0}, "mmd_batch"),
        ({"targets": 11}, "targets"),
        ({"surrogate": ""}, "face recogniser"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TipIm(**parameters)
