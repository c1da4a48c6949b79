"""Descriptions of what other programs still get out of de-identified images, and of what a method costs."""

from __future__ import annotations

from ..metric import Metric

_PALM_PAPER = "Yan et al., arXiv:2504.08272, 2025"
_HOUSE = "deid-bench"
_DETECTOR = (
    "The analyzer of the protocol looks at both images; palm/1.0 counts the evaluated subjects "
    "only, face/1.0 the queries, "
    "whose original is the aligned crop."
)
_PARTS = (
    (
        "box",
        "Detection",
        "the corners of the hand's or face's box",
        "mean(|dx| / width, |dy| / height) over the two corners",
    ),
    (
        "keypoints_2d",
        "2D keypoints",
        "the 21 image keypoints",
        "mean(|dx| / width, |dy| / height) over the keypoints",
    ),
    (
        "keypoints_3d",
        "3D keypoints",
        "the 21 joints in space",
        "mean(|dx|, |dy|, |dz|) / largest joint distance of the original",
    ),
    (
        "roi",
        "ROI localisation",
        "the palm square's corners",
        "mean(|dx| / width, |dy| / height) over the four corners",
    ),
    (
        "mask",
        "Segmentation",
        "the mask of the hand or face",
        "share of image pixels that are in one of the two masks only",
    ),
    (
        "landmarks_5",
        "5 landmarks",
        "eyes, nose and corners of the mouth",
        "mean(|dx| / width, |dy| / height) over the landmarks",
    ),
    (
        "landmarks_68",
        "68 landmarks",
        "the 68 landmarks of a face",
        "mean(|dx| / width, |dy| / height) over the landmarks",
    ),
)
"""Part of an analysis, title, what moves, formula."""


def _drift(part: str, title: str, what: str, formula: str) -> Metric:
    return Metric(
        name=f"drift_{part}",
        title=title,
        group="usability",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"Mean absolute difference of {what} between original and de-identified image, over images in which it "
            "is found in both. The normalisation is ours; the paper only says 0-100 %."
        ),
        formula=formula,
        citation=f"{_PALM_PAPER}, section IV-C",
        how=_DETECTOR,
        caveat=(
            "Images in which nothing is found have no drift, so a method that destroys the hard ones looks "
            "better: read the "
            f"share found again first. Below floor_{part} it cannot be told from the analyzer's noise."
        ),
    )


def _floor(part: str, title: str, what: str, formula: str) -> Metric:
    return Metric(
        name=f"floor_{part}",
        title=f"{title}, floor",
        group="usability",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"The analyzer's own noise: drift of {what} after saving the original once as JPEG of quality 95. "
            "A method's drift near it means nothing moved."
        ),
        formula=formula,
        citation=_HOUSE,
        how=(
            "In runs with --quality full, over the originals of the images that were made; no method has a part in it, "
            "so that methods without failures share it. palm/1.0 counts the evaluated subjects only."
        ),
        caveat="It belongs to the dataset and the analyzer; there is nothing to gain in it.",
    )


USABILITY_METRICS = (
    Metric(
        name="survival",
        title="Found again",
        group="usability",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "Share of hands or faces found in the originals that are found in the de-identified images too; an image "
            "that could not be made counts as not found."
        ),
        formula="found in both / found in the original",
        citation=_HOUSE,
        how=_DETECTOR,
        caveat=(
            "Found is not found in the right place: the drifts tell how far off. In a tight crop a detector "
            "misses some "
            "faces by itself: read the number of `identity` beside it."
        ),
    ),
    *(_drift(*part) for part in _PARTS),
    *(_floor(*part) for part in _PARTS),
)
"""In the order of tables."""

COST_METRICS = (
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
        how=(
            "Images whose original shows the analyzer no hand or face never reach a method and are not "
            "planned. palm/1.0 "
            "counts the evaluated subjects only."
        ),
        caveat="Every privacy number already has failed images in it, as their originals.",
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
        how="The same in all protocols.",
        caveat="Times of two machines do not compare.",
    ),
)
"""In the order of tables."""
