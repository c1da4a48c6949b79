"""How quick the quality metrics are: `python speed/bench_quality.py [--images 20] [--threads 2]`.

PSNR, SSIM, MS-SSIM and LPIPS with both networks, of pairs of 480 x 640 px, beside scikit-image, piq and lpips called
pair by pair, in turns and on the same pairs, so that a busy machine slows down both. The features of FID are measured
beside pytorch-fid's own module, with random weights. Needs scikit-image and the two LPIPS weight files.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from deid_bench.benchmark.metrics.quality.image_quality import image_quality
from deid_bench.benchmark.metrics.quality.networks import inception
from deid_bench.benchmark.metrics.quality.perceptual import look, lpips
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.weights import files as weights
from deid_bench.weights.torchvision import fit_torchvision

fit_torchvision()  # before the packages that are measured against

U8Array = NDArray[np.uint8]
Values = dict[str, float]
SHAPE = (480, 640)
PALM = 200
"""Side of the changed square in the palm row: a palm takes about this much of a hand that fills the image."""


def make_pair(seed: int, *, palm_only: bool, noise: float = 25.0) -> tuple[U8Array, U8Array]:
    """A smooth image with grain, and the image with another grain everywhere or in the middle."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
    original = np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
    changed = original.copy()
    top, left = (SHAPE[0] - PALM) // 2, (SHAPE[1] - PALM) // 2
    part = changed[top : top + PALM, left : left + PALM] if palm_only else changed
    part[:] = np.clip(part + rng.normal(0, noise, part.shape), 0, 255).astype(np.uint8)
    return original, changed


class Reference:
    """The outside packages, with the same weights."""

    def __init__(self) -> None:
        import lpips as package
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.models = {net: package.LPIPS(net=net, pnet_rand=True, verbose=False) for net in ("alex", "vgg")}
        for net, model in self.models.items():
            arrays = weights.tensors(f"lpips-{net}")
            prefix = next(name.split(".")[0] for name in arrays if not name.startswith("NetLin"))
            convolutions = [module for module in model.net.modules() if isinstance(module, torch.nn.Conv2d)]
            for index, module in enumerate(convolutions):
                kernel = torch.from_numpy(arrays[f"{prefix}.Conv_{index}.kernel"])
                module.weight.data = kernel.permute(3, 2, 0, 1).contiguous()
                module.bias = torch.nn.Parameter(torch.from_numpy(arrays[f"{prefix}.Conv_{index}.bias"]))

    def pixels(self, a: U8Array, b: U8Array) -> Values:
        import piq
        import torch
        from skimage.metrics import peak_signal_noise_ratio, structural_similarity

        x, y = (torch.from_numpy(v).permute(2, 0, 1)[None].float() / 255 for v in (a, b))
        return {
            "psnr": float(peak_signal_noise_ratio(a, b, data_range=255)),  # type: ignore[no-untyped-call,unused-ignore]
            "ssim": float(structural_similarity(a, b, channel_axis=-1, data_range=255)),  # type: ignore[no-untyped-call,unused-ignore]
            "ms_ssim": piq.multi_scale_ssim(x, y).item(),
        }

    def perceptual(self, a: U8Array, b: U8Array, net: str) -> Values:
        import torch

        x, y = (torch.from_numpy(v).permute(2, 0, 1)[None].float() / 127.5 - 1 for v in (a, b))
        with torch.inference_mode():
            return {f"lpips_{net}": self.models[net](x, y).item()}

    def default_run(self, a: U8Array, b: U8Array) -> Values:
        """What a default run measures, one thing at a time: AlexNet's features need a pass of each image."""
        import torch

        model, found = self.models["alex"], self.pixels(a, b) | self.perceptual(a, b, "alex")
        with torch.inference_mode():
            for name, image in (("original", a), ("changed", b)):
                x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1
                found[name] = model.net(model.scaling_layer(x))[-1].double().mean().item()
        return found

    def all(self, a: U8Array, b: U8Array) -> Values:
        return self.pixels(a, b) | self.perceptual(a, b, "alex") | self.perceptual(a, b, "vgg")


def own(a: U8Array, b: U8Array, nets: Sequence[Any] = ("alex", "vgg")) -> Values:
    """The project's values that the reference has too."""
    found = image_quality(a, b, nets=nets)
    return {name: value for name, value in found.items() if isinstance(value, float) and "region" not in name}


def own_default_run(a: U8Array, b: U8Array) -> Values:
    """As the stages `measure` and `look` do it."""
    found = look(a, b)
    if isinstance(found, Undefined):
        raise SystemExit(found.reason)
    seen = {"lpips_alex": found.value, "original": found.original.mean(), "changed": found.changed.mean()}
    return own(a, b, ()) | {name: float(value) for name, value in seen.items()}


