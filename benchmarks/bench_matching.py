"""How quick palm templates are made and compared: `python benchmarks/bench_matching.py [--size 1024] [--threads 2]`.

The compiled matcher stands beside a plain NumPy loop over the shifts and beside a ceiling measured in the same run:
XOR, population count and addition on words that stay in the first-level cache, with no shifting and no minimum.
Times are the best of several repetitions; the time to compile or load machine code is reported on its own.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from deid_bench.recognizers.compcode import CompCode
from deid_bench.recognizers.mtcc import Mtcc

U32Array = NDArray[np.uint32]
SHIFTS = range(-4, 5)
WORDS_PER_COMPARISON = 12 * len(SHIFTS) * sum(32 - abs(dy) for dy in SHIFTS)
"""Words of 32 bits that MTCC in its default variant has to look at, overlaps only."""


def best_seconds(function: Callable[[], Any], repetitions: int) -> float:
    """Shortest wall-clock time of `repetitions` calls."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def numpy_distance(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """MTCC's default distance of two (12, 32, 32) codes, one shift after the other."""
    best = np.ones(12)
    for dy in SHIFTS:
        for dx in SHIFTS:
            left = a[:, max(dy, 0) : 32 + min(dy, 0), max(dx, 0) : 32 + min(dx, 0)]
            right = b[:, max(-dy, 0) : 32 + min(-dy, 0), max(-dx, 0) : 32 + min(-dx, 0)]
            area = (32 - abs(dy)) * (32 - abs(dx))
            np.minimum(best, (left ^ right).sum(axis=(1, 2)) / area, out=best)
    return float(best.mean())


def ceiling_words_per_second() -> float:
    """Words XORed, counted and added a second on one core."""
    from numba import njit

    from deid_bench.recognizers._hamming_kernel import popcount

    def count(words: U32Array, key: U32Array, sums: U32Array, rounds: int) -> None:
        for _ in range(rounds):
            for k in range(0, words.shape[0], 8):
                for j in range(sums.shape[0]):
                    low = popcount(words[k, j] ^ key[k]) + popcount(words[k + 1, j] ^ key[k + 1])
                    low += popcount(words[k + 2, j] ^ key[k + 2]) + popcount(words[k + 3, j] ^ key[k + 3])
                    high = popcount(words[k + 4, j] ^ key[k + 4]) + popcount(words[k + 5, j] ^ key[k + 5])
                    high += popcount(words[k + 6, j] ^ key[k + 6]) + popcount(words[k + 7, j] ^ key[k + 7])
                    sums[j] += low + high

    compiled = njit(nogil=True)(count)
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**32, (32, 128), dtype=np.uint32)
    key = rng.integers(0, 2**32, 32, dtype=np.uint32)
    sums = np.zeros(128, np.uint32)
    compiled(words, key, sums, 1)
    rounds = 50_000
    return rounds * words.size / best_seconds(lambda: compiled(words, key, sums, rounds), 5)


def random_templates(count: int, planes: int) -> U32Array:
    """Templates of unrelated palms, the case in which nothing can be skipped."""
    return np.random.default_rng(1).integers(0, 2**32, (count, planes, 32), dtype=np.uint32)


def matching_table(size: int, threads: int) -> Table:
    """Comparisons a second."""
    table = Table("matcher", "threads", "comparisons/s", "of the ceiling", title=f"Comparing {size} x {size} templates")
    ceiling = ceiling_words_per_second() / WORDS_PER_COMPARISON
    bits = np.random.default_rng(2).random((4, 12, 32, 32)) < 0.5
    loop = 16 / best_seconds(lambda: [numpy_distance(a, b) for a in bits for b in bits], 3)
    table.add_row("mtcc yan, NumPy loop", "1", f"{loop:,.0f}", f"{loop / ceiling:.3%}")
    for label, recognizer, planes in (
        ("mtcc yan", Mtcc("yan"), 12),
        ("mtcc official", Mtcc("official"), 12),
        ("compcode", CompCode(), 3),
    ):
        templates = random_templates(size, planes)
        others = templates.copy()  # the same array on both sides would be half the work
        for count in sorted({1, threads}):
            seconds = best_seconds(partial(recognizer.distances, templates, others, threads=count), 3)
            rate = size * size / seconds
            share = f"{rate / ceiling / count:.0%}" if label == "mtcc yan" else ""
            table.add_row(label, str(count), f"{rate:,.0f}", share)
    table.add_row("popcount ceiling (mtcc yan)", "1", f"{ceiling:,.0f}", "100%")
    return table


def embedding_table() -> Table:
    """Milliseconds per palm square."""
    table = Table("recognizer", "ms per ROI", title="Coding 64 palm squares, one core")
    crops = list(np.random.default_rng(3).integers(0, 256, (64, 128, 128, 3), dtype=np.uint8))
    for label, recognizer in (("mtcc yan", Mtcc("yan")), ("mtcc official", Mtcc("official")), ("compcode", CompCode())):
        recognizer.embed(crops[:1])
        seconds = best_seconds(partial(recognizer.embed, crops), 5)
        table.add_row(label, f"{seconds / len(crops) * 1e3:.2f}")
    return table


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Speed of palm templates and of their comparison.")
    parser.add_argument("--size", type=int, default=1024, help="templates on either side (default 1024)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of the parallel rows")
    options = parser.parse_args()
    console = Console()
    one = random_templates(1, 12)
    console.print(f"first comparison of the process: {best_seconds(lambda: Mtcc().distances(one, one), 1):.2f} s")
    console.print(embedding_table())
    console.print(matching_table(options.size, options.threads))


if __name__ == "__main__":
    main()
