"""What attackers who try find: the worst case, whom it finds, and how much its ranking says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..citations import HOUSE, ISO
from ..metric import Metric
from ..recognition.error_rates import fnmr_at_fmr
from ..recognition.identification import identify
from ..values import Undefined
from .effective_eer import effective_eer

HALF = 0.5 - 1e-9
"""From which share of a person's images on the person counts as found; rounding decides nothing."""


def people_found(found: Mapping[int, float]) -> list[float]:
    """1 for each person who is found in at least half of the images, else 0.

    Args:
        found: by person, the share of images that are found, 0..1.

    >>> people_found({0: 1.0, 1: 0.5, 2: 0.25})
    [1.0, 1.0, 0.0]
    """
    return [float(share >= HALF) for share in found.values()]


def disclosure_bits(ranks: ArrayLike, people: ArrayLike, count: int) -> NDArray[np.float64] | Undefined:
    """Bits that each image's ranking tells about its person.

    log2(N p), N the number of people and p the share of *other* people's images whose own identity stands at the same
    rank, smoothed by half an image a rank: an attacker knows from others how far his rankings are to be believed.

    Args:
        ranks: (images,) rank of the own identity, 1..count; tied ranks are rounded.
        people: (images,) number of the person.
        count: N.

    Returns:
        (images,), or why there are none (fewer than two people have images).

    >>> bits = disclosure_bits([1, 1, 1, 1], [0, 1, 2, 3], 4)
    >>> bits.round(2).tolist()
    [1.49, 1.49, 1.49, 1.49]
    """
    place = np.clip(np.rint(np.asarray(ranks, dtype=np.float64)).astype(np.intp), 1, count) - 1
    person = np.asarray(people, dtype=np.intp)
    if np.unique(person).size < 2:
        return Undefined("needs images of at least 2 people")
    total = np.bincount(place, minlength=count).astype(np.float64)
    bits = np.empty(len(place))
    for number in np.unique(person):
        own = person == number
        others = total - np.bincount(place[own], minlength=count)
        share = (others + 0.5) / (others.sum() + count / 2)
        bits[own] = np.log2(count * share[place[own]])
    return bits


_CHOSEN = (
    "Attack and settings are those that {} on the dev people, and are reported for the others; where a protocol has no "
    "dev people, each third of the people is attacked with what did best on the other two. What fails a control or has "
    "not converged does not count. The row card names the attack."
)
_INFORMED = "After the informed attackers of the VoicePrivacy challenge; McPherson et al., arXiv:1609.00408"
_CAVEAT = "It is the worst of the attacks that were tried; a better attacker may find more."