def own_perceptual(a: U8Array, b: U8Array, net: Any) -> Values:
    found = lpips([a], [b], net)[0]
    return {f"lpips_{net}": getattr(found, "value", float("nan"))}


def paired(
    pairs: Sequence[tuple[U8Array, U8Array]],
    ours: Callable[[U8Array, U8Array], Values],
    theirs: Callable[[U8Array, U8Array], Values],
) -> tuple[float, float, float, float]:
    """Median seconds a pair of both, median ratio, and the largest difference of a value."""
    ours(*pairs[0])
    theirs(*pairs[0])
    seconds: list[tuple[float, float]] = []
    worst = 0.0
    for a, b in pairs:
        start = time.perf_counter()
        mine = ours(a, b)
        middle = time.perf_counter()
        reference = theirs(a, b)
        seconds.append((middle - start, time.perf_counter() - middle))
        worst = max(worst, *(abs(mine[name] - value) for name, value in reference.items()))
    mine_s, theirs_s = zip(*seconds, strict=True)
    ratio = statistics.median(t / m for m, t in seconds)
    return statistics.median(mine_s), statistics.median(theirs_s), ratio, worst


def table_for(threads: int, images: int, reference: Reference, default_alone: bool) -> Table:
    """One row for what changes and one column for what is computed."""
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    table = Table(
        "changed", "metrics", "images/s", "reference", "ratio", "largest difference", title=f"{threads} thread(s)"
    )
    for label, palm_only in (("palm square", True), ("whole image", False)):
        pairs = [make_pair(seed, palm_only=palm_only) for seed in range(images)]
        rows: list[tuple[str, Callable[..., Values], Callable[..., Values]]] = [
            ("a default run's", own_default_run, reference.default_run),
            ("all", own, reference.all),
            ("PSNR, SSIM, MS-SSIM", lambda a, b: own(a, b, ()), reference.pixels),
            (
                "LPIPS alex",
                lambda a, b: own_perceptual(a, b, "alex"),
                lambda a, b: reference.perceptual(a, b, "alex"),
            ),
        ]
        for metrics, ours, theirs in rows[:1] if default_alone else rows:
            mine, other, ratio, worst = paired(pairs, ours, theirs)
            table.add_row(label, metrics, f"{1 / mine:.2f}", f"{1 / other:.2f}", f"{ratio:.2f}", f"{worst:.1e}")
    return table


def random_inception() -> tuple[Any, Any]:
    """pytorch-fid's module as it is, and as the project runs it, on the same random weights."""
    import torch
    from pytorch_fid import inception as package

    torch.manual_seed(0)
    bare = package.torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    drawn: dict[str, torch.Tensor] = {}

    def draw(self: Any, _: Any) -> None:
        for name, value in self.state_dict().items():
            if name.endswith(("running_var", "bn.weight")):
                value.uniform_(0.5, 1.5)
            elif name.endswith("conv.weight"):
                value.normal_(0, (2 / value[0].numel()) ** 0.5)
            drawn[name] = value.clone()

    load, type(bare).load_state_dict = type(bare).load_state_dict, draw
    try:
        with inception._instead_of_download(package, {}):
            plain = package.InceptionV3([3]).eval()
    finally:
        type(bare).load_state_dict = load
    return plain, inception.network_of(drawn)


def inception_row(images: int) -> str:
    """Features of FID, one image at a time."""
    import torch

    plain, ours = random_inception()

    def mine(a: U8Array, _: U8Array) -> Values:
        with torch.inference_mode():
            return {"features": float(inception.features(ours, a).mean())}

    def theirs(a: U8Array, _: U8Array) -> Values:
        with torch.inference_mode():
            x = torch.from_numpy(a).permute(2, 0, 1)[None].float() / 255
            return {"features": float(plain(x)[0].double().mean())}

    pairs = [make_pair(seed, palm_only=True) for seed in range(images)]
    seconds, other, ratio, worst = paired(pairs, mine, theirs)
    return f"features of FID: {1 / seconds:.2f} images/s, reference {1 / other:.2f}, ratio {ratio:.2f}, {worst:.1e}"


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Speed of the quality metrics.")
    parser.add_argument("--images", type=int, default=20, help="pairs of every row (default 20)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of the second table")
    parser.add_argument("--default-run", action="store_true", help="what a default run measures alone")
    options = parser.parse_args()
    console = Console()
    reference = Reference()
    for threads in sorted({1, options.threads}):
        console.print(table_for(threads, options.images, reference, options.default_run))
        if options.default_run:
            continue
        console.print(inception_row(options.images))


if __name__ == "__main__":
    main()
