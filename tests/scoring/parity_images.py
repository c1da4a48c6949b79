"""Image metrics beside other packages: SSIM, PSNR, MS-SSIM, LPIPS, and distances of sets of features.

Networks run with random weights, the same on both sides: the arithmetic is compared, and no weight file is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from unittest import mock

import numpy as np
from narrowed import present
from numpy.typing import NDArray
from parity_row import Row, Unavailable, apart, relatively_apart

from deid_bench.benchmark.metrics.quality.frechet import Moments, frechet_distance
from deid_bench.benchmark.metrics.quality.kernel_distance import mmd2
from deid_bench.benchmark.metrics.quality.multiscale import ms_ssim
from deid_bench.benchmark.metrics.quality.similarity import similarity

Image = NDArray[np.uint8]
Array = NDArray[np.float64]


Net = Literal["alex", "vgg"]


def image_pairs(sides: tuple[tuple[int, int], ...]) -> Iterator[tuple[Image, Image]]:
    """A smooth noisy image, and the same changed in a box and changed everywhere."""
    for height, width in sides:
        rng = np.random.default_rng(height + width)
        y, x = np.mgrid[:height, :width]
        smooth = 128 + 60 * np.sin(x / 9)[..., None] * np.cos(y / 7)[..., None] * rng.uniform(0.3, 1, 3)
        original = np.clip(smooth + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)
        for rows, columns in ((slice(height // 3, height // 2), slice(5, width // 2)), (slice(None), slice(None))):
            changed = original.copy()
            part = changed[rows, columns]
            part[:] = np.clip(part + rng.normal(0, 40, part.shape), 0, 255).astype(np.uint8)
            yield original, changed


SMALL = ((47, 51), (60, 80))
LARGE = ((176, 192), (192, 208))
ODD = ((161, 161), (185, 201), (162, 193))


def region(image: Image) -> NDArray[np.bool_]:
    """Pixels of a slanted ellipse."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    u, v = (x - width / 2) / width, (y - height / 2) / height
    return np.asarray((u + v) ** 2 / 0.2 + (u - v) ** 2 / 0.08 < 1)


def tensor(image: Image, scale: float = 255.0) -> Any:
    import torch

    return torch.from_numpy(image).permute(2, 0, 1)[None].double() / scale


# ------------------------------------------------------------------------------------------------ pixels


def psnr_skimage() -> float:
    from skimage.metrics import peak_signal_noise_ratio

    return apart((present(similarity(a, b).psnr), peak_signal_noise_ratio(a, b)) for a, b in image_pairs(SMALL))


def psnr_piq() -> float:
    import piq

    return apart((present(similarity(a, b).psnr), piq.psnr(tensor(a), tensor(b)).item()) for a, b in image_pairs(SMALL))


def psnr_torchmetrics() -> float:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return apart(
        (present(similarity(a, b).psnr), peak_signal_noise_ratio(tensor(b, 1), tensor(a, 1), data_range=255.0).item())
        for a, b in image_pairs(SMALL)
    )


def psnr_region_skimage() -> float:
    from skimage.metrics import peak_signal_noise_ratio

    def pairs() -> Iterator[tuple[float, float]]:
        for a, b in image_pairs(SMALL):
            chosen = region(a)
            yield present(similarity(a, b, chosen).psnr_region), peak_signal_noise_ratio(a[chosen], b[chosen])

    return apart(pairs())


def ssim_skimage() -> float:
    from skimage.metrics import structural_similarity

    return apart(
        (present(similarity(a, b).ssim), structural_similarity(a, b, channel_axis=2)) for a, b in image_pairs(SMALL)
    )


def ssim_torchmetrics() -> float:
    from torchmetrics.functional.image import structural_similarity_index_measure

    def theirs(a: Image, b: Image) -> float:
        _, local = structural_similarity_index_measure(
            tensor(b, 1),
            tensor(a, 1),
            gaussian_kernel=False,
            kernel_size=7,
            data_range=255.0,
            k2=0.03 * (48 / 49) ** 0.5,
            return_full_image=True,
        )
        return float(local[..., 3:-3, 3:-3].mean())

    return apart((present(similarity(a, b).ssim), theirs(a, b)) for a, b in image_pairs(SMALL))


