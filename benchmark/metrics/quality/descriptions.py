"""Descriptions of the quality metrics: how much of the image is left."""

from __future__ import annotations

import dataclasses

from ..metric import Direction, Metric

_PALM_PAPER = "Yan et al., arXiv:2504.08272, 2025"
_SSIM = "Wang et al., IEEE TIP 13(4), 2004"
_HOUSE = "deid-bench"
_LPIPS = "Zhang et al., CVPR 2018 (LPIPS v0.1)"
_FID = "Heusel et al., NeurIPS 2017"
_KID = "Bińkowski et al., ICLR 2018"
_LPIPS_FORMULA = "sum over layers of mean over positions of sum over channels of w (u_a - u_b)^2, |u| = 1"
_FRECHET_FORMULA = "|m_a - m_b|^2 + Tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2)"
_KERNEL_FORMULA = "unbiased MMD^2 with k(x, y) = (x.y / d + 1)^3"

_PAIR = (
    "Mean over the pairs original | de-identified image at full size, with the population standard deviation; "
    "palm/1.0 takes the evaluated subjects only. Images the method failed on are left out and counted."
)
_REGION = (
    "As on the whole image, over the pixels that the method says it may repaint; methods that do not say have none. "
    "palm/1.0 takes the evaluated subjects only."
)
_SETS = (
    "One number for all images that were made and the set of their originals; palm/1.0 takes the evaluated subjects "
    "only."
)
_SIZE = "A method that repaints a small region is near the best value on the whole image whatever it paints there."
_WEIGHTS = "Given only in runs with --quality full, where torch and the weight file are at hand."
_NETWORKS = (("alex", "AlexNet"), ("vgg", "VGG16"))

_WHOLE = (
    Metric(
        name="psnr",
        title="PSNR",
        group="quality",
        unit="dB",
        better="higher",
        low=0.0,
        high=None,
        definition=(
            "Peak signal-to-noise ratio between original and de-identified image, over all pixels and channels. "
            "Unchanged images have none (infinite); they are left out of the mean and counted."
        ),
        formula="10 log10(255^2 / MSE)",
        citation=f"{_PALM_PAPER}, Table III",
        how=_PAIR,
        caveat=f"{_SIZE} On grey images, as some give it, it comes out higher than on colour.",
    ),
    Metric(
        name="ssim",
        title="SSIM",
        group="quality",
        unit="",
        better="higher",
        low=-1.0,
        high=1.0,
        definition=(
            "Structural similarity between original and de-identified image: uniform 7 x 7 window, sample "
            "covariances, mean over colour channels."
        ),
        formula="mean of (2 mx my + c1)(2 sxy + c2) / ((mx^2 + my^2 + c1)(sx^2 + sy^2 + c2))",
        citation=_SSIM,
        how=_PAIR,
        caveat=(
            f"{_SIZE} It differs in the second decimal from the Gaussian window of 11 x 11 that other packages have by "
            "default, and in the first where they reduce the image beforehand."
        ),
    ),
    Metric(
        name="ms_ssim",
        title="MS-SSIM",
        group="quality",
        unit="",
        better="higher",
        low=0.0,
        high=1.0,
        definition=(
            "Structural similarity at five scales: Gaussian window of 11 x 11 px, sigma 1.5, values in 0..1, mean "
            "over colour channels. Images with a side below 161 px have none."
        ),
        formula="l_5^w5 prod_j cs_j^wj, w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333",
        citation="Wang, Simoncelli & Bovik, Asilomar 2003",
        how=_PAIR,
        caveat=f"{_SIZE} Packages differ where a scale has an odd side; ours pads as piq does.",
    ),
)


def _lpips(net: str, title: str) -> Metric:
    return Metric(
        name=f"lpips_{net}",
        title=f"LPIPS ({title})",
        group="quality",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            f"Learned perceptual distance of original and de-identified image: weighted difference of the unit "
            f"feature vectors of five layers of {title}."
        ),
        formula=_LPIPS_FORMULA,
        citation=_LPIPS,
        how=_PAIR,
        caveat=f"{_SIZE} Values of two networks, and of two image sizes, do not compare. {_WEIGHTS}",
    )


def _lpips_region(net: str, title: str) -> Metric:
    return Metric(
        name=f"lpips_{net}_region",
        title=f"LPIPS ({title}, region)",
        group="quality",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            "Mean of the spatial LPIPS map, its layers enlarged bilinearly to the image's size, over the "
            "pixels of the protected region."
        ),
        formula="mean over the region of the sum of the layers' maps",
        citation=f"{_HOUSE}; {_LPIPS}",
        how=_REGION,
        caveat=f"The network sees beyond the region's border, by up to its field of view. {_WEIGHTS}",
    )


