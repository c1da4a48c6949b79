"""What stands on the card of one row: everything that the number depends on, and everything to cite."""

from __future__ import annotations

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.records.record import Plugin, RunRecord
from ..leaderboard.alarm_words import shown_alarms
from ..leaderboard.attacks import exposed_text, left_out, ran, rung_text, rungs
from ..leaderboard.by_group import heading, kinds, rows
from ..leaderboard.originals import on_originals

Section = tuple[str, list[tuple[str, str]]]


def sections(record: RunRecord) -> list[Section]:
    """Name and text of all facts, in the order to read them."""
    method, dataset = record.method, record.dataset
    return [
        (
            "Method",
            [
                ("about", method.description),
                ("specification", method.spec),
                (
                    "parameters as used",
                    ", ".join(f"{name} = {value}" for name, value in method.params.items()) or "none",
                ),
                ("family", method.family),
                ("knows", method.knowledge),
                ("depends on the seed", "yes" if method.stochastic else "no"),
                ("trained on", method.training_data),
                ("licence", method.licence),
                ("weights", _weights(method)),
                ("from", f"{method.origin}, version {method.version}, source {method.source_sha256[:12]}"),
            ],
        ),
        ("Images", _failures(record)),
        *_attacks(record),
        *((f"Recogniser {each.spec}", _tool(each, record)) for each in record.recognizers),
        ("Detector", [("specification", record.analyzer.spec), *_licence(record.analyzer), *_noise(record)]),
        (
            "Data",
            [
                ("dataset", f"{dataset.spec}: {dataset.description}"),
                ("size", f"{dataset.samples} images, {dataset.identities} identities, {dataset.subjects} people"),
                ("digest", dataset.digest[:16]),
                ("licence", dataset.licence),
            ],
        ),
        *((f"By {kind}", [("groups", heading(record, kind)), *rows(record, kind)]) for kind in kinds(record)),
        ("Provenance", _provenance(record)),
    ]


def _attacks(record: RunRecord) -> list[Section]:
    """The ladder of attackers with each recogniser: who finds how many."""
    if record.attacks is None:
        return [("Attackers", [("tried", ran(record))])]
    names = list(dict.fromkeys(each.recognizer for each in record.attacks.rows))
    found: list[Section] = [("Attackers", [("tried", ran(record)), *(("why not", why) for why in left_out(record))])]
    for name in names:
        rows = [(f"{each.row.attack} {each.title}", rung_text(each)) for each in rungs(record, name)]
        people = exposed_text(record, name)
        found.append((f"Attackers with {name}", [*rows, *([("found most often", people)] if people else [])]))
    return found


def _failures(record: RunRecord) -> list[tuple[str, str]]:
    counts = record.counts
    rows = [("done", f"{counts.done} of {counts.planned}")]
    rows += [(name, str(count)) for name, count in (("failed", counts.failed), ("skipped", counts.skipped)) if count]
    rows += [(f"{count} ×", reason) for reason, count in sorted(counts.reasons.items(), key=lambda item: -item[1])]
    return rows + [("note", text) for text in shown_alarms(record)]


def _tool(plugin: Plugin, record: RunRecord) -> list[tuple[str, str]]:
    """A recogniser and how well it works on the originals."""
    lines = [("specification", plugin.spec), ("on the originals", on_originals(record, plugin.spec))]
    threshold, about = record.value("eer_threshold", plugin.spec), METRICS["eer_threshold"]
    if threshold is not None and threshold.value is not None:
        lines.append((about.title, about.text(threshold.value)))
    return [*lines, *_licence(plugin)]


def _licence(plugin: Plugin) -> list[tuple[str, str]]:
    return [
        ("licence", plugin.licence),
        ("weights", _weights(plugin)),
        ("from", f"{plugin.origin}, version {plugin.version}"),
    ]


def _weights(plugin: Plugin) -> str:
    return ", ".join(f"{name} (sha256 {sha[:12]})" for name, sha in plugin.weights.items()) or "none"


def _noise(record: RunRecord) -> list[tuple[str, str]]:
    """The analyzer's own noise, to read the drift by."""
    parts = []
    for metric in METRICS.values():
        value = record.value(metric.name) if metric.name.startswith("floor_") else None
        if value is not None and value.value is not None:
            parts.append(f"{metric.title} {metric.text(value.value)} {metric.unit}")
    return [("noise floor", ", ".join(parts))] if parts else []


def _provenance(record: RunRecord) -> list[tuple[str, str]]:
    host = record.host
    return [
        ("record", record.digest[:16]),
        ("protocol", f"{record.protocol.id}, digest {record.protocol.digest[:16]}"),
        ("seeds", f"{record.repetitions} per image, root seed {record.root_seed}"),
        ("quality level", record.quality),
        ("made by", f"deid-bench {record.toolkit}, {host.created}"),
        ("machine", ", ".join(f"{name} {value}" for name, value in host.machine.items()) or NO_VALUE),
        ("seconds per task", ", ".join(f"{name} {value:.3f}" for name, value in host.seconds.items()) or NO_VALUE),
        ("libraries", ", ".join(f"{name} {version}" for name, version in host.packages.items()) or NO_VALUE),
    ]
