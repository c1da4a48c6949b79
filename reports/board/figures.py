"""Figures of one row, drawn from the distances beside its record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...benchmark.protocols import ProtocolError, protocol_of
from ...benchmark.records.record import RunRecord
from ...benchmark.results.distances_file import DISTANCES_NAME, PairDistances, read
from ...benchmark.storage.strict_zip import Refused
from .svg import det_svg, distributions_svg

MAX_BYTES = 64 * 2**20
"""A larger file of distances is not read: a board is looked at, and should be made in seconds."""

Array = NDArray[np.float32]


def row_figures(record: RunRecord, folder: Path) -> tuple[list[tuple[str, list[str]]], str]:
    """Figures by recogniser, and why something is missing (empty when nothing is).

    The DET curves stand in the record itself; the distributions need the file of distances.
    """
    pairs, missing = _pairs(folder)
    found = []
    for each in record.recognizers:
        curves = [
            (_DET[curve.name], curve.x, curve.y)
            for curve in record.curves
            if curve.recognizer == each.spec and curve.name in _DET
        ]
        kinds = _kinds(pairs, each.spec, record) if pairs else {}
        drawn = [det_svg(curves)] if curves else []
        if kinds:
            threshold = record.value("eer_threshold", each.spec)
            named = [(text, kinds[kind]) for kind, text in _NAMES.items()]
            drawn.append(distributions_svg(named, threshold.value if threshold else None))
        found.append((each.spec, [figure for figure in drawn if figure]))
    return found, missing


_DET = {
    "det": "originals",
    "det_own": "de-identified, own original",
    "det_cross": "de-identified, other originals",
}
"""Curves of the record."""
_NAMES = {
    "genuine": "originals of one identity",
    "impostor": "originals of two identities",
    "own": "de-identified, own original",
    "cross": "de-identified, other originals",
}
"""The four distributions of the palm paper's figure 5."""


def _pairs(folder: Path) -> tuple[PairDistances | None, str]:
    path = folder / DISTANCES_NAME
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return None, f"Distributions are not drawn: {DISTANCES_NAME} has {size // 2**20} MB."
        return read(path), ""
    except FileNotFoundError:
        return None, f"No distributions of distances: there is no {DISTANCES_NAME} beside this record."
    except (Refused, OSError) as error:
        return None, f"No distributions of distances: {' '.join(str(error).split())[:200]}"


def _kinds(pairs: PairDistances, recognizer: str, record: RunRecord) -> dict[str, Array]:
    """Distances by kind of pair, over the evaluated subjects; empty when the file lacks the recogniser."""
    distances = pairs.distances.get(recognizer)
    if distances is None:
        return {}
    evaluated = _evaluated(pairs, record)
    counted = np.array([pairs.subjects[sample] in evaluated for sample in pairs.usable], dtype=bool)
    names = np.array([pairs.identities[sample] for sample in pairs.usable], dtype=np.str_)
    column = {int(sample): index for index, sample in enumerate(pairs.usable)}
    sources = np.array([column[int(s)] for s in pairs.version_sample[pairs.version_row >= 0]], dtype=np.intp)
    upper = np.triu(np.ones(distances.originals.shape, dtype=bool), 1) & counted[:, None] & counted[None, :]
    searched = counted
    if record.retrieval is not None:  # queries are compared with the gallery alone
        asked = {row.sample_id for row in record.samples}
        query = np.array([pairs.sample_ids[sample] in asked for sample in pairs.usable], dtype=bool)
        searched = counted & ~query
        upper = (counted & query)[:, None] & searched[None, :]
    same = names[:, None] == names[None, :]
    probes = counted[sources][:, None] & counted[None, :]
    own = np.zeros(probes.shape, dtype=bool)
    own[np.arange(len(sources)), sources] = True
    mated = same[sources]
    masks = {"own": probes & own, "cross": probes & searched[None, :] & mated & ~own}
    found = {"genuine": distances.originals[upper & same], "impostor": distances.originals[upper & ~same]}
    found |= {kind: distances.deidentified[mask] for kind, mask in masks.items()}
    return {kind: values[np.isfinite(values)] for kind, values in found.items()}


def _evaluated(pairs: PairDistances, record: RunRecord) -> frozenset[str]:
    """Subjects that the record's numbers are about; everybody under a protocol that is not known here."""
    known = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if known is None:
        return frozenset(pairs.subjects)
    try:
        return known.eval_subjects(pairs.subjects)
    except ProtocolError:
        return frozenset(pairs.subjects)