def ssim_region_skimage() -> float:
    from skimage.metrics import structural_similarity

    def pairs() -> Iterator[tuple[float, float]]:
        for a, b in image_pairs(SMALL):
            chosen = region(a)
            local = structural_similarity(a, b, channel_axis=2, full=True)[1].mean(axis=2)
            inner = np.zeros_like(chosen)
            inner[3:-3, 3:-3] = chosen[3:-3, 3:-3]
            yield present(similarity(a, b, chosen).ssim_region), float(local[inner].mean())

    return apart(pairs())


def ms_ssim_piq() -> float:
    import piq

    return apart(
        (present(ms_ssim(a, b)), piq.multi_scale_ssim(tensor(a), tensor(b)).item()) for a, b in image_pairs(LARGE + ODD)
    )


def ms_ssim_package() -> float:
    import pytorch_msssim

    return apart(
        (present(ms_ssim(a, b)), pytorch_msssim.ms_ssim(tensor(a), tensor(b), data_range=1).item())
        for a, b in image_pairs(LARGE)
    )


# ------------------------------------------------------------------------------------------------ LPIPS


def lpips_model(net: Net, *, spatial: bool = False) -> Any:
    """The package's network with random weights under which no value dies out."""
    import lpips
    import torch

    model = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, spatial=spatial, verbose=False).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.startswith("lin"):
                value.copy_(torch.rand(value.shape, generator=generator) * 0.1)
            elif value.ndim == 4:
                value.copy_(torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5)
            else:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    return model


def arrays_of(model: Any, net: Net) -> dict[str, NDArray[np.float32]]:
    """The network's weights as a weight file has them."""
    import torch

    prefix = {"alex": "AlexNet_0", "vgg": "VGG16_0"}[net]
    arrays = {}
    convolutions = [module for module in model.net.modules() if isinstance(module, torch.nn.Conv2d)]
    for i, module in enumerate(convolutions):
        arrays[f"{prefix}.Conv_{i}.kernel"] = module.weight.detach().permute(2, 3, 1, 0).contiguous().numpy()
        arrays[f"{prefix}.Conv_{i}.bias"] = present(module.bias).detach().numpy()
    return arrays


@contextmanager
def our_lpips(model: Any, net: Net) -> Iterator[Callable[..., Any]]:
    """Our function on the weights of that model, on one thread."""
    import torch

    from deid_bench.benchmark.metrics.quality import perceptual
    from deid_bench.benchmark.metrics.quality.networks import feature_networks

    def forget() -> None:
        feature_networks.trunk.cache_clear()
        perceptual._missing_weights.cache_clear()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    forget()
    arrays = arrays_of(model, net)
    heads = {f"lin{i}.model.1.weight": head.model[-1].weight.detach() for i, head in enumerate(model.lins)}
    try:
        with (
            mock.patch.object(feature_networks, "tensors", return_value=arrays),
            mock.patch.object(feature_networks, "head_weights", return_value=heads),
        ):
            yield lambda a, b, *rest: perceptual.lpips([a], [b], net, *rest)[0]
    finally:
        forget()
        torch.set_num_threads(threads)


def signed(image: Image) -> Any:
    return (tensor(image, 127.5) - 1).float()


def lpips_package(net: Net) -> float:
    import torch

    model = lpips_model(net)
    with our_lpips(model, net) as ours, torch.inference_mode():
        pairs = [(ours(a, b).value, model(signed(a), signed(b)).item()) for a, b in image_pairs(SMALL[:1])]
    return relatively_apart(pairs)


