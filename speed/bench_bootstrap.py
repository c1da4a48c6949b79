"""How quick intervals are: `python speed/bench_bootstrap.py [--identities 520] [--samples 5] [--resamples 1000]`.

The default has 3.4 million comparisons of originals. Times are wall-clock times of one call; set
OPENBLAS_NUM_THREADS to choose the threads of the matrix products.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from deid_bench.benchmark.statistics.bootstrap_scores import (
    Clustered,
    cut_pairs,
    d_prime_rows,
    dir_rows,
    eer_rows,
    fnmr_rows,
    rejection_rows,
)
from deid_bench.benchmark.statistics.pairing import pair_up
from deid_bench.benchmark.statistics.uncertainty import Draws, draw_clusters

Result = TypeVar("Result")


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Speed of the bootstrap of recognition scores.")
    parser.add_argument("--identities", type=int, default=520)
    parser.add_argument("--samples", type=int, default=5, help="per identity (default 5)")
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    table = Table("step", "wall s", "CPU s")
    spent = np.zeros(2)

    def timed(label: str, function: Callable[[], Result]) -> Result:
        wall, cpu = time.perf_counter(), time.process_time()
        result = function()
        took = np.array([time.perf_counter() - wall, time.process_time() - cpu])
        spent[:] += took
        table.add_row(label, f"{took[0]:.2f}", f"{took[1]:.2f}")
        return result

    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(options.identities), options.samples)
    codes = rng.normal(size=(options.identities, 16))[identity] + 0.6 * rng.normal(size=(identity.size, 16))
    squares = (codes**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * codes @ codes.T, 0)).astype(np.float32)
    own = Clustered(rng.normal(4, 1, identity.size), identity)
    count = identity.size - options.samples
    cross = Clustered(rng.normal(4, 1, count * 4), np.resize(identity, count * 4))

    draws = timed("draw", lambda: draw_clusters(options.identities, options.resamples))
    assert isinstance(draws, Draws)
    weights = draws.weights
    pairs = timed("pair up and sort", lambda: pair_up(distances, identity))
    cuts = timed("cut", lambda: cut_pairs(pairs, weights))
    point = timed("EER", lambda: eer_rows(pairs, weights, cuts))
    timed("FNMR at 3 FMR", lambda: fnmr_rows(pairs, weights, cuts=cuts))
    timed("d'", lambda: d_prime_rows(pairs, weights))
    for label, scores in (("own", own), ("cross", cross)):
        timed(f"RR {label} ({scores.values.size})", partial(rejection_rows, scores, point.threshold, weights))
        timed(f"DIR {label}", partial(dir_rows, pairs, scores, weights))
    table.add_row("all", *(f"{each:.2f}" for each in spent))
    table.title = f"{pairs.table.distances.size:,} comparisons, {weights.shape[0]} rows of weights"
    Console().print(table)


if __name__ == "__main__":
    main()