_OF_THE_REGION = (
    Metric(
        name="psnr_region",
        title="PSNR (region)",
        group="quality",
        unit="dB",
        better="higher",
        low=0.0,
        high=None,
        definition="PSNR over the pixels of the protected region. Regions left unchanged have none (infinite).",
        formula="10 log10(255^2 / MSE), MSE over the region",
        citation=_HOUSE,
        how=_REGION,
        caveat="Regions differ between methods: read it beside the ROI coverage.",
    ),
    Metric(
        name="ssim_region",
        title="SSIM (region)",
        group="quality",
        unit="",
        better="higher",
        low=-1.0,
        high=1.0,
        definition=(
            "Mean of the SSIM map over the pixels of the protected region; windows at its border see pixels "
            "outside, and the outermost 3 px of the image belong to no window."
        ),
        formula="mean of the SSIM map over the region",
        citation=f"{_HOUSE}; {_SSIM}",
        how=_REGION,
        caveat="Regions differ between methods: read it beside the ROI coverage.",
    ),
    *(_lpips_region(*network) for network in _NETWORKS),
)

_INCEPTION = "Inception (2048 features, 299 x 299 px)"
_VGG = "VGG16 (relu5_3 averaged over positions, 512 features)"


def _frechet(name: str, title: str, network: str, citation: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        group="quality",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            f"Fréchet distance between the sets of originals and of de-identified images, by features of {network}"
            f"{'' if name == 'fid' else '; not comparable with FID'}. With fewer images than features it is biased "
            "upwards and flagged."
        ),
        formula=_FRECHET_FORMULA,
        citation=citation,
        how=_SETS,
        caveat=(
            "Compare only numbers of as many images, sized by the same code. The sets hold the same scenes, so that "
            f"it comes out far below those of image generators. {_WEIGHTS}"
        ),
    )


def _kernel(name: str, title: str, network: str, citation: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        group="quality",
        unit="",
        better="lower",
        low=None,
        high=None,
        definition=(
            f"Kernel distance between the sets of originals and of de-identified images, by features of {network}"
            f"{'' if name == 'kid' else '; not comparable with KID'}. Unbiased at any number of images, so that "
            "sets alike may come out slightly below 0; mean over 100 random subsets of 1000 images, or over the "
            "whole sets when they are not larger."
        ),
        formula=_KERNEL_FORMULA,
        citation=citation,
        how=_SETS,
        caveat=f"Some give it multiplied by 1000. {_WEIGHTS}",
    )


_RULES = (
    "As the paper's evaluation scripts: images of more than 2000 px a side are reduced to that (Lanczos), and, except "
    "for LPIPS, images with a side below 161 px become squares of 200 px."
)


def _paper(name: str, title: str, unit: str, better: Direction, of: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        group="quality",
        unit=unit,
        better=better,
        low=None if name == "ssim_paper" else 0.0,
        high=None,
        definition=f"{of} by the palm paper's own evaluation, to be put beside its Table III.",
        formula=f"as {name.removesuffix('_paper').replace('lpips', 'lpips_vgg')}, after resizing",
        citation=f"{_PALM_PAPER}, Table III",
        how=_RULES,
        caveat=f"Between 161 and 2000 px a side it is the same number as ours. {_WEIGHTS}",
    )


_PAPER = (
    _paper("psnr_paper", "PSNR (paper)", "dB", "higher", "PSNR"),
    _paper("ssim_paper", "SSIM (paper)", "", "higher", "SSIM"),
    _paper("ms_ssim_paper", "MS-SSIM (paper)", "", "higher", "MS-SSIM"),
    _paper("lpips_paper", "LPIPS (paper)", "", "lower", "LPIPS with VGG16"),
)

_BOX = (
    "As on the whole image, over the bounding box of the pixels that the method says it may repaint; methods that do "
    "not say have none. palm/1.0 takes the evaluated subjects only."
)


def _boxed(whole: Metric) -> Metric:
    return dataclasses.replace(
        whole,
        name=f"{whole.name}_region",
        title=f"{whole.title} (region)",
        definition=f"{whole.title} over the bounding box of the protected region.",
        formula=f"{whole.name} of the boxes cut out of both images",
        citation=f"{_HOUSE}; {whole.citation}",
        how=_BOX,
        caveat=f"The box holds pixels beside the region, too. {whole.caveat}",
    )


_SET_DISTANCES = (
    _frechet("fid", "FID", _INCEPTION, _FID),
    _kernel("kid", "KID", _INCEPTION, _KID),
    _frechet("fd_vgg16", "FD-VGG16", _VGG, f"{_HOUSE}; {_FID}"),
    _kernel("kd_vgg16", "KD-VGG16", _VGG, f"{_HOUSE}; {_KID}"),
)

QUALITY_METRICS = (
    *_WHOLE,
    *(_lpips(*network) for network in _NETWORKS),
    *_OF_THE_REGION,
    *(_boxed(metric) for metric in _WHOLE if metric.name == "ms_ssim"),
    *_PAPER,
    *_SET_DISTANCES,
    *(_boxed(metric) for metric in _SET_DISTANCES),
)
"""In the order of tables."""
