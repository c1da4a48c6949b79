"""Descriptions of the privacy numbers that look at whole distributions: unlinkability, legal risks, diversity."""

from __future__ import annotations

from ..metric import Metric
from .singling_out import PEOPLE

_UNLINKABILITY = "Gomez-Barrero et al., IEEE TIFS 13(6), 2018"
_WP216 = "Article 29 Working Party, Opinion 05/2014 (WP216)"
_PALM_DIVERSITY = "Yan et al., arXiv:2504.08272, 2025, section IV-D (distributions); number by deid-bench"
_EVERY = (
    "palm-paper/1.0 over everybody, palm/1.0 over the evaluated subjects, face/1.0 over the queries "
    "against the gallery; "
    "failed images count as their originals, images that the recogniser cannot process are left out."
)
_SEEDS = (
    "Only in runs with several seeds (--seeds); palm-paper/1.0 over everybody, palm/1.0 over the evaluated subjects. "
    "Failed images are left out."
)
_PEOPLE = (
    f"Given from {PEOPLE} identities on; palm-paper/1.0 over everybody, palm/1.0 over the evaluated subjects, face/1.0 "
    "over the queries against the gallery. Failed images count as their originals."
)
_PREDICATE = "palm-paper/1.0 and face/1.0 set the threshold on those that are measured, palm/1.0 on the dev subjects."
_OTHER_CAPTURES = "An image is never compared with its own original, only with other captures of the identity."

PRIVACY_METRICS = (
    Metric(
        name="eer_effective",
        title="Effective EER",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=50.0,
        definition=(
            "EER of recognising de-identified images by originals, or what is left to 100 % where it is above 50 %, "
            f"since an attacker may as well accept what is far. 50 % is as good as guessing. {_OTHER_CAPTURES}"
        ),
        formula="min(EER, 100 % - EER)",
        citation="ISO/IEC 19795-1:2021; folding by deid-bench",
        how=_EVERY,
        caveat="50 % holds against this recogniser; another one may still see who it is.",
    ),
    Metric(
        name="eer_deidentified",
        title="EER among de-identified",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "EER of telling de-identified images of one identity from those of others, both sides de-identified: an "
            "attacker who enrols the method's own output. Low where the method leaves, or puts in, what links the "
            "images of a person."
        ),
        formula="EER of distances between de-identified images of different originals",
        citation="VoicePrivacy, lazy-informed attacker; ISO/IEC 19795-1:2021",
        how=f"{_EVERY} One version of each image; images the method failed on are left out.",
        caveat="A method that gives each person a new, constant identity has a low value by design.",
    ),
    Metric(
        name="d_sys",
        title="Linkability D_sys",
        group="privacy",
        unit="",
        better="lower",
        low=0.0,
        high=1.0,
        definition=(
            "Global linkability of de-identified images and originals from the likelihood ratio of their distances: "
            f"0 unlinkable, 1 linkable without doubt. Read it beside its null value. {_OTHER_CAPTURES}"
        ),
        formula="sum over bins of p(bin | mated) max(0, (p - q) / (p + q)); p, q shares of mated, non-mated in the bin",
        citation=_UNLINKABILITY,
        how=_EVERY,
        caveat="Histograms of few comparisons show linkability by themselves, which is why the null value is given.",
    ),
    Metric(
        name="d_sys_null",
        title="D_sys of chance",
        group="privacy",
        unit="",
        better="lower",
        low=0.0,
        high=1.0,
        definition=(
            "What D_sys comes out at on average with as many comparisons when mated and non-mated distances follow one "
            "distribution; a D_sys near it shows no linkability."
        ),
        formula="mean of D_sys over random relabellings",
        citation="deid-bench",
        how=_EVERY,
        caveat="Comparisons count as independent, so that it is a little too low where identities have many images.",
    ),
    Metric(
        name="linkability",
        title=f"Linkability of {PEOPLE}",
        group="privacy",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"Chance that a de-identified image is nearest to its own identity among {PEOPLE}, the others drawn at "
            f"random; guessing gives {100 / PEOPLE:g} %. {_OTHER_CAPTURES}"
        ),
        formula=f"mean over images of C(K - 1 - c, {PEOPLE - 1}) / C(K - 1, {PEOPLE - 1}); c of K - 1 others nearer",
        citation=f"{_WP216}; our reading",
        how=f"{_PEOPLE} Images that the recogniser cannot process count as not linked.",
        caveat="A reading of the opinion, not the law. The attacker has the recogniser and nothing else.",
    ),
    Metric(
        name="singling_out",
        title=f"Singling out of {PEOPLE}",
        group="privacy",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            "Chance that 'published image within the EER threshold of my original of the target' holds for images of "
            f"the target and of none of {PEOPLE - 1} others drawn at random; a predicate that knows nothing reaches "
            f"{100 / PEOPLE * (1 - 1 / PEOPLE) ** (PEOPLE - 1):.1f} %. {_OTHER_CAPTURES}"
        ),
        formula=f"mean of [d_own <= t] C(K - 1 - f, {PEOPLE - 1}) / C(K - 1, {PEOPLE - 1}); f of K - 1 others within t",
        citation=f"{_WP216}; our reading",
        how=f"{_PEOPLE} {_PREDICATE} Images that the recogniser cannot process are left out.",
        caveat="A reading of the opinion, not the law. It falls too when the predicate accepts everybody.",
    ),
    Metric(
        name="dprime_diversity",
        title="Diversity d'",
        group="privacy",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            "Decidability between distances of versions of one image made with different seeds and distances of "
            "originals of different identities; 0 when versions are as unlike as strangers."
        ),
        formula="|mu_v - mu_i| / sqrt((s_v^2 + s_i^2) / 2)",
        citation=_PALM_DIVERSITY,
        how=_SEEDS,
        caveat="Means and variances only; versions further apart than strangers raise it too.",
    ),
    Metric(
        name="overlap_diversity",
        title="Diversity overlap",
        group="privacy",
        unit="%",
        better="higher",
        low=0.0,
        high=100.0,
        definition=(
            "Overlap of the same two distributions: 100 % when versions of one image are as unlike as strangers, 0 % "
            "when they are always nearer to each other (or always further apart)."
        ),
        formula="sum over common bins of the smaller share",
        citation=_PALM_DIVERSITY,
        how=_SEEDS,
        caveat="Two samples of one distribution overlap a little less than wholly, the less the larger they are.",
    ),
    Metric(
        name="lpips_between_seeds",
        title="LPIPS between seeds",
        group="privacy",
        unit="",
        better="higher",
        low=0.0,
        high=None,
        definition=(
            "Mean perceptual distance (LPIPS, AlexNet) between de-identified versions of one image made with different "
            "seeds; 0 when the method always paints the same."
        ),
        formula="mean of LPIPS over neighbouring versions (1 and 2, 2 and 3, …) of every image",
        citation="Zhang et al., CVPR 2018 (LPIPS v0.1); deid-bench",
        how=_SEEDS,
        caveat=(
            "Versions that look different may show one identity: read it beside the diversity by the "
            "recogniser. Given only in runs with --quality full where the weights are at hand."
        ),
    ),
)
"""In the order of tables, to follow those of `metrics_reidentification`."""
