"""What a protocol decides about a metric, in words: read off the protocols, so that a new one needs no new text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...benchmark.metrics.metric import Facet, Metric
from ...benchmark.protocols import Protocol, protocols


def protocol_words(metric: Metric, known: Iterable[Protocol] | None = None) -> str:
    """Sentences about all protocols; those that say the same are named together. Empty where none decides anything.

    Args:
        metric: whose `protocol` says what is decided.
        known: protocols. None: all that there are.
    """
    rules = list(protocols().values() if known is None else known)
    return " ".join(_sentence(facet, rules) for facet in metric.protocol)


def general_words(metric: Metric) -> str:
    """The same without naming a protocol."""
    return " ".join(f"{_GENERAL[facet]}." for facet in metric.protocol)


def _sentence(facet: Facet, rules: Iterable[Protocol]) -> str:
    said: dict[str, list[str]] = {}
    for rule in rules:
        words = _WORDS[facet](rule)
        if words:
            said.setdefault(words, []).append(rule.id)
    return "; ".join(f"{', '.join(names)}: {words}" for words, names in said.items()) + "." if said else ""


def _who(rule: Protocol) -> str:
    if rule.retrieval is not None:
        return "the queries"
    return "the evaluated subjects" if rule.split.dev_share else "everybody"


def _images(rule: Protocol) -> str:
    return f"{_who(rule)}, whose originals are the aligned crops" if rule.crop is not None else _who(rule)


def _comparisons(rule: Protocol) -> str:
    return f"{_who(rule)} against the gallery" if rule.retrieval is not None else _who(rule)


def _alignment(rule: Protocol) -> str:
    if rule.crop is not None:
        return "aligned crops are taken as they are"
    if rule.alignment.probe == "original":
        return "the palm's place comes from the original"
    return (
        "the palm's place comes from the detector on the de-identified image or, where it finds no hand, from the "
        "original"
    )


def _place(rule: Protocol) -> str:
    return f"{_comparisons(rule)}, {_alignment(rule)}"


def _threshold(rule: Protocol) -> str:
    if rule.threshold.source == "dev":
        of = "of the dev subjects"
    elif rule.retrieval is not None:
        of = "of their originals against the gallery"
    else:
        of = "of their own originals"
    many = "the thresholds of equal error" if rule.threshold.rule == "eer-range" else "the threshold"
    return f"{_who(rule)} at {many} {of}, {_alignment(rule)}"


def _predicate(rule: Protocol) -> str:
    return (
        f"the threshold is set on {'the dev subjects' if rule.threshold.source == 'dev' else 'those that are measured'}"
    )


def _originals(rule: Protocol) -> str:
    if rule.retrieval is not None:
        return "the pairs of a query's original and a gallery image"
    return f"all pairs i < j of originals of {_who(rule)}; originals without a template take part in no pair"


def _operating(rule: Protocol) -> str:
    if rule.threshold.source == "dev":
        return "from the pairs of originals of the dev subjects, on whom nothing else is measured"
    if rule.retrieval is not None:
        return "from the pairs of a query's original and a gallery image"
    return "from the pairs of all originals, those that are measured included"


def _queries(rule: Protocol) -> str:
    return "queries against a gallery without their originals" if rule.retrieval is not None else ""


_WORDS: Mapping[Facet, Callable[[Protocol], str]] = {
    "images": _images,
    "comparisons": _comparisons,
    "queries": _queries,
    "threshold": _threshold,
    "place": _place,
    "predicate": _predicate,
    "originals": _originals,
    "operating": _operating,
}

_GENERAL: Mapping[Facet, str] = {
    "images": "Over the images that the protocol measures",
    "comparisons": "Over the images that the protocol measures, against all originals or the gallery",
    "queries": "Under protocols with queries and a gallery, which holds no query's original",
    "threshold": (
        "Over the images that the protocol measures, at the threshold that it sets on originals; where the recogniser "
        "looks for the palm in a de-identified image is the protocol's choice"
    ),
    "place": (
        "Over the images that the protocol measures; where the recogniser looks for the palm in a de-identified image "
        "is the protocol's choice"
    ),
    "predicate": "The threshold is that of the protocol",
    "originals": (
        "Over all pairs of originals that the protocol measures, or of a query's original and a gallery image; "
        "originals without a template take part in no pair"
    ),
    "operating": "From the pairs of those originals that the protocol sets thresholds on",
}
