"""Descriptions of the privacy metrics: what a recogniser still knows about who was in the original."""

from __future__ import annotations

from .metric import Metric

_PALM_PAPER = "Yan et al., arXiv:2504.08272, 2025"
_HOUSE = "deid-bench"
_DEDIM = "Uchida, Abe & Yamada, DeDiM, BIOSIG, section 4"
_TIP_IM = "Yang et al., Towards Face Encryption by Generating Adversarial Identity Masks, ICCV 2021"
_DIR_FORMULA = "(mu_g - mu_d) / (mu_g - mu_i) * sqrt(s_g^2 + s_i^2) / sqrt(s_g^2 + s_d^2) * 100"
_PLACE = (
    "palm-paper/1.0: everybody; the palm's place comes from the detector on the de-identified image or, where it finds "
    "no hand, from the original. palm/1.0: the evaluated subjects; the palm's place comes from the "
    "original. face/1.0: the "
    "queries against the gallery; aligned crops are taken as they are."
)
_THRESHOLD = (
    "palm-paper/1.0: everybody, and the threshold is theirs; the palm's place comes from the detector on the "
    "de-identified image or, where it finds no hand, from the original. palm/1.0: the evaluated subjects, at the "
    "threshold of the dev subjects; the palm's place comes from the original. face/1.0: the "
    "queries, at the threshold of "
    "their originals against the gallery; aligned crops are taken as they are."
)
_LOST = (
    "A failed image counts as its original; one that the recogniser cannot process counts as rejected and not found."
)
_OWN = (
    "It compares an image with the very original it was made from: what a method leaves alone outside its region "
    "weighs in, and an unchanged image is at distance 0."
)

_QUERIES = f"face/1.0 alone: queries against a gallery without their originals. {_LOST}"


def _ranks(rank: int) -> list[Metric]:
    """The ranks of a protocol with queries and a gallery; rank-1 itself is `rank1_without_source`."""
    found = [
        Metric(
            name=f"rank{rank}_without_source",
            title=f"Rank-{rank} (without source)",
            group="privacy",
            unit="%",
            better="lower",
            low=0.0,
            high=100.0,
            definition=(
                f"Share of de-identified queries whose own identity is among the {rank} nearest of the gallery; the "
                "query's own original is not in it."
            ),
            formula=f"mean over probes of P(rank <= {rank})",
            citation=_TIP_IM,
            how=_QUERIES,
            caveat="It grows as the gallery shrinks: compare only within a dataset.",
        ),
        Metric(
            name=f"rank{rank}_untargeted",
            title=f"Rank-{rank}-UT",
            group="privacy",
            unit="%",
            better="higher",
            low=0.0,
            high=100.0,
            definition=f"Share of de-identified queries whose own identity is not among the {rank} nearest.",
            formula=f"100 % - rank-{rank}",
            citation=_TIP_IM,
            how=_QUERIES,
            caveat="Ranks count identities; the paper counts images, which is the same with one image of each.",
        ),
        Metric(
            name=f"rank{rank}_targeted",
            title=f"Rank-{rank}-T",
            group="privacy",
            unit="%",
            better="higher",
            low=0.0,
            high=100.0,
            definition=(
                f"Share of de-identified queries that find one of the method's target identities among the {rank} "
                "nearest; the very images that were aimed at are taken out of the gallery."
            ),
            formula=f"mean over probes of P(rank of the nearest target <= {rank})",
            citation=_TIP_IM,
            how=f"{_QUERIES} Only where the method asks for targets and these have other images in the gallery.",
            caveat="DeDiM's gallery has no targets in it; a dataset too small to keep them apart has.",
        ),
    ]
    return found if rank > 1 else found[1:]


def _fnmr_deidentified(name: str, limit: str) -> Metric:
    return Metric(
        name=name,
        title=f"FNMR of de-identified @ FMR {limit} %",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            f"Share of de-identified queries rejected as their mates at the laxest threshold that accepts at "
            f"most {limit} "
            "% of the originals' impostor comparisons; not given when there are too few of these to measure that rate."
        ),
        formula=f"share of d(mate, de-identified query) > t; t the largest with FMR(t) <= {limit} %",
        citation=f"{_DEDIM}; ISO/IEC 19795-1:2021",
        how=f"{_QUERIES} The record says how many impostor comparisons set the threshold; resamples set it anew.",
        caveat=(
            f"Read it beside fnmr_at_fmr_{name.removeprefix('fnmr_deidentified_at_fmr_')}, what the originals score."
        ),
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
            "As RR, but de-identified images are compared with the other originals of the same identity, as "
            "an attacker "
            "would who has not the very image that was de-identified. An unchanged image scores the FNMR here."
        ),
        formula="share of d(other original of the same identity, de-identified image) > t_EER",
        citation=_HOUSE,
        how=f"{_THRESHOLD} {_LOST}",
        caveat="Identities with one original have no such comparison. Read it beside what an unchanged image scores.",
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
            "As DIR, but over distances of de-identified images to the other originals of the same "
            "identity. An unchanged "
            "image scores about 0 here."
        ),
        formula=_DIR_FORMULA,
        citation=_HOUSE,
        target=100.0,
        how=f"{_PLACE} Failed images count as their originals; images that cannot be processed are left out.",
        caveat="It sees means and variances only. Identities with one original have no such comparison.",
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
            "Share of de-identified images whose nearest original in the whole gallery is of the same identity; the "
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
            "As rank-1, but each probe's own original is not in the gallery. Probes that have no other original of "
            "their identity are left out and counted."
        ),
        formula="mean over probes of P(rank = 1)",
        citation=f"{_HOUSE}; for faces {_DEDIM}",
        how=f"{_PLACE} {_LOST}",
        caveat="It grows as the gallery shrinks: compare only within a dataset.",
    ),
    *(each for rank in (5, 1) for each in _ranks(rank)),
    _fnmr_deidentified("fnmr_deidentified_at_fmr_10", "10"),
    _fnmr_deidentified("fnmr_deidentified_at_fmr_1", "1"),
    _fnmr_deidentified("fnmr_deidentified_at_fmr_0_1", "0.1"),
    Metric(
        name="roi_coverage",
        title="ROI coverage",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "Share of the palm square, or aligned face, that a recogniser looks at which the method's region covers."
        ),
        formula="share of a 64 x 64 grid over the ROI inside the region",
        citation=_HOUSE,
        how="Palm square or aligned face of the original; methods that do not say what they may repaint have none.",
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
        definition=(
            "Share of the palm square, or aligned face, whose pixels differ between original and de-identified image."
        ),
        formula="share of a 64 x 64 grid over the ROI with any channel changed",
        citation=_HOUSE,
        how="Palm square or aligned face of the original, images that were made.",
        caveat="A change by one grey level counts as much as black.",
    ),
)
"""In the order of tables."""
