"""Folders of Paint by Example with very small random networks, in today's layout and in that of the 2022 release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZE, EXEMPLAR, WIDTH = 64, 32, 16
SCHEDULE = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.11.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}


def networks(seed: int = 0) -> dict[str, Any]:
    """Autoencoder (with attention, as the release has it), denoiser and exemplar encoder."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae: Any = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=(8, 8, 8, 8),
            norm_num_groups=4,
            sample_size=SIZE,
        )
        unet: Any = UNet2DConditionModel(
            sample_size=SIZE // 8,
            in_channels=9,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            block_out_channels=(16, 32),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
        )
        encoder = PaintByExampleImageEncoder(
            CLIPVisionConfig(
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=5,
                num_attention_heads=2,
                image_size=EXEMPLAR,
                patch_size=8,
                projection_dim=WIDTH,
            )
        )
        with torch.no_grad():
            vae.quant_conv.bias[4:] = -60  # the posterior is its mode: whoever samples it gets the same
            vae.quant_conv.weight[4:] = 0
            vae.decoder.conv_out.weight.mul_(4)  # random networks are dull
            unet.conv_out.weight.mul_(3)
    return {"vae": vae, "unet": unet, "image_encoder": encoder}


def write_today(folder: Path, seed: int = 0) -> Path:
    """safetensors, as diffusers and transformers write them today."""
    for part, network in networks(seed).items():
        network.save_pretrained(folder / part)
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULE)
    return folder


def write_release(folder: Path, seed: int = 0) -> Path:
    """The files of Fantasy-Studio/Paint-by-Example: pickled tensors, keys and configurations of 2022."""
    import torch

    made = networks(seed)
    index = {
        "_class_name": "PaintByExamplePipeline",
        "_diffusers_version": "0.11.0.dev0",
        "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
        "image_encoder": ["paint_by_example", "PaintByExampleImageEncoder"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    _write_json(folder / "model_index.json", index)
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULE)
    for part in ("vae", "unet"):
        tensors = {_old_attention(name): value for name, value in made[part].state_dict().items()}
        kept = {
            name: value
            for name, value in made[part].config.items()
            if name not in {"scaling_factor", "force_upcast", "mid_block_add_attention", "use_quant_conv"}
        }
        config = {**kept, "_class_name": type(made[part]).__name__, "_diffusers_version": "0.11.0.dev0"}
        _write_json(folder / part / "config.json", config)
        torch.save(tensors, folder / part / "diffusion_pytorch_model.bin")
    encoder = {_old_vision(name): value for name, value in made["image_encoder"].state_dict().items()}
    positions = (EXEMPLAR // 8) ** 2 + 1
    encoder["model.vision_model.embeddings.position_ids"] = torch.arange(positions)[None]
    config = {
        "architectures": ["PaintByExampleImageEncoder"],
        "attention_dropout": 0.0,
        "dropout": 0.0,
        "hidden_act": "quick_gelu",
        "hidden_size": 16,
        "image_size": EXEMPLAR,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": 32,
        "layer_norm_eps": 1e-05,
        "model_type": "clip_vision_model",
        "num_attention_heads": 2,
        "num_channels": 3,
        "num_hidden_layers": 5,
        "patch_size": 8,
        "projection_dim": WIDTH,
        "torch_dtype": "float32",
        "transformers_version": "4.25.0.dev0",
    }
    _write_json(folder / "image_encoder" / "config.json", config)
    torch.save(encoder, folder / "image_encoder" / "pytorch_model.bin")
    return folder


def _old_attention(name: str) -> str:
    """Names of the autoencoder's attention before diffusers 0.15."""
    if "attentions" not in name or "transformer_blocks" in name or "mid_block" not in name:
        return name
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        name = name.replace(f".{new}.", f".{old}.")
    return name


def _old_vision(name: str) -> str:
    """Names of the vision model before transformers 5."""
    if name.startswith("model.") and not name.startswith("model.vision_model."):
        return "model.vision_model." + name.removeprefix("model.")
    return name


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, default=list), encoding="utf-8")