def lpips_torchmetrics(net: Net) -> float:
    import torch
    from torchmetrics.functional.image import lpips as package

    model = lpips_model(net)
    theirs = package._LPIPS(pretrained=False, net=net, pnet_rand=True).eval()
    absent = theirs.load_state_dict(model.state_dict(), strict=False).missing_keys
    if absent:
        raise Unavailable(f"torchmetrics names the network's weights otherwise: {absent[:3]}")
    with our_lpips(model, net) as ours, torch.inference_mode():
        pairs = [(ours(a, b).value, theirs(signed(a), signed(b)).item()) for a, b in image_pairs(SMALL[:1])]
    return relatively_apart(pairs)


def lpips_region_package(net: Net) -> float:
    import torch

    model = lpips_model(net, spatial=True)
    pairs = []
    with our_lpips(model, net) as ours, torch.inference_mode():
        for a, b in image_pairs(SMALL[:1]):
            local = model(signed(a), signed(b))[0, 0].numpy()
            pairs.append((ours(a, b, [region(a)]).region, float(local[region(a)].mean())))
    return relatively_apart(pairs)


# ------------------------------------------------------------------------------------------------ sets


def feature_sets(length: int = 32) -> Iterator[tuple[Array, Array]]:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        mixed = rng.normal(size=(length, length)) / length**0.5
        yield rng.normal(size=(200, length)) @ mixed, rng.normal(0.2, 1.2, (150, length)) @ mixed


def moments_of(features: Array) -> tuple[Array, Array]:
    return features.mean(axis=0), np.cov(features, rowvar=False)


def frechet(a: Array, b: Array) -> float:
    return present(frechet_distance(Moments.of(a), Moments.of(b))).value


def frechet_scipy() -> float:
    from scipy.linalg import sqrtm

    def theirs(a: Array, b: Array) -> float:
        (m, s), (n, t) = moments_of(a), moments_of(b)
        return float((m - n) @ (m - n) + np.trace(s + t - 2 * sqrtm(s @ t).real))

    return relatively_apart((frechet(a, b), theirs(a, b)) for a, b in feature_sets())


def frechet_pytorch_fid() -> float:
    import warnings

    from pytorch_fid.fid_score import calculate_frechet_distance

    def theirs(a: Array, b: Array) -> float:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                return float(calculate_frechet_distance(*moments_of(a), *moments_of(b)))
        except TypeError as error:
            raise Unavailable(f"pytorch-fid does not run with this SciPy: {error}") from error

    return relatively_apart((frechet(a, b), theirs(a, b)) for a, b in feature_sets())


def frechet_torchmetrics() -> float:
    import torch
    from torchmetrics.image import fid

    def theirs(a: Array, b: Array) -> float:
        values = (*moments_of(a), *moments_of(b))
        return float(fid._compute_fid(*(torch.from_numpy(value) for value in values)))

    return relatively_apart((frechet(a, b), theirs(a, b)) for a, b in feature_sets())


def kernel_torchmetrics() -> float:
    import torch
    from torchmetrics.image import kid

    def pairs() -> Iterator[tuple[float, float]]:
        for a, b in feature_sets():
            a, b = a[:150], b[:150]
            yield mmd2(a, b), float(kid.poly_mmd(torch.from_numpy(a), torch.from_numpy(b)))

    return relatively_apart(pairs())


def kernel_sklearn() -> float:
    from sklearn.metrics.pairwise import polynomial_kernel

    def theirs(a: Array, b: Array) -> float:
        within = [polynomial_kernel(x, x, degree=3, coef0=1) for x in (a, b)]
        means = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
        return float(sum(means) - 2 * polynomial_kernel(a, b, degree=3, coef0=1).mean())

    return relatively_apart((mmd2(a, b), theirs(a, b)) for a, b in feature_sets())


