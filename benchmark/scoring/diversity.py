"""How different the versions are that a method makes of one image with different seeds (palm paper, section IV-D)."""

from __future__ import annotations

import numpy as np

from ..metrics.privacy.diversity import overlap
from ..metrics.recognition.decidability import d_prime
from ..metrics.recognition.population import Population
from ..metrics.values import Undefined
from ..results.cell import CellResults, Distances, Matrix, Setting
from ..results.tiles import Tiled, by_image, whole
from .compared import AllPairs
from .numbers import Values, Vector
from .recognition import Recognition


def report_diversity(
    values: Values, setting: Setting, results: CellResults, distances: Distances, scored: Recognition
) -> dict[str, Vector]:
    """Add the diversity numbers of one recogniser; nothing where there is one version per image.

    Returns:
        The distances between versions of one image, for figures.
    """
    if setting.repetitions < 2:
        return {}
    name = scored.name
    everyone = [each.subject for each in setting.samples]
    evaluated = setting.protocol.eval_subjects(everyone)
    versions = _between_versions(results, distances, evaluated)
    impostor: Matrix | Population = scored.impostor
    if not isinstance(distances.originals, Tiled):
        kept = np.flatnonzero([each.subject in evaluated for each in results.usable])
        among = AllPairs(distances.originals, scored.cluster, scored.people).distances(kept)[1]
        assert isinstance(among, np.ndarray)
        impostor = among[np.isfinite(among)]
    count = versions.size
    values.add("dprime_diversity", d_prime(versions, impostor), count, name)
    values.add("overlap_diversity", overlap(versions, impostor), count, name)
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
    return {"versions": versions}


def _between_versions(results: CellResults, distances: Distances, evaluated: frozenset[str]) -> Vector:
    """Distances between the versions of each evaluated image; what could not be compared is left out."""
    twins = distances.twins if distances.first is not None else by_image(whole(distances.versions), results.made)
    squares = [
        twins[each.sample_id] for each in results.usable if each.subject in evaluated and each.sample_id in twins
    ]
    found = [square[np.triu_indices(len(square), 1)] for square in squares]
    all_of_them = np.concatenate([np.empty(0, np.float32), *found]).astype(np.float64)
    return all_of_them[np.isfinite(all_of_them)]
