"""How different the versions are that a method makes of one image with different seeds (palm paper, section IV-D)."""

from __future__ import annotations

import numpy as np

from ..metrics.privacy.diversity import diversity_scores, overlap
from ..metrics.recognition.decidability import d_prime
from ..metrics.values import Undefined
from ..results.cell import CellResults, Distances, Setting
from .numbers import Values, Vector


def report_diversity(
    values: Values, setting: Setting, results: CellResults, distances: Distances, name: str
) -> dict[str, Vector]:
    """Add the diversity numbers of one recogniser; nothing where there is one version per image.

    Returns:
        The distances between versions of one image, for figures.
    """
    if setting.repetitions < 2:
        return {}
    everyone = [each.subject for each in setting.samples]
    evaluated = setting.protocol.eval_subjects(everyone)
    kept = np.flatnonzero([each.subject in evaluated for each in results.usable])
    place = {int(row): index for index, row in enumerate(kept)}
    column = {each.sample_id: index for index, each in enumerate(results.usable)}
    rows = [
        (row, place[column[each.sample.sample_id]])
        for row, each in enumerate(results.made)
        if column[each.sample.sample_id] in place
    ]
    chosen = np.array([row for row, _ in rows], dtype=np.intp)
    found = diversity_scores(
        distances.originals[np.ix_(kept, kept)],
        distances.deidentified[np.ix_(chosen, kept)],
        distances.versions[np.ix_(chosen, chosen)],
        [results.usable[int(row)].identity for row in kept],
        [source for _, source in rows],
    )
    count = found.versions.size
    values.add("dprime_diversity", d_prime(found.versions, found.impostor), count, name)
    values.add("overlap_diversity", overlap(found.versions, found.impostor), count, name)
    first = name == next(iter(results.distances))
    if first and results.seed_lpips:
        people = sorted({each.identity for each in setting.samples})
        pairs: list[tuple[float | Undefined, int]] = [
            (value, people.index(each.identity))
            for each in results.usable
            if each.subject in evaluated
            for value in results.seed_lpips.get(each.sample_id, ())
        ]
        values.add_mean("lpips_between_seeds", [value for value, _ in pairs], [cluster for _, cluster in pairs])
    return {"versions": found.versions}
