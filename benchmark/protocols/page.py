"""Protocols as text: what `deid-bench info` and `explain` print, and the table in docs/protocols.md."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Protocol

REGENERATE = "deid-bench explain --protocols --markdown"
"""Prints the table of docs/protocols.md."""

_THRESHOLD = {
    "eer": "lowest of equal error",
    "eer-range": "all of equal error; the end that is worst for privacy, with the range",
}
_PLACE = {
    "own-else-original": "detector on the de-identified image; where it finds nothing, as in the original",
    "original": "as in the original",
}


def protocol_facts(protocol: Protocol) -> dict[str, str]:
    """Everything about a protocol under short labels, in the order to read it; empty ones are left out."""
    found = {
        "title": protocol.title,
        "follows": protocol.source,
        "summary": protocol.about,
        "superseded by": protocol.superseded_by,
        "modality": protocol.modality,
        "thresholds from": _people(protocol, protocol.threshold.source),
        "measured on": _people(protocol, "eval"),
        "threshold": _THRESHOLD[protocol.threshold.rule],
        "place in a de-identified image": _PLACE[protocol.alignment.probe],
        "crop": f"{protocol.crop.template}, {protocol.crop.size} px" if protocol.crop else "",
        "searches": _searches(protocol),
        "datasets": ", ".join(protocol.datasets),
        "analyzer": protocol.analyzer,
        "recognizers": ", ".join(protocol.recognizers),
        "digest": protocol.digest,
    }
    return {label: text for label, text in found.items() if text}


def _people(protocol: Protocol, part: str) -> str:
    if not protocol.split.dev_share:
        return "everybody"
    share = f"{100 * protocol.split.dev_share:g} %"
    return f"dev subjects ({share}, seed {protocol.split.seed})" if part == "dev" else "the other subjects"


def _searches(protocol: Protocol) -> str:
    rule = protocol.retrieval
    if rule is None:
        return "everything in all originals"
    said = f"{rule.queries} queries in {rule.gallery_mates} mates and {rule.gallery_others} images of others"
    if rule.sessions is not None:
        said += f", or {rule.sessions.query} in {rule.sessions.mate} where a dataset has both"
    return f"{said}, seed {rule.seed}"


def protocols_table(chosen: Sequence[Protocol]) -> str:
    """Markdown table of protocols, one a row."""
    head = ("protocol", "follows", "thresholds from", "threshold", "measured on", "recognisers", "superseded by")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for each in chosen:
        facts = protocol_facts(each)
        cells = (
            f"`{each.id}`",
            facts["follows"],
            facts["thresholds from"],
            facts["threshold"],
            facts["measured on"],
            ", ".join(f"`{name}`" for name in each.recognizers),
            f"`{each.superseded_by}`" if each.superseded_by else "",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
