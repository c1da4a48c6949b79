"""What every reported number is: definition, unit, range, direction and source. Reports have it from here alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Group = Literal["privacy", "quality", "usability", "recognition", "cost"]
Direction = Literal["higher", "lower", "target"]

_PALM_PAPER = "Yan et al., arXiv:2504.08272, 2025"
_ISO = "ISO/IEC 19795-1:2021"
_HOUSE = "deid-bench"


@dataclass(frozen=True, slots=True)
class Metric:
    """Description of one reported number."""

    name: str
    """Key in records."""
    title: str
    """Short heading for tables and figures."""
    group: Group
    unit: str
    """`%`, `dB`, `s`, … ; empty for pure numbers."""
    better: Direction
    """Which way is better for a de-identification method (for `recognition`: for the recogniser itself)."""
    low: float | None
    """Smallest possible value; None when unbounded."""
    high: float | None
    """Largest possible value; None when unbounded."""
    definition: str
    """One or two sentences."""
    formula: str
    citation: str
    target: float | None = None
    """The best value when `better` is `target`."""


def _fnmr_at(name: str, limit: str) -> Metric:
    return Metric(
        name=name,
        title=f"FNMR @ FMR {limit} %",
        group="recognition",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"Lowest share of genuine comparisons of originals rejected while at most {limit} % of the impostor "
            "comparisons are accepted; not given when there are too few impostor comparisons to measure that rate."
        ),
        formula=f"min over t with FMR(t) <= {limit} % of FNMR(t)",
        citation=_ISO,
    )


def _drift(name: str, title: str, what: str, formula: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        group="usability",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"Mean absolute difference of {what} between original and de-identified image, over images whose hand is "
            "found in both. The normalisation is ours; the paper only says 0-100 %."
        ),
        formula=formula,
        citation=f"{_PALM_PAPER}, section IV-C",
    )


_RECOGNITION = (
    Metric(
        name="eer",
        title="EER",
        group="recognition",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            "Equal error rate of the recogniser on originals: where the share of impostor comparisons accepted and "
            "that of genuine ones rejected are closest, their mean. Above 50 % the recogniser is worse than chance."
        ),
        formula="(FMR(t) + FNMR(t)) / 2 at the observed t of least |FMR(t) - FNMR(t)|",
        citation=_ISO,
    ),
    Metric(
        name="eer_threshold",
        title="Threshold at EER",
        group="recognition",
        unit="",
        better="lower",
        low=None,
        high=None,
        definition="Distance up to which the recogniser accepts, set where its error rates on originals meet.",
        formula="observed t of least |FMR(t) - FNMR(t)|; accept d <= t",
        citation=f"{_PALM_PAPER}, section III-C",
    ),
    _fnmr_at("fnmr_at_fmr_10", "10"),
    _fnmr_at("fnmr_at_fmr_1", "1"),
    _fnmr_at("fnmr_at_fmr_0_1", "0.1"),
    Metric(
        name="d_prime",
        title="d'",
        group="recognition",
        unit="",
        better="higher",
        low=0.0,
        high=None,
        definition="Decidability of genuine and impostor distances of originals, with population variances.",
        formula="|mu_g - mu_i| / sqrt((s_g^2 + s_i^2) / 2)",
        citation=f"{_PALM_PAPER}, eq. 3; Daugman, Pattern Recognition 36 (2003)",
    ),
)

_DIR_FORMULA = "(mu_g - mu_d) / (mu_g - mu_i) * sqrt(s_g^2 + s_i^2) / sqrt(s_g^2 + s_d^2) * 100"

_PRIVACY = (
    Metric(
        name="rr",
        title="RR",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "Rejection rate: share of de-identified images that the recogniser no longer accepts as their own "
            "original, at the threshold of the EER of originals."
        ),
        formula="share of d(original, its de-identified image) > t_EER",
        citation=f"{_PALM_PAPER}, section III-C",
    ),
    Metric(
        name="rr_cross",
        title="RR (other captures)",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "As RR, but de-identified images are compared with the other originals of the same palm, as an attacker "
            "would who has not the very image that was de-identified. An unchanged image scores the FNMR here."
        ),
        formula="share of d(other original of the same palm, de-identified image) > t_EER",
        citation=_HOUSE,
    ),
    Metric(
        name="dir",
        title="DIR",
        group="privacy",
        unit="%",
        better="target",
        low=None,
        high=None,
        definition=(
            "De-identification ratio: how far the distances of originals to their own de-identified images lie from "
            "genuine ones, measured by how far impostors lie. 100 % is the impostors' place; negative values are "
            "closer than genuine ones, values above 100 % further off than strangers."
        ),
        formula=_DIR_FORMULA,
        citation=f"{_PALM_PAPER}, eq. 4",
        target=100.0,
    ),
    Metric(
        name="dir_cross",
        title="DIR (other captures)",
        group="privacy",
        unit="%",
        better="target",
        low=None,
        high=None,
        definition=(
            "As DIR, but over distances of de-identified images to the other originals of the same palm. An unchanged "
            "image scores about 0 here."
        ),
        formula=_DIR_FORMULA,
        citation=_HOUSE,
        target=100.0,
    ),
    Metric(
        name="rank1_with_source",
        title="Rank-1",
        group="privacy",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            "Share of de-identified images whose nearest original in the whole gallery is of the same palm; the "
            "image's own original is in the gallery. Ties count with their chance of a hit."
        ),
        formula="mean over probes of P(rank = 1)",
        citation=f"{_PALM_PAPER}, Table II (Acc.)",
    ),
    Metric(
        name="rank1_without_source",
        title="Rank-1 (without source)",
        group="privacy",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            "As rank-1, but each probe's own original is taken out of the gallery. Probes that have no other original "
            "of their palm are left out and counted."
        ),
        formula="mean over probes of P(rank = 1)",
        citation=_HOUSE,
    ),
    Metric(
        name="roi_coverage",
        title="ROI coverage",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition="Share of the palm square that a recogniser looks at which the method's region covers.",
        formula="share of a 64 x 64 grid over the ROI inside the region",
        citation=_HOUSE,
    ),
    Metric(
        name="roi_changed",
        title="ROI changed",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition="Share of the palm square whose pixels differ between original and de-identified image.",
        formula="share of a 64 x 64 grid over the ROI with any channel changed",
        citation=_HOUSE,
    ),
)

_QUALITY = (
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
        citation="Wang et al., IEEE TIP 13(4), 2004",
    ),
)

_USABILITY = (
    Metric(
        name="survival",
        title="Hand found",
        group="usability",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "Share of hands found in the originals that are found in the de-identified images too; an image that "
            "could not be made counts as not found."
        ),
        formula="found in both / found in the original",
        citation=_HOUSE,
    ),
    _drift(
        "drift_box",
        "Hand detection",
        "the hand box's corners",
        "mean(|dx| / width, |dy| / height) over the two corners",
    ),
    _drift(
        "drift_keypoints_2d",
        "2D keypoints",
        "the 21 image keypoints",
        "mean(|dx| / width, |dy| / height) over the keypoints",
    ),
    _drift(
        "drift_keypoints_3d",
        "3D keypoints",
        "the 21 joints in space",
        "mean(|dx|, |dy|, |dz|) / largest joint distance of the original",
    ),
    _drift(
        "drift_roi",
        "ROI localisation",
        "the palm square's corners",
        "mean(|dx| / width, |dy| / height) over the four corners",
    ),
    _drift(
        "drift_mask",
        "Hand segmentation",
        "the hand mask",
        "share of image pixels that are hand in one of the two only",
    ),
)

_COST = (
    Metric(
        name="failure_rate",
        title="Failures",
        group="cost",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition="Share of planned images for which the method gave no usable image, whatever the reason.",
        formula="failed / planned",
        citation=_HOUSE,
    ),
    Metric(
        name="seconds_per_image",
        title="Time per image",
        group="cost",
        unit="s",
        better="lower",
        low=0.0,
        high=None,
        definition="Wall-clock time of the method per image on the machine named in the record, without file access.",
        formula="seconds in deidentify() / images",
        citation=_HOUSE,
    ),
)


def _catalogue(metrics: Iterable[Metric]) -> dict[str, Metric]:
    table: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in table:
            raise ValueError(f"metric {metric.name!r} is described twice; remove one description")
        table[metric.name] = metric
    return table


METRICS: dict[str, Metric] = _catalogue((*_PRIVACY, *_QUALITY, *_USABILITY, *_RECOGNITION, *_COST))
"""Every reported number by name, in the order of tables."""
