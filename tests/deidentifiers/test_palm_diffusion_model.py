"""The weights and the sampler, on very small random networks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from narrowed import present
from numpy.typing import NDArray
from tiny_paint_by_example import EXEMPLAR, SIZE, write_release, write_today

from deid_bench.deidentifiers.diffusers_models import OutOfMemory
from deid_bench.deidentifiers.palm_diffusion import paint_by_example as sampler
from deid_bench.deidentifiers.palm_diffusion.paint_by_example import (
    CLIP_MEAN,
    CLIP_STD,
    Canvas,
    Sampling,
    paint,
)
from deid_bench.deidentifiers.palm_diffusion.paint_by_example_parts import (
    Parts,
    load_parts,
    part_files,
    weight_hashes,
    weights_folder,
)
from deid_bench.weights.files import WeightsError

PLAIN = Sampling(steps=4, scheduler="pndm", guidance_scale=3.0, alpha=0.0, pin_unmasked=False, posterior="mode")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As the harness runs methods; threads that wait for each other would be slow beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_today(tmp_path_factory.mktemp("today"))


@pytest.fixture(scope="module")
def parts(folder: Path) -> Parts:
    return load_parts(folder, "float32", "cpu", False)


def canvas(seed: int, exemplars: int = 1, start_seed: int | None = None) -> Canvas:
    rng = np.random.default_rng(seed)
    hole = np.zeros((SIZE, SIZE), bool)
    hole[16:44, 20:50] = True
    return Canvas(
        image=rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8),
        hole=hole,
        exemplars=rng.integers(0, 256, (exemplars, EXEMPLAR, EXEMPLAR, 3), dtype=np.uint8),
        seed=seed,
        start_seed=seed if start_seed is None else start_seed,
    )


def changed(**values: Any) -> Sampling:
    return dataclasses.replace(PLAIN, **values)


# ------------------------------------------------------------------------------------------------ the sampler


@pytest.mark.parametrize("scheduler", ["pndm", "ddim", "dpm++"])
def test_equals_the_pipeline_of_diffusers(parts: Parts, scheduler: Literal["pndm", "dpm++", "ddim"]) -> None:
    from diffusers import PaintByExamplePipeline

    canvases = [canvas(1), canvas(2)]
    sampling = changed(scheduler=scheduler)
    ours, _ = paint(parts, canvases, sampling, 2)
    pipeline: Any = PaintByExamplePipeline(
        vae=parts.vae,
        image_encoder=parts.image_encoder,
        unet=parts.unet,
        scheduler=sampler.make_scheduler(scheduler, parts),
        safety_checker=None,
        feature_extractor=None,
    )
    pipeline.set_progress_bar_config(disable=True)

    def planes(pixels: Sequence[NDArray[Any]]) -> torch.Tensor:
        return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float()

    exemplars = planes([each.exemplars[0] for each in canvases]) / 255
    mean, std = torch.tensor(CLIP_MEAN).view(1, 3, 1, 1), torch.tensor(CLIP_STD).view(1, 3, 1, 1)
    theirs = pipeline(
        example_image=(exemplars - mean) / std,
        image=planes([each.image for each in canvases]) / 127.5 - 1,
        mask_image=torch.from_numpy(np.stack([each.hole for each in canvases])[:, None]).float(),
        num_inference_steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        latents=sampler._draws(parts, canvases)[0],
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).images
    assert np.asarray(theirs).std() > 0.02
    np.testing.assert_allclose(np.stack([present(each) for each in ours]) / 255, theirs, atol=1e-4)


def test_several_exemplars_count_as_the_mean_of_their_embeddings(parts: Parts) -> None:
    both = canvas(3, exemplars=2)
    single = [dataclasses.replace(both, exemplars=both.exemplars[[k]]) for k in (0, 1)]
    with torch.inference_mode():
        fused = sampler._embed(parts, [both], True)
        apart = [sampler._embed(parts, [each], True) for each in single]
    torch.testing.assert_close(fused[1], (apart[0][1] + apart[1][1]) / 2)
    torch.testing.assert_close(fused[0], parts.image_encoder.uncond_vector[0])
    assert (apart[0][1] - apart[1][1]).abs().max() > 1e-3


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize("scheduler", ["pndm", "dpm++"])
def test_an_image_does_not_depend_on_its_neighbours(parts: Parts, pinned: bool, scheduler: str) -> None:
    canvases = [canvas(seed, exemplars=2) for seed in range(5)]
    sampling = changed(alpha=0.1, pin_unmasked=pinned, scheduler=scheduler, posterior="sample")
    together, _ = paint(parts, canvases, sampling, 3)
    backwards, _ = paint(parts, canvases[::-1], sampling, 3)
    alone = [paint(parts, [each], sampling, 3)[0][0] for each in canvases]
    for a, b, c in zip(together, backwards[::-1], alone, strict=True):
        assert np.array_equal(present(a), present(b))
        assert np.array_equal(present(a), present(c))
    other_size, _ = paint(parts, canvases, sampling, 1)
    for a, b in zip(together, other_size, strict=True):  # other kernels, equal up to rounding
        np.testing.assert_allclose(present(a), present(b), atol=0.02)


def test_pinned_latents_end_at_those_of_the_original(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(
        sampler, "_decode", lambda parts, latents: present(seen.setdefault("latents", latents)).mean(1)[:, None]
    )
    monkeypatch.setattr(sampler, "_denoise", _recording(sampler._denoise, seen))
    with torch.inference_mode():
        sampler._paint_batch(parts, [canvas(4)], changed(pin_unmasked=True))
    pinned = seen["pinned"][:, 0]
    assert pinned.any()
    assert not pinned[:, 2:5, 3:6].any()  # every cell that the hole touches is free: none shows its old content
    gap = (seen["latents"] - seen["original"]).abs().amax(1)
    assert gap[pinned].max() == 0
    assert gap[~pinned].min() > 0


def _recording(denoise: Any, seen: Any) -> Any:
    def wrapped(parts: Any, sampling: Any, start: Any, context: Any, condition: Any, original: Any, pinned: Any) -> Any:
        seen.update(original=original, pinned=pinned)
        return denoise(parts, sampling, start, context, condition, original, pinned)

    return wrapped


@pytest.mark.parametrize("scheduler", ["pndm", "ddim", "dpm++"])
def test_alpha_one_with_pinning_is_the_autoencoders_round_trip(parts: Parts, scheduler: str) -> None:
    one = canvas(5)
    found, _ = paint(parts, [one], changed(alpha=1.0, pin_unmasked=True, scheduler=scheduler), 1)
    with torch.inference_mode():
        image = torch.from_numpy(one.image).permute(2, 0, 1)[None].float() / 127.5 - 1
        back = parts.vae.decode(parts.vae.encode(image).latent_dist.mode()).sample
    expected = (back[0].permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1) * 255
    np.testing.assert_allclose(present(found[0]), expected, atol=0.01)


def test_alpha_mixes_the_original_into_the_background(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def context_of(
        parts: Any, sampling: Any, start: Any, context: Any, condition: Any, original: Any, pinned: Any
    ) -> Any:
        seen.append(context)
        return start

    monkeypatch.setattr(sampler, "_denoise", context_of)
    for alpha in (0.0, 0.25, 1.0):
        paint(parts, [canvas(6)], changed(alpha=alpha), 1)
    none, quarter, full = (each[:, :4] for each in seen)
    torch.testing.assert_close(quarter, 0.25 * full + 0.75 * none)
    assert (full - none).abs().max() > 0.01
    assert set(seen[0][:, 4].unique().tolist()) == {0.0, 1.0}
    assert seen[0][0, 4, 3, 4] == 0  # the last channel is 1 where the image is kept


def test_start_latents_are_the_seeds_or_one_for_all(parts: Parts) -> None:
    own = sampler._draws(parts, [canvas(1), canvas(2), canvas(1)])[0]
    assert torch.equal(own[0], own[2])
    assert not torch.equal(own[0], own[1])
    start, noise = sampler._draws(parts, [canvas(1, start_seed=9), canvas(2, start_seed=9)])
    assert torch.equal(start[0], start[1])
    assert not torch.equal(noise[0], noise[1])


def test_numbers_that_are_not_finite_cost_their_own_image_alone(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = sampler._decode

    def spoilt(parts: Any, latents: Any) -> Any:
        decoded = decode(parts, latents).clone()
        decoded[1, 0, 3, 3] = float("nan")
        return decoded

    monkeypatch.setattr(sampler, "_decode", spoilt)
    found, _ = paint(parts, [canvas(1), canvas(2), canvas(3)], PLAIN, 3)
    assert [each is None for each in found] == [False, True, False]


def test_a_full_gpu_halves_the_batch_and_goes_on(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    work = sampler._paint_batch

    def small_gpu(parts: Any, canvases: Any, sampling: Any) -> Any:
        calls.append(len(canvases))
        if len(canvases) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return work(parts, canvases, sampling)

    canvases = [canvas(seed) for seed in range(5)]
    monkeypatch.setattr(sampler, "_paint_batch", small_gpu)
    found, used = paint(parts, canvases, PLAIN, 8)
    assert calls == [8, 4, 2, 2, 2]
    assert used == 2
    monkeypatch.undo()
    expected, _ = paint(parts, canvases, PLAIN, 2)
    assert all(np.array_equal(present(a), present(b)) for a, b in zip(found, expected, strict=True))


def test_a_gpu_without_room_for_one_image_is_an_error_that_says_what_to_do(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sampler, "_paint_batch", full)
    with pytest.raises(OutOfMemory, match="attention_slicing=true"):
        paint(parts, [canvas(1)], PLAIN, 4)


def test_bfloat16_and_attention_slicing_come_near_the_plain_result(folder: Path, parts: Parts) -> None:
    expected, _ = paint(parts, [canvas(1)], PLAIN, 1)
    sliced, _ = paint(load_parts(folder, "float32", "cpu", True), [canvas(1)], PLAIN, 1)
    np.testing.assert_allclose(present(sliced[0]), present(expected[0]), atol=0.05)
    half, _ = paint(load_parts(folder, "bfloat16", "cpu", False), [canvas(1)], PLAIN, 1)
    assert np.abs(present(half[0]) - present(expected[0])).mean() < 4


# ------------------------------------------------------------------------------------------------ the weights


def test_the_released_layout_loads_and_gives_the_same_pictures(parts: Parts, tmp_path: Path) -> None:
    released = load_parts(write_release(tmp_path), "float32", "cpu", False)
    assert (released.size, released.exemplar_size) == (SIZE, EXEMPLAR)
    assert released.vae.config.scaling_factor == 0.18215  # not in the old file, the default of that time
    canvases = [canvas(1, exemplars=2)]
    theirs, _ = paint(released, canvases, PLAIN, 1)
    ours, _ = paint(parts, canvases, PLAIN, 1)
    np.testing.assert_allclose(present(theirs[0]), present(ours[0]), atol=0.01)


def test_loading_and_painting_are_silent_and_leave_random_states_alone(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = torch.random.get_rng_state()
    load_parts.cache_clear()
    fresh = load_parts(folder, "float32", "cpu", False)
    paint(fresh, [canvas(1)], PLAIN, 1)
    assert torch.equal(before, torch.random.get_rng_state())
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == ""
    assert not caplog.records


def test_a_folder_with_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    write_today(tmp_path)
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"unet/diffusion_pytorch_model\.safetensors"):
        weights_folder(str(tmp_path))


def test_a_file_that_lacks_tensors_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for part, name in (("unet", "diffusion_pytorch_model"), ("image_encoder", "model")):
        folder = write_today(tmp_path / part)
        path = folder / part / f"{name}.safetensors"
        tensors = load_file(path)
        tensors.pop(sorted(tensors)[0])
        save_file(tensors, path, metadata={"format": "pt"})
        with pytest.raises(WeightsError, match="missing"):
            load_parts(folder, "float32", "cpu", False)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    write_today(tmp_path)
    (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>log in</html>")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_parts(tmp_path, "float32", "cpu", False)


def test_a_denoiser_for_something_else_is_refused(tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    write_today(tmp_path)
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    UNet2DConditionModel.from_config({**config, "in_channels": 4}).save_pretrained(tmp_path / "unet")
    with pytest.raises(WeightsError, match="9 input channels"):
        load_parts(tmp_path, "float32", "cpu", False)


def test_a_name_that_is_neither_folder_nor_hub_id_is_refused() -> None:
    with pytest.raises(WeightsError, match="a folder or a Hugging Face id"):
        weights_folder("/nowhere/at/all")


def test_a_hub_id_that_is_not_cached_is_an_error_when_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="weights=FOLDER"):
        weights_folder("no-such-owner/no-such-model")


def test_a_hub_id_is_fetched_without_what_is_not_needed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}

    def snapshot(name: Any, **options: Any) -> Any:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.delenv("DEID_BENCH_OFFLINE", raising=False)
    assert weights_folder("Fantasy-Studio/Paint-by-Example") == folder
    assert asked["name"] == "Fantasy-Studio/Paint-by-Example"
    assert "unet/diffusion_pytorch_model.bin" in asked["allow_patterns"]
    assert not any("safety_checker" in each or each.endswith("ckpt") for each in asked["allow_patterns"])
    assert asked["local_files_only"] is False


def test_hashes_cover_every_file_and_see_a_changed_one(tmp_path: Path) -> None:
    write_today(tmp_path)
    before = weight_hashes(str(tmp_path))
    assert set(before) == set(part_files(tmp_path))
    assert len(before) == 7
    schedule = tmp_path / "scheduler" / "scheduler_config.json"
    schedule.write_text(schedule.read_text().replace("epsilon", "v_prediction"))
    after = weight_hashes(str(tmp_path))
    assert {name for name in before if before[name] != after[name]} == {"scheduler/scheduler_config.json"}