RANK1_WORST = Metric(
    name="rank1_worst",
    title="Rank-1, worst attack",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition="Share of published images whose person the worst attacker of the suite names at the first guess.",
    formula="max over attacks of rank-1 without the source",
    citation=_INFORMED,
    function=identify,
    source="distances",
    attackers=True,
    short="worst rank-1",
    scale=100.0,
    order=10,
    blocks=frozenset({"privacy", "retrieval", "overview"}),
    resampling="images",
    how=_CHOSEN.format("name most images right"),
    caveat=_CAVEAT,
)
EER_WORST = Metric(
    name="eer_worst",
    title="EER, worst attack",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=50.0,
    definition="Effective EER of the worst attacker of the suite. 50 % is as good as guessing.",
    formula="min over attacks of min(EER, 100 % - EER)",
    citation=_INFORMED,
    function=effective_eer,
    source="distances",
    attackers=True,
    short="worst EER",
    scale=100.0,
    order=12,
    resampling="identities",
    how=_CHOSEN.format("have the lowest error rate"),
    caveat=_CAVEAT,
)
TPR_WORST = Metric(
    name="tpr_at_fmr_1_worst",
    title="TPR at FMR 1 %, worst attack",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        "Share of mated comparisons that the worst attacker of the suite accepts where he accepts at most 1 % of the "
        "non-mated ones: how sure he can be of those that he finds."
    ),
    formula="max over attacks of 1 - FNMR at FMR 1 %",
    citation="Carlini et al., Membership inference attacks from first principles, IEEE S&P 2022",
    function=fnmr_at_fmr,
    source="distances",
    attackers=True,
    short="worst TPR",
    scale=100.0,
    order=14,
    resampling="identities",
    how=_CHOSEN.format("accept most"),
    caveat=_CAVEAT,
)
RANK1_MAX = Metric(
    name="rank1_max",
    title="Rank-1, largest of all",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        "The largest rank-1 of all combinations that count, looked for on the very people that it is reported for, and "
        "too large by that. Its interval holds all of them at once and so the largest true one."
    ),
    formula="max over combinations of rank-1; interval by max-T",
    citation="Westfall & Young, Resampling-based multiple testing, 1993",
    function=identify,
    source="distances",
    attackers=True,
    short="largest rank-1",
    scale=100.0,
    order=16,
    resampling="images",
    how="Over everybody who is evaluated.",
    caveat="Read rank1_worst first; this one is its cautious neighbour.",
)
PEOPLE_FOUND = Metric(
    name="people_found",
    title="People found in half of their images",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition="Share of people whom the worst attacker names at the first guess in at least half of their images.",
    formula="share of identities with rank-1 of at least 50 % over their own images",
    citation=HOUSE,
    function=people_found,
    source="distances",
    attackers=True,
    short="people found",
    scale=100.0,
    order=18,
    resampling="identities",
    how="The attack of rank1_worst, over the same people.",
    caveat="An average over images can hide that some people are found always and others never.",
)
DISCLOSURE = Metric(
    name="disclosure_bits",
    title="Disclosure",
    group="privacy",
    unit="bit",
    better="lower",
    low=None,
    high=None,
    definition=(
        "What the ranking of the worst attacker tells about who it is: the mean of log2(N p(rank)), N the number of "
        "people and p the distribution of ranks among the other people, so that nobody vouches for himself."
    ),
    formula="mean over images of log2(N (c + 1/2) / (n + N/2)), c of n other people's images at that rank",
    citation="After Shannon's mutual information; leave-one-person-out, Krichevsky-Trofimov smoothing",
    function=disclosure_bits,
    source="distances",
    attackers=True,
    decimals=2,
    order=20,
    resampling="identities",
    how="The attack of rank1_worst, over the same people. Near log2 N where everybody is found, near 0 at chance.",
    caveat="It grows with the logarithm of the gallery: compare on one dataset only.",
)
TPR_AT_FMR_1 = Metric(
    name="tpr_at_fmr_1",
    title="TPR at FMR 1 %",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        "Share of mated comparisons that an attacker accepts where he accepts at most 1 % of the non-mated ones."
    ),
    formula="1 - FNMR at FMR 1 %, on published images against the attacker's gallery",
    citation=ISO,
    function=fnmr_at_fmr,
    source="distances",
    scale=100.0,
    order=22,
    resampling="identities",
    how="For each attack of a suite, in the row card and the table of attacks.",
    caveat="Of the attacker in whose row it stands; another one may accept more.",
)
TPR_AT_FMR_0_1 = Metric(
    name="tpr_at_fmr_0_1",
    title="TPR at FMR 0.1 %",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        "Share of mated comparisons that an attacker accepts where he accepts at most 0.1 % of the non-mated ones."
    ),
    formula="1 - FNMR at FMR 0.1 %, on published images against the attacker's gallery",
    citation=ISO,
    function=fnmr_at_fmr,
    source="distances",
    scale=100.0,
    order=24,
    resampling="identities",
    how="For each attack of a suite, in the row card and the table of attacks; needs 1,000 non-mated comparisons.",
    caveat="Of the attacker in whose row it stands; another one may accept more.",
)
