"""How quick scores of very many distances are: `python speed/bench_scores.py [--pairs 31000000]`.

EER, DIR, d', FNMR at three FMRs and the DET curve, from single precision distances as recognisers give them, sorted.
Three sizes show that the cost grows with the number of comparisons; each row has a
process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import EerPoint, eer, fmr_fnmr_curve, fnmr_at_fmr
from deid_bench.benchmark.metrics.recognition.population import Ordered
from deid_bench.benchmark.storage.host import peak_memory_mb

GENUINE_SHARE = 0.0006
"""Of all comparisons, as in NTU-PI: 2 035 palms, 7 881 images."""
PART = 2**20
"""Distances that arrive at once."""


def collect(count: int, mean: float, seed: int) -> Ordered:
    """Distances arriving in tiles; making them up does not count."""
    rng, parts = np.random.default_rng(seed), []
    for at in range(0, count, PART):
        parts.append(0.04 * rng.standard_normal(min(PART, count - at), np.float32) + np.float32(mean))
    return Ordered.of(np.concatenate(parts), "made up")


def measure(pairs: int) -> str:
    """One row: CPU seconds, wall seconds, peak memory, and the EER."""
    genuine_count = max(1, round(GENUINE_SHARE * pairs))
    before = peak_memory_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    spent: list[float] = []
    for mean, seed in ((0.45, 1), (0.36, 2)):  # what it takes to make the numbers up, without keeping them
        rng = np.random.default_rng(seed)
        for at in range(0, pairs if seed == 1 else 2 * genuine_count, PART):
            _ = 0.04 * rng.standard_normal(min(PART, pairs - at), np.float32) + np.float32(mean)
    spent = [time.perf_counter() - wall, time.process_time() - cpu]
    wall, cpu = time.perf_counter(), time.process_time()
    impostor = collect(pairs, 0.45, 1)
    genuine, own = collect(genuine_count, 0.33, 2), collect(genuine_count, 0.42, 3)
    point = eer(genuine, impostor)
    assert isinstance(point, EerPoint)
    dir_ratio(genuine, impostor, own)
    d_prime(genuine, impostor)
    fnmr_at_fmr(genuine, impostor)
    fmr_fnmr_curve(genuine, impostor, 200)
    took = time.perf_counter() - wall - spent[0], time.process_time() - cpu - spent[1]
    peak = peak_memory_mb()
    return f"{took[1]:.2f} {took[0]:.2f} {peak:.0f} {before:.0f} {100 * point.eer:.5f}"


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Speed of scores of many distances.")
    parser.add_argument("--pairs", type=int, default=31_000_000, help="impostor comparisons of the largest row")
    parser.add_argument("--measure", type=int, metavar="PAIRS", help="one row, as numbers")
    options = parser.parse_args()
    if options.measure:
        sys.stdout.write(measure(options.measure))
        return
    table = Table("distances", "CPU s", "wall s", "peak MiB", "of which at start", "EER %", "ns CPU each")
    for pairs in (options.pairs // 4, options.pairs // 2, options.pairs):
        command = [sys.executable, __file__, "--measure", str(pairs)]
        row = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        table.add_row(f"{pairs:,}", *row[:5], f"{float(row[0]) / pairs * 1e9:.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
