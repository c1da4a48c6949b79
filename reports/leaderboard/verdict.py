"""A row in words: whether it hides who somebody is, from which attacker, and what it costs."""

from __future__ import annotations

from ...benchmark.readings.places import MIN_RANKED_IDENTITIES
from ...benchmark.records.record import RunRecord, Value

HIDES, MOSTLY = 10.0, 50.0
"""Of a hundred images at most so many are recognised all the same: *hides*, *hides in part*; above: *does not hide*."""
LEAST_FOUND = 95.0
"""With fewer hands or faces found again, %, the verdict says so."""
FAILED = 5.0
"""From so many failed images on, %, the verdict says so."""
SANITY = "no method: one end of the scale"


def verdict(record: RunRecord) -> str:
    """`hides, but 55 % of hands are no longer found`, with the number and the attacker that it rests on.

    The worst recogniser speaks, and the worst attack where attacks were tried. Where the ends of its 95 % interval
    would give another word, the word is *probably*.
    """
    if record.method.family == "sanity":
        return SANITY
    if record.dataset.no_rates:
        return f"no verdict: {record.dataset.no_rates}"
    if record.dataset.identities < MIN_RANKED_IDENTITIES:
        return f"no verdict: {record.dataset.identities} identities are too few"
    costs = [each for each in (_lost(record), _failed(record)) if each]
    return ", but ".join([_hidden(record), " and ".join(costs)] if costs else [_hidden(record)])


def _hidden(record: RunRecord) -> str:
    tried = [each for each in record.values if each.metric == "rank1_worst"]
    if tried:
        return _told(tried, "(worst attack: {})")
    rejected = [_turned(each) for each in record.values if each.metric == "rr"]
    if not rejected:
        return "no verdict: nothing was compared"
    return _told(rejected, "from who does not try ({} recognised)")


def _told(values: list[Value], words: str) -> str:
    """What the worst of the recognisers' numbers says; a number that is absent could be a worse one."""
    worst, lost = _largest(values), next((each for each in values if each.value is None), None)
    if worst is not None and (lost is None or min(worst) > MOSTLY):
        share, low, high = worst
        return f"{_word(share, low, high)} {words.format(_percent(share))}"
    assert lost is not None
    return f"no verdict: {lost.recognizer or 'all recognisers'}: {lost.reason or 'no number'}"


def _turned(rejected: Value) -> Value:
    """The share that is recognised, from the share that is not."""
    if rejected.value is None:
        return rejected
    within = rejected.interval
    turned = within.model_copy(update={"low": 100 - within.high, "high": 100 - within.low}) if within else None
    return rejected.model_copy(update={"value": 100 - rejected.value, "interval": turned})


def _largest(values: list[Value]) -> tuple[float, float, float] | None:
    """The worst recogniser's share with its interval, %."""
    known = [
        (each.value, each.interval.low, each.interval.high) if each.interval else (each.value, each.value, each.value)
        for each in values
        if each.value is not None
    ]
    return max(known, default=None)


def _word(share: float, low: float, high: float) -> str:
    words = [
        "hides" if each <= HIDES else "hides in part" if each <= MOSTLY else "does not hide"
        for each in (share, low, high)
    ]
    return words[0] if len(set(words)) == 1 else f"probably {words[0]}"


def _lost(record: RunRecord) -> str:
    found = record.value("survival")
    if found is None or found.value is None or found.value >= LEAST_FOUND:
        return ""
    face = any("landmarks" in each.metric for each in record.values)
    return f"{_percent(100 - found.value)} of {'faces' if face else 'hands'} are no longer found"


def _failed(record: RunRecord) -> str:
    share = 100 * record.counts.failed / max(record.counts.planned, 1)
    return f"{_percent(share)} of images failed" if share >= FAILED else ""


def _percent(share: float) -> str:
    """Whole numbers; what is not all and not nothing is not rounded to it."""
    return f"{min(max(round(share), 1), 99) if 0 < share < 100 else round(share)} %"
