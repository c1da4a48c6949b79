"""DeDiM's schedule and sampling against diffusers, autograd and the paper's numbers; the method on small networks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_faces
from narrowed import present
from toy_faces import drawn_face, face_request, photo_request, write_unet

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.benchmark.plugin_checks.contracts import checks_of
from deid_bench.datasets.base import Failure
from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.dedim import dedim_sampling as sampling
from deid_bench.deidentifiers.dedim.dedim import Dedim
from deid_bench.deidentifiers.dedim.dedim_denoiser import (
    COSINE,
    FACE_TINY,
    Denoiser,
    alphas_bar,
    load_denoiser,
    model_folder,
    model_hashes,
)
from deid_bench.deidentifiers.dedim.dedim_sampling import Noises, Settings, away_gradient, guided_sample, plan_steps
from deid_bench.deidentifiers.diffusers_models import OutOfMemory
from deid_bench.deidentifiers.face_canvas import FaceCanvas, canvas_of, feature_mask
from deid_bench.plugins.entries import Kind
from deid_bench.weights.files import WeightsError

LINEAR = {"num_train_timesteps": 1000, "beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As the harness runs methods."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_unet(tmp_path_factory.mktemp("model"))


@pytest.fixture
def method(folder: Path) -> Callable[..., Dedim]:
    def make(**parameters: Any) -> Dedim:
        quick = {"surrogate": toy_faces.GOOD, "model": str(folder), "steps": 2, "loops": 2, "device": "cpu"}
        return Dedim(**{**quick, **parameters})

    return make


def probability(request: Request, result: Any) -> float:
    a, b = toy_faces.ToyFace().embed([request.image, result])
    return (float(a @ b) + 1) / 2


# ------------------------------------------------------------------------------------------------ the schedule


def test_the_cosine_schedule_has_the_published_numbers() -> None:
    bars = alphas_bar(COSINE)
    steps = plan_steps(bars, 100, 100)
    assert len(bars) == 1001
    assert bars[0] == 1
    assert bars[100] == pytest.approx(0.97209, abs=1e-5)
    assert [step.time for step in steps] == list(range(100, 0, -1))
    first, fiftieth, last = steps[0], steps[50], steps[-1]
    assert 1 - bars[100] / bars[99] == pytest.approx(5.27e-4, abs=1e-6)
    assert first.sigma == pytest.approx(0.02274, abs=1e-5)
    assert first.sigma**2 == pytest.approx(5.17e-4, abs=1e-6)
    assert fiftieth.sigma == pytest.approx(0.01644, abs=1e-5)
    assert last.sigma == 0
    assert sum(step.sigma for step in steps) == pytest.approx(1.575, abs=1e-3)
    assert sum(step.sigma**2 for step in steps) == pytest.approx(0.0272, abs=1e-4)


def test_the_mean_is_ho_et_als_with_alpha_t_not_its_product() -> None:
    bars = alphas_bar(COSINE)
    step = plan_steps(bars, 100, 100)[0]
    alpha = bars[100] / bars[99]
    x, noise = 0.3, -0.7
    guess = (x - (1 - bars[100]) ** 0.5 * noise) / bars[100] ** 0.5
    expected = (x - (1 - alpha) / (1 - bars[100]) ** 0.5 * noise) / alpha**0.5
    assert step.clean * guess + step.noisy * x == pytest.approx(expected, abs=1e-12)


def test_another_schedule_starts_where_it_is_as_noisy() -> None:
    linear, cosine = alphas_bar(LINEAR), alphas_bar(COSINE)
    assert linear[100] == pytest.approx(0.897, abs=1e-3)
    start = sampling.matching_time(linear, float(cosine[100]))
    assert 40 <= start <= 60
    assert linear[start] == pytest.approx(cosine[100], abs=1e-3)
    assert sampling.matching_time(cosine, float(cosine[100])) == 100


# ------------------------------------------------------------------------------------------------ sampling


@pytest.mark.parametrize("count", [12, 5])
def test_unguided_it_is_diffusers_ddpm(folder: Path, count: int) -> None:
    """With every step, and with strides, for which diffusers computes the alphas itself."""
    from diffusers import DDPMScheduler

    denoiser = load_denoiser(folder, "cpu")
    steps = plan_steps(denoiser.alphas_bar, 12, count)
    clean = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(1)) * 2 - 1
    settings = Settings(start=12, steps=count, scale=0.0, guidance="sigma", loops=1, threshold=0.2)
    noises = Noises([(7, 0)], 112, "cpu")
    found = guided_sample(denoiser, lambda faces: faces, clean, torch.zeros(1, 1), noises, settings, steps)

    scheduler: Any = DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=True, variance_type="fixed_small")
    scheduler.alphas_cumprod = torch.from_numpy(
        denoiser.alphas_bar[1:]
    )  # its own are too coarse for 1 - alpha at the end
    scheduler.set_timesteps(timesteps=[step.time - 1 for step in steps])
    draws = torch.Generator().manual_seed(sampling._mixed(7, 0))
    x = scheduler.add_noise(clean, torch.randn(clean.shape, generator=draws), scheduler.timesteps[:1])
    with torch.no_grad():
        for time in scheduler.timesteps:
            x = scheduler.step(denoiser.unet(x, time).sample, time, x, generator=draws).prev_sample
    assert torch.allclose(found, x, atol=1e-5)


def test_the_guidance_is_autograds_gradient_of_log_one_minus_p() -> None:
    network = toy_faces.Embedder().double()
    draws = torch.Generator().manual_seed(4)
    x = torch.randn(2, 3, 112, 112, generator=draws, dtype=torch.float64, requires_grad=True)
    origin = torch.nn.functional.normalize(torch.randn(2, 16, generator=draws, dtype=torch.float64), dim=1)
    cosine = (network((x + 1) / 2) * origin).sum(dim=1)
    (expected,) = torch.autograd.grad(torch.log(1 - (cosine + 1) / 2).sum(), x)
    assert torch.allclose(away_gradient(network, x, origin), expected, rtol=1e-9, atol=1e-15)


def test_the_guidance_of_a_linear_embedder_has_a_closed_form() -> None:
    weights = torch.randn(3 * 112 * 112, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def network(faces: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(faces.flatten(1) @ weights, dim=1)

    x = torch.randn(1, 3, 112, 112, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    origin = torch.nn.functional.normalize(torch.ones(1, 8, dtype=torch.float64), dim=1)
    raw = ((x + 1) / 2).flatten(1) @ weights
    length = raw.norm()
    cosine = (raw * origin).sum() / length
    by_raw = origin / length - cosine * raw / length**2
    expected = -(by_raw @ weights.T / 2).view_as(x) / (1 - cosine)
    assert torch.allclose(away_gradient(network, x, origin), expected, rtol=1e-9, atol=1e-15)


def test_at_the_original_itself_the_guidance_stays_finite() -> None:
    network = toy_faces.Embedder()
    x = torch.from_numpy(drawn_face(0)[0]).permute(2, 0, 1)[None].float() / 127.5 - 1
    origin = network((x + 1) / 2).detach()
    gradient = away_gradient(network, x, origin)
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().max()) < 1


def test_guidance_is_scaled_by_sigma_or_its_square(folder: Path) -> None:
    """In the first of two steps, with a network whose gradient is the same everywhere."""
    denoiser = load_denoiser(folder, "cpu")
    clean = torch.zeros(1, 3, 112, 112)
    steps = plan_steps(denoiser.alphas_bar, 100, 2)[:1]

    def network(faces: torch.Tensor) -> torch.Tensor:
        return faces.mean(dim=(1, 2, 3))[:, None] * 0.1

    def sampled(**changes: Any) -> torch.Tensor:
        settings = Settings(**{"start": 100, "steps": 2, "loops": 1, "threshold": 0.2, **changes})
        noises = Noises([(1, 0)], 112, "cpu")
        return guided_sample(denoiser, network, clean, torch.ones(1, 1), noises, settings, steps)

    plain = sampled(scale=0.0, guidance="sigma")
    by_sigma = sampled(scale=1e6, guidance="sigma") - plain
    by_square = sampled(scale=1e6, guidance="sigma2") - plain
    assert float(by_sigma.mean()) < 0  # away from the original
    assert float(by_square.mean() / by_sigma.mean()) == pytest.approx(steps[0].sigma, rel=1e-3)


# ------------------------------------------------------------------------------------------------ the loop


def test_from_time_0_or_with_an_empty_mask_the_source_comes_back(method: Callable[..., Dedim]) -> None:
    for request in (face_request(1), photo_request(2)):
        for one in (method(start=0), method(radius=0.0)):
            assert np.array_equal(present(one.deidentify([request])[0]), request.image)
    small, large = (
        np.abs(
            present(method(start=start, scale=0.0, loops=1).deidentify([face_request(1)])[0]).astype(int)
            - face_request(1).image
        )
        for start in (1, 100)
    )
    assert small.mean() < large.mean()


def test_more_loops_never_make_the_original_more_likely(method: Callable[..., Dedim]) -> None:
    request = face_request(3)
    found = [probability(request, method(loops=loops).deidentify([request])[0]) for loops in range(1, 6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.99


def test_a_loop_that_does_not_help_is_not_taken_over() -> None:
    image = drawn_face(0)[0]
    settings = Settings(start=100, steps=2, scale=0.0, guidance="sigma", loops=9, threshold=0.2)
    face = sampling.Face(image, np.ones((112, 112), bool), False, 0)
    progress = sampling.Progress(0, face, torch.zeros(1, 4), image, probability=0.6)
    done: list[Any] = [None]
    for value, expected in ((0.7, 0.6), (0.6, 0.6), (0.5, 0.5)):
        going = sampling._gone_on([progress], [(image + 1, value)], settings, done)
        assert progress.probability == expected
        assert (progress.pixels is image) == (expected == 0.6)
        assert going == [progress]
    assert sampling._gone_on([progress], [(image, 0.1)], settings, done) == []
    assert done[0] is progress.pixels


def test_a_face_below_the_threshold_leaves_and_a_waiting_one_comes_in(
    method: Callable[..., Dedim], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    work = sampling._one_loop

    def watched(denoiser: Any, network: Any, batch: Any, settings: Any, steps: Any) -> Any:
        seen.append([each.index for each in batch])
        return work(denoiser, network, batch, settings, steps)

    monkeypatch.setattr(sampling, "_one_loop", watched)
    requests = [face_request(seed) for seed in range(3)]
    method(loops=2, threshold=0.0, batch_size=2).deidentify(requests)
    assert seen == [[0, 1], [0, 1], [2, 2], [2, 2]]
    seen.clear()
    method(loops=5, threshold=1.0, batch_size=2).deidentify(requests)
    assert seen == [[0, 1], [2, 2]]


@pytest.mark.parametrize("size", [1, 2])
def test_the_result_depends_on_the_request_alone(method: Callable[..., Dedim], size: int) -> None:
    requests = [face_request(seed) for seed in range(3)]
    together = method(batch_size=size).deidentify(requests)
    turned = method(batch_size=size).deidentify(requests[::-1])[::-1]
    alone = [method(batch_size=size).deidentify([each])[0] for each in requests]
    for a, b, c in zip(together, turned, alone, strict=True):
        assert np.array_equal(present(a), present(b))
        assert np.array_equal(present(a), present(c))
    other = present(method(batch_size=size).deidentify([dataclasses.replace(requests[0], seed=2**64 - 1)])[0])
    assert not np.array_equal(other, present(together[0]))


def test_the_batch_stays_halved_after_the_gpu_was_full(
    method: Callable[..., Dedim], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    work = sampling._one_loop

    def small_gpu(denoiser: Any, network: Any, batch: Any, settings: Any, steps: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return work(denoiser, network, batch, settings, steps)

    monkeypatch.setattr(sampling, "_one_loop", small_gpu)
    requests, one = [face_request(seed) for seed in range(2)], method(batch_size=2, loops=1)
    halved = one.deidentify(requests)
    one.deidentify(requests[:1])
    assert sizes == [2, 1, 1, 1]
    expected = method(batch_size=1, loops=1).deidentify(requests)
    assert all(np.array_equal(present(a), present(b)) for a, b in zip(halved, expected, strict=True))
    monkeypatch.setattr(
        sampling, "_one_loop", lambda *given: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    )
    with pytest.raises(OutOfMemory, match="device=cpu"):
        one.deidentify(requests)


# ------------------------------------------------------------------------------------------------ as a method


def test_the_mask_is_what_lies_near_the_51_points() -> None:
    canvas = canvas_of(face_request(0))
    assert isinstance(canvas, FaceCanvas)
    mask = feature_mask(canvas, 10.0)
    points = toy_faces.landmarks_68()[17:]
    assert isinstance(mask, np.ndarray)
    for y in range(0, 112, 5):
        for x in range(0, 112, 5):
            near = np.hypot(points[:, 0] - x, points[:, 1] - y).min() <= 10.0
            assert mask[y, x] == near
    assert 0.25 < mask.mean() < 0.4


def test_only_the_mask_changes(method: Callable[..., Dedim]) -> None:
    for request in (face_request(5), photo_request(5), face_request(5, grey=True)):
        one = method()
        result, region = one.deidentify([request])[0], one.repaints(request)
        assert present(result).shape == request.image.shape
        assert np.array_equal(present(result)[~region], request.image[~region])
        assert (present(result) != request.image).any()
        grey = (request.image == request.image[..., :1]).all()
        assert grey == (present(result) == present(result)[..., :1]).all()


def test_a_model_of_another_size_and_schedule(method: Callable[..., Dedim], tmp_path: Path) -> None:
    model = write_unet(tmp_path, size=64, schedule=LINEAR)
    assert load_denoiser(model, "cpu").size == 64
    request = face_request(2)
    result = method(model=str(model)).deidentify([request])[0]
    assert not isinstance(result, Failure)
    assert (present(result) != request.image).any()


def test_keeps_the_contract(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "method.py"
    path.write_text("from deid_bench.deidentifiers.dedim.dedim import Dedim\n", encoding="utf-8")
    spec = f"{path}:Dedim:surrogate={toy_faces.GOOD},model={folder},steps=1,loops=1,start=200,threshold=1.0,device=cpu"
    problems = {check.__name__: check(spec) for check in checks_of(Kind.DEIDENTIFIER)}
    assert {name: problem for name, problem in problems.items() if problem} == {}


def poor(request: Request, **changes: Any) -> Request:
    return dataclasses.replace(request, analysis=dataclasses.replace(request.analysis, **changes))


def test_bad_input_is_a_failure_with_a_reason_and_costs_nobody_else(method: Callable[..., Dedim]) -> None:
    good = face_request(0)
    assert isinstance(good.analysis, FaceAnalysis)
    points, more = good.analysis.landmarks_5, good.analysis.landmarks_68
    assert more is not None
    holes = more.copy()
    holes[40] = np.nan
    bad = {
        "no 68 landmarks": poor(good, landmarks_68=None),
        "not all there": poor(good, landmarks_68=holes),
        "less than 8 px apart": poor(good, landmarks_5=points * 0.1),
        "outside the image": poor(good, landmarks_5=points + 500),
    }
    one = method()
    expected = present(one.deidentify([good])[0])
    *failed, found = one.deidentify([*bad.values(), good])
    for reason, failure in zip(bad, failed, strict=True):
        assert isinstance(failure, Failure)
        assert reason in failure.reason
    assert np.array_equal(present(found), expected)
    jawless = more.copy()
    jawless[:17] = np.nan
    assert np.array_equal(present(one.deidentify([poor(good, landmarks_68=jawless)])[0]), expected)


def test_networks_without_numbers_are_failures(
    method: Callable[..., Dedim], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = method(surrogate=toy_faces.NAN).deidentify([face_request(0)])[0]
    assert isinstance(failed, Failure)
    assert "not finite" in failed.reason
    one = method(batch_size=2)
    expected = present(one.deidentify([face_request(1)])[0])
    work = sampling.guided_sample

    def first_is_nan(denoiser: Denoiser, network: Any, clean: Any, *rest: Any) -> Any:
        made = work(denoiser, network, clean, *rest)
        made[(clean[:, 0, 0, 0] == bad)] = float("nan")
        return made

    bad = float(np.float32(face_request(0).image[0, 0, 0]) / np.float32(127.5) - np.float32(1))
    monkeypatch.setattr(sampling, "guided_sample", first_is_nan)
    failed, found = one.deidentify([face_request(0), face_request(1)])
    assert isinstance(failed, Failure)
    assert np.array_equal(present(found), expected)


# ------------------------------------------------------------------------------------------------ parameters, weights


def test_presets_set_what_is_not_given() -> None:
    paper, quick = Dedim(preset="paper"), Dedim()
    names = ("start", "steps", "scale", "loops", "threshold", "guidance")
    assert [paper.settings[name] for name in names] == [100, 100, 250.0, 100, 0.2, "sigma"]
    assert paper.radius == 10.0
    assert quick.settings["steps"] * quick.settings["loops"] <= 200
    assert Dedim(preset="paper", loops=3, guidance="sigma2").settings["loops"] == 3


def test_model_and_surrogate_stand_in_digest_and_record(tmp_path: Path) -> None:
    model = write_unet(tmp_path / "a")
    params = {"surrogate": toy_faces.GOOD, "model": str(model)}
    before = Dedim.weight_hashes(params)
    assert set(before) == {"surrogate toy_face", "config.json", "diffusion_pytorch_model.safetensors"}
    assert Dedim.knowledge_of(params) == "surrogate=toy_face"
    write_unet(model, seed=1, schedule=LINEAR)
    after = Dedim.weight_hashes(params)
    assert after["diffusion_pytorch_model.safetensors"] != before["diffusion_pytorch_model.safetensors"]
    assert set(after) - set(before) == {"scheduler_config.json"}


def test_models_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="a folder or a Hugging Face id"):
        model_hashes("/nowhere/at/all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"lacks config\.json"):
        model_hashes(str(tmp_path / "empty"))
    velocity = write_unet(tmp_path / "velocity", schedule={**LINEAR, "prediction_type": "v_prediction"})
    with pytest.raises(WeightsError, match="predicts the noise"):
        load_denoiser(velocity, "cpu")
    broken = write_unet(tmp_path / "broken")
    (broken / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_denoiser(broken, "cpu")
    wide = write_unet(tmp_path / "wide")
    config = json.loads((wide / "config.json").read_text(encoding="utf-8"))
    (wide / "config.json").write_text(json.dumps({**config, "sample_size": [112, 96]}), encoding="utf-8")
    with pytest.raises(WeightsError, match="one square size"):
        load_denoiser(wide, "cpu")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"preset": "mine"}, "quick or paper"),
        ({"guidance": "none"}, "sigma or sigma2"),
        ({"device": "tpu"}, "auto or cpu"),
        ({"start": 1001}, "start"),
        ({"steps": 0}, "steps"),
        ({"loops": 0}, "loops"),
        ({"scale": -1}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"threshold": 1.5}, "threshold"),
        ({"radius": -1}, "radius"),
        ({"batch_size": 0}, "batch_size"),
        ({"surrogate": " "}, "face recogniser"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dedim(**parameters)


# ------------------------------------------------------------------------------------------------ face-tiny-ddpm


def test_the_model_that_ships_takes_noise_off() -> None:
    denoiser = load_denoiser(model_folder(FACE_TINY), "cpu")
    assert denoiser.size == 112
    assert np.array_equal(denoiser.alphas_bar, alphas_bar(COSINE))
    assert FACE_TINY in model_hashes(FACE_TINY)
    clean = torch.from_numpy(drawn_face(1, grey=True)[0]).permute(2, 0, 1)[None].float() / 127.5 - 1
    share = float(denoiser.alphas_bar[100])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noisy = share**0.5 * clean + (1 - share) ** 0.5 * noise
    with torch.no_grad():
        told = denoiser.unet(noisy, 99).sample
    guess = (noisy - (1 - share) ** 0.5 * told) / share**0.5
    assert float((guess - clean).square().mean()) < 0.2 * float((noisy / share**0.5 - clean).square().mean())
