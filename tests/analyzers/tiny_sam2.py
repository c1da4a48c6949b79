"""Folders with a very small, untrained SAM 2, in the layout of the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIDE = 128
"""px, of the network's input; the published ones take 1024."""


def _parts() -> dict[str, Any]:
    from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
    )
    return {
        "vision_config": Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
            fpn_hidden_size=32,
        ),
        "prompt_encoder_config": {"hidden_size": 32, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": 32,
            "mlp_dim": 64,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
    }


def save_tiny_sam2(folder: Path, seed: int = 0) -> Path:
    """An image model of the real class with random weights."""
    import torch
    from transformers import Sam2Config, Sam2Model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Sam2Model(Sam2Config(**_parts()))
    model.save_pretrained(folder)
    return folder


def save_tiny_sam2_video(folder: Path) -> Path:
    """A video model: what the published folders hold. The image model is a part of it."""
    import torch
    from transformers import Sam2VideoConfig, Sam2VideoModel

    memory: dict[str, Any] = {
        "image_size": SIDE,
        "memory_attention_hidden_size": 32,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_num_layers": 1,
        "memory_encoder_hidden_size": 32,
        "memory_encoder_output_channels": 8,
        "memory_fuser_embed_dim": 32,
        "memory_fuser_intermediate_dim": 32,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Sam2VideoModel(Sam2VideoConfig(**_parts(), **memory))
    model.save_pretrained(folder)
    return folder
