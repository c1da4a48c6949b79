"""What the quality metrics beside PSNR and SSIM are; `metrics` takes them into its catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .metrics import Metric

_HOUSE = "deid-bench"
_LPIPS = "Zhang et al., CVPR 2018 (LPIPS v0.1)"
_FID = "Heusel et al., NeurIPS 2017"
_KID = "Bińkowski et al., ICLR 2018"
_LPIPS_FORMULA = "sum over layers of mean over positions of sum over channels of w (u_a - u_b)^2, |u| = 1"
_FRECHET_FORMULA = "|m_a - m_b|^2 + Tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2)"
_KERNEL_FORMULA = "unbiased MMD^2 with k(x, y) = (x.y / d + 1)^3"


def quality_metrics(metric: type[Metric]) -> tuple[Metric, ...]:
    """Descriptions of the metrics, in the order of tables.

    Args:
        metric: the class to describe them with; handed in, since its module imports this one.
    """
    return (
        metric(
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
        ),
        *(_lpips(metric, net, title) for net, title in (("alex", "AlexNet"), ("vgg", "VGG16"))),
        *_of_the_region(metric),
        *_of_sets(metric),
    )


def _lpips(metric: type[Metric], net: str, title: str) -> Metric:
    return metric(
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
    )


def _of_the_region(metric: type[Metric]) -> tuple[Metric, ...]:
    return (
        metric(
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
        ),
        metric(
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
            citation=f"{_HOUSE}; Wang et al., IEEE TIP 13(4), 2004",
        ),
        *(
            metric(
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
            )
            for net, title in (("alex", "AlexNet"), ("vgg", "VGG16"))
        ),
    )


def _of_sets(metric: type[Metric]) -> tuple[Metric, ...]:
    rows = (
        ("fid", "FID", "Inception (2048 features, 299 x 299 px)", _FID),
        ("fd_vgg16", "FD-VGG16", "VGG16 (relu5_3 averaged over positions, 512 features)", f"{_HOUSE}; {_FID}"),
    )
    frechet = tuple(
        metric(
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
        )
        for name, title, network, citation in rows
    )
    rows = (
        ("kid", "KID", "Inception (2048 features, 299 x 299 px)", _KID),
        ("kd_vgg16", "KD-VGG16", "VGG16 (relu5_3 averaged over positions, 512 features)", f"{_HOUSE}; {_KID}"),
    )
    kernel = tuple(
        metric(
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
        )
        for name, title, network, citation in rows
    )
    return tuple(pair for both in zip(frechet, kernel, strict=True) for pair in both)
