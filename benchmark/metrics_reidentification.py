"""Descriptions of the privacy metrics: what a recogniser still knows about who was in the original."""

from __future__ import annotations

from .metric import Metric

_PALM_PAPER = "Yan et al., arXiv:2504.08272, 2025"
_HOUSE = "deid-bench"
_DIR_FORMULA = "(mu_g - mu_d) / (mu_g - mu_i) * sqrt(s_g^2 + s_i^2) / sqrt(s_g^2 + s_d^2) * 100"
_PLACE = (
    "palm-paper/1.0: everybody; the palm's place comes from the detector on the de-identified image or, where it finds "
    "no hand, from the original. palm/1.0: the evaluated subjects; the palm's place comes from the original."
)
_THRESHOLD = (
    "palm-paper/1.0: everybody, and the threshold is theirs; the palm's place comes from the detector on the "
    "de-identified image or, where it finds no hand, from the original. palm/1.0: the evaluated subjects, at the "
    "threshold of the dev subjects; the palm's place comes from the original."
)
_LOST = (
    "A failed image counts as its original; one that the recogniser cannot process counts as rejected and not found."
)
_OWN = (
    "It compares an image with the very original it was made from: what a method leaves alone outside its region "
    "weighs in, and an unchanged image is at distance 0."
)

REIDENTIFICATION_METRICS = (
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
        how=f"{_THRESHOLD} {_LOST}",
        caveat=f"{_OWN} Rejected at one threshold is not anonymous: see rank-1.",
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
        how=f"{_THRESHOLD} {_LOST}",
        caveat="Palms with one original have no such comparison. Read it beside what an unchanged image scores.",
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
        how=f"{_PLACE} Failed images count as their originals; images that cannot be processed are left out.",
        caveat=(
            f"{_OWN} It sees means and variances only, and a spread of the de-identified distances unlike that of "
            "impostors moves it away from 100 % at equal means."
        ),
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
        how=f"{_PLACE} Failed images count as their originals; images that cannot be processed are left out.",
        caveat="It sees means and variances only. Palms with one original have no such comparison.",
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
        how=f"{_PLACE} {_LOST}",
        caveat=(
            "It grows as the gallery shrinks: compare only within a dataset. The paper does not say whether the source "
            "is in the gallery."
        ),
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
        how=f"{_PLACE} {_LOST}",
        caveat="It grows as the gallery shrinks: compare only within a dataset.",
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
        how="Palm square of the original; methods that do not say what they may repaint have none.",
        caveat="Covered is not changed, and changed is not hidden.",
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
        how="Palm square of the original, images that were made.",
        caveat="A change by one grey level counts as much as black.",
    ),
)
"""In the order of tables."""
