"""Makes bob_golden.json: error rates of small score sets by bob.measure, an independent implementation.

bob.measure needs numpy below 2, so this runs in an environment of its own:

    python -m venv bobvenv && bobvenv/bin/pip install bob.measure "numpy<2"
    bobvenv/bin/python make_bob_golden.py

bob.measure takes similarities and accepts score >= threshold; distances go in with their sign changed, so that its
threshold t stands for the distance -t.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bob.measure
import numpy as np
from numpy.typing import NDArray

TARGETS = (0.1, 0.01)


def score_sets() -> Any:
    rng = np.random.default_rng(20250411)
    yield "overlapping", rng.normal(0.30, 0.05, 150), rng.normal(0.42, 0.04, 600)
    yield "separated", rng.normal(0.20, 0.02, 60), rng.normal(0.45, 0.02, 300)
    yield "tied", rng.integers(0, 12, 80) / 16, rng.integers(6, 17, 240) / 16
    yield "skewed", rng.beta(2, 8, 200), rng.beta(8, 3, 200)
    yield "reversed", rng.normal(0.5, 0.05, 40), rng.normal(0.4, 0.05, 90)
    yield "tiny", np.array([0.1, 0.2, 0.45]), np.array([0.3, 0.4, 0.5, 0.6])


def measure(genuine: NDArray[Any], impostor: NDArray[Any]) -> Any:
    positives, negatives = np.sort(-genuine), np.sort(-impostor)
    grid = np.quantile(np.concatenate([genuine, impostor]), [0.1, 0.3, 0.5, 0.7, 0.9])
    result: dict[str, Any] = {
        "eer": float(bob.measure.eer(negatives, positives)),
        "eer_threshold": -float(bob.measure.eer_threshold(negatives, positives)),
        "rates": [],
        "fnmr_at_fmr": [],
    }
    for t in grid:
        fmr, fnmr = bob.measure.farfrr(negatives, positives, -t)
        result["rates"].append({"threshold": float(t), "fmr": float(fmr), "fnmr": float(fnmr)})
    for target in TARGETS:
        threshold = bob.measure.far_threshold(negatives, positives, target)
        fmr, fnmr = bob.measure.farfrr(negatives, positives, threshold)
        result["fnmr_at_fmr"].append({"target": target, "fmr": float(fmr), "fnmr": float(fnmr)})
    return result


def main() -> None:
    cases = []
    for name, genuine, impostor in score_sets():
        genuine, impostor = np.round(genuine, 6), np.round(impostor, 6)
        cases.append(
            {
                "name": name,
                "genuine": genuine.tolist(),
                "impostor": impostor.tolist(),
                **measure(genuine, impostor),
            }
        )
    document = {"bob.measure": version("bob.measure"), "numpy": version("numpy"), "cases": cases}
    Path(__file__).with_name("bob_golden.json").write_text(json.dumps(document, indent=None) + "\n")


if __name__ == "__main__":
    main()
