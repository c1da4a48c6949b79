"""Rejection: how often a recogniser no longer accepts a de-identified image as its identity."""

from __future__ import annotations

from ..citations import DEDIM, HOUSE, ISO, PALM_PAPER
from ..metric import Metric
from ..recognition.error_rates import rejection_rate

_LOST = (
    "A failed image counts as its original; one that the recogniser cannot process counts as rejected and not found."
)

RR = Metric(
    name="rr",
    title="RR",
    short="RR",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "Rejection rate: share of de-identified images that the recogniser no longer accepts as their own original, at "
        "the threshold of the EER of originals."
    ),
    formula="share of d(original, its de-identified image) > t_EER",
    citation=f"{PALM_PAPER}, section III-C",
    function=rejection_rate,
    source="distances",
    scale=100.0,
    order=10,
    blocks=frozenset({"privacy", "overview"}),
    resampling="images",
    protocol=("threshold",),
    how=_LOST,
    caveat=(
        "It compares an image with the very original it was made from: what a method leaves alone outside its region "
        "weighs in, and an unchanged image is at distance 0. Rejected at one threshold is not anonymous: see rank-1."
    ),
)
RR_CROSS = Metric(
    name="rr_cross",
    title="RR (other captures)",
    short="RR, other",
    retrieval_short="RR",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "As RR, but de-identified images are compared with the other originals of the same identity, as an attacker "
        "would who has not the very image that was de-identified. An unchanged image scores the FNMR here."
    ),
    formula="share of d(other original of the same identity, de-identified image) > t_EER",
    citation=HOUSE,
    function=rejection_rate,
    source="distances",
    scale=100.0,
    order=90,
    blocks=frozenset({"privacy", "retrieval"}),
    resampling="images",
    protocol=("threshold",),
    how=_LOST,
    caveat="Identities with one original have no such comparison. Read it beside what an unchanged image scores.",
)


def _at_fmr(suffix: str, limit: str, order: int) -> Metric:
    return Metric(
        name=f"fnmr_deidentified_at_fmr_{suffix}",
        title=f"FNMR of de-identified @ FMR {limit} %",
        short=f"FNMR at\nFMR {limit} %",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "Share of de-identified queries rejected as their mates at the laxest threshold that accepts at most "
            f"{limit} % of the originals' impostor comparisons; not given when there are too few of these to measure "
            "that rate."
        ),
        formula=f"share of d(mate, de-identified query) > t; t the largest with FMR(t) <= {limit} %",
        citation=f"{DEDIM}; {ISO}",
        function=rejection_rate,
        source="distances",
        scale=100.0,
        order=order,
        blocks=frozenset({"retrieval"} if suffix == "0_1" else ()),
        resampling="images",
        protocol=("queries",),
        how=f"{_LOST} The record says how many impostor comparisons set the threshold; resamples set it anew.",
        caveat=f"Read it beside fnmr_at_fmr_{suffix}, what the originals score.",
    )


FNMR_DEIDENTIFIED = (_at_fmr("0_1", "0.1", 60), _at_fmr("1", "1", 70), _at_fmr("10", "10", 80))
