"""Descriptions of the numbers about the recogniser itself, measured on originals."""

from __future__ import annotations

from ..metric import Metric

_PALM_PAPER = "Yan et al., arXiv:2504.08272, 2025"
_ISO = "ISO/IEC 19795-1:2021"
_DEDIM = "Uchida, Abe & Yamada, DeDiM, BIOSIG, section 4"
_PAIRS = (
    "Over all pairs i < j of originals: of everybody in palm-paper/1.0, of the evaluated subjects in palm/1.0. "
    "Originals without a template take part in no pair. face/1.0: over the pairs of a query's "
    "original and a gallery image."
)


def _rank(rank: int) -> Metric:
    among = "of its identity" if rank == 1 else f"among those of the {rank} nearest identities"
    return Metric(
        name=f"rank{rank}_originals",
        title=f"Rank-{rank} of originals",
        group="recognition",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            f"Share of queries whose untouched original finds its mate in the gallery: the nearest image is {among}."
            if rank == 1
            else f"Share of queries whose untouched original finds its mate in the gallery {among}."
        ),
        formula=f"mean over queries of P(rank <= {rank})",
        citation=_DEDIM,
        how="face/1.0 alone; what an unchanged image scores.",
        caveat="It grows as the gallery shrinks: compare only within a dataset.",
    )


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
        how=_PAIRS,
        caveat=(
            "Some packages take the threshold whose FMR is nearest to the limit, which may exceed it; their FNMR is "
            "then lower."
        ),
    )


RECOGNITION_METRICS = (
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
        how=_PAIRS,
        caveat=(
            "It says how good the recogniser is, nothing about a method. A weak recogniser rejects and mixes up "
            "by itself: privacy measured with one is overrated."
        ),
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
        how=(
            "palm-paper/1.0: from the pairs of all originals, those that are measured included. palm/1.0: from the "
            "pairs of originals of the dev subjects, on whom nothing else is measured. face/1.0: from the pairs of a "
            "query's original and a gallery image."
        ),
        caveat="The data fix it only up to the next observed distance. Thresholds of two recognisers do not compare.",
    ),
    _fnmr_at("fnmr_at_fmr_10", "10"),
    _fnmr_at("fnmr_at_fmr_1", "1"),
    _fnmr_at("fnmr_at_fmr_0_1", "0.1"),
    _rank(1),
    _rank(5),
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
        how=_PAIRS,
        caveat="It sees means and variances only; skewed distributions of one d' may have different error rates.",
    ),
)
"""In the order of tables."""