def inception_features() -> float:
    import torch
    from pytorch_fid import inception

    from deid_bench.benchmark.metrics.quality.networks.inception import features, network_of

    taken: dict[str, Any] = {}

    def load(self: Any, _: Any) -> None:  # the published weights would be downloaded here
        generator = torch.Generator().manual_seed(1)
        for name, value in self.state_dict().items():
            if name.endswith(("running_var", "bn.weight")):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            elif name.endswith("conv.weight"):
                value.copy_(torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5)
            elif value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
            taken[name] = value.clone()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            mock.patch.object(inception, "load_state_dict_from_url", return_value={}),
            mock.patch.object(inception.torchvision.models.Inception3, "load_state_dict", load),
        ):
            model = inception.InceptionV3([3]).eval()
        ours = network_of(taken)
        image, _ = next(image_pairs(SMALL))
        with torch.inference_mode():
            expected = model(tensor(image).float())[0].squeeze().numpy()
            found = features(ours, image)
    finally:
        torch.set_num_threads(threads)
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


_RANDOM = "relative; the same random weights on both sides"


def _lpips_rows(net: Net) -> Iterator[Row]:
    ours, part = (f"lpips_{net}",), (f"lpips_{net}_region",)
    yield Row(ours, "lpips", "lpips", 1e-4, lambda: lpips_package(net), f"{_RANDOM}; single precision")
    yield Row(ours, "torchmetrics _LPIPS", "torchmetrics", 1e-4, lambda: lpips_torchmetrics(net), _RANDOM)
    yield Row(part, "lpips, spatial", "lpips", 1e-4, lambda: lpips_region_package(net), _RANDOM)


IMAGE_ROWS = (
    Row(("psnr",), "scikit-image peak_signal_noise_ratio", "scikit-image", 1e-9, psnr_skimage, "in dB"),
    Row(("psnr",), "torchmetrics peak_signal_noise_ratio", "torchmetrics", 1e-4, psnr_torchmetrics, "in dB; float32"),
    Row(("psnr",), "piq psnr", "piq", 1e-4, psnr_piq, "in dB; it adds 1e-8 to the error"),
    Row(
        ("psnr_region",),
        "scikit-image peak_signal_noise_ratio",
        "scikit-image",
        1e-9,
        psnr_region_skimage,
        "in dB; of the region's pixels alone",
    ),
    Row(("ssim",), "scikit-image structural_similarity", "scikit-image", 1e-9, ssim_skimage, "its defaults"),
    Row(
        ("ssim",),
        "torchmetrics structural_similarity_index_measure",
        "torchmetrics",
        1e-9,
        ssim_torchmetrics,
        "it takes covariances of the population, which K2 times (48/49)^1/2 undoes, and averages over a mirrored "
        "border too, of which its map is freed",
    ),
    Row(
        ("ssim_region",),
        "scikit-image structural_similarity, full map",
        "scikit-image",
        1e-9,
        ssim_region_skimage,
        "mean over the region, 3 px at the image's border left out",
    ),
    Row(("ms_ssim",), "piq multi_scale_ssim", "piq", 1e-6, ms_ssim_piq, "odd sides among them"),
    Row(
        ("ms_ssim",),
        "pytorch-msssim ms_ssim",
        "pytorch-msssim",
        1e-5,
        ms_ssim_package,
        "only where no scale has an odd side, which it pads otherwise; its window is float32",
    ),
    *_lpips_rows("alex"),
    *_lpips_rows("vgg"),
    Row(
        ("fid", "fd_vgg16"),
        "pytorch-fid calculate_frechet_distance",
        "pytorch-fid",
        1e-8,
        frechet_pytorch_fid,
        "relative",
    ),
    Row(("fid", "fd_vgg16"), "torchmetrics _compute_fid", "torchmetrics", 1e-8, frechet_torchmetrics, "relative"),
    Row(("fid", "fd_vgg16"), "SciPy sqrtm", "scipy", 1e-8, frechet_scipy, "relative"),
    Row(("fid", "kid"), "pytorch-fid InceptionV3 features", "pytorch-fid", 1e-4, inception_features, _RANDOM),
    Row(("kid", "kd_vgg16"), "torchmetrics poly_mmd", "torchmetrics", 1e-9, kernel_torchmetrics, "relative"),
    Row(
        ("kid", "kd_vgg16"),
        "scikit-learn polynomial_kernel",
        "scikit-learn",
        1e-9,
        kernel_sklearn,
        "relative; the closed form on its kernel",
    ),
)
