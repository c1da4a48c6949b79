"""How quick templates are made and compared: `python speed/bench_matching.py [--size 1024] [--threads 2]`.

The shifted Hamming matcher stands beside two NumPy loops over pairs (the tests' reference, one plane and one shift
after the other, and one that takes all planes of a shift at once) and a ceiling: XOR, population count and addition on
words that never leave the registers. Vector distances stand beside the matrix product that they need. What is compared
takes turns in the same run; ratios are medians over the turns. Rates are per second of processor time, so that a busy
machine does not count; with several threads, the sum of their times is divided by their number.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from deid_bench.recognizers.matching.vector_matching import VectorDistance, vector_distances
from deid_bench.recognizers.palm.compcode import CompCode
from deid_bench.recognizers.palm.mtcc import Mtcc

U32Array = NDArray[np.uint32]
Bits = NDArray[np.bool_]
SHIFTS = range(-4, 5)
WORDS_PER_COMPARISON = 12 * len(SHIFTS) * sum(32 - abs(dy) for dy in SHIFTS)
"""Words of 32 bits that MTCC in its default variant has to look at, overlaps only."""


def turns(functions: Sequence[Callable[[], Any]], count: int) -> NDArray[np.float64]:
    """(count, functions) seconds of processor time, the functions taking turns."""
    for function in functions:
        function()
    found = np.empty((count, len(functions)))
    for row in found:
        for place, function in enumerate(functions):
            start = time.process_time()
            function()
            row[place] = time.process_time() - start
    return found


def cropped(bits: Bits, dy: int, dx: int) -> Bits:
    """The part that a shift leaves."""
    return bits[..., max(dy, 0) : 32 + min(dy, 0), max(dx, 0) : 32 + min(dx, 0)]


def plain_distance(a: Bits, b: Bits) -> float:
    """MTCC's default distance as it is defined: the mean over planes of the best shift's share of differing bits."""
    best = [
        min(float(np.mean(cropped(x, dy, dx) ^ cropped(y, -dy, -dx))) for dy in SHIFTS for dx in SHIFTS)
        for x, y in zip(a, b, strict=True)
    ]
    return sum(best) / len(best)


def planes_at_once_distance(a: Bits, b: Bits) -> float:
    """The same with all planes of a shift in one NumPy operation."""
    best = np.ones(12)
    for dy in SHIFTS:
        for dx in SHIFTS:
            differ = cropped(a, dy, dx) ^ cropped(b, -dy, -dx)
            np.minimum(best, differ.sum(axis=(1, 2)) / ((32 - abs(dy)) * (32 - abs(dx))), out=best)
    return float(best.mean())


def counting_loop() -> tuple[Callable[[], Any], float]:
    """What XORs, counts and adds words in registers, and how many a call."""
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import njit
    from numba.core import cgutils as untyped
    from numba.core import types
    from numba.extending import intrinsic

    cgutils: Any = untyped
    vector, streams, rounds = ir.VectorType(ir.IntType(32), 16), 8, 2_000_000

    def count(_typing_context: Any, words: Any, turns: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data
            places = builder.bitcast(data, vector.as_pointer())
            at = [builder.gep(places, [ir.Constant(ir.IntType(64), k)]) for k in range(streams)]
            fixed = [builder.load(each, align=4) for each in at]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, [0] * 16)) for _ in at]
            popcount = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector]), "llvm.ctpop.v16i32"
            )
            undefined = ir.Constant(vector, ir.Undefined)
            with cgutils.for_range(builder, arguments[1]) as loop:
                word = builder.trunc(loop.index, ir.IntType(32))
                one = builder.insert_element(undefined, word, ir.Constant(ir.IntType(32), 0))
                key = builder.shuffle_vector(one, undefined, ir.Constant(vector, [0] * 16))
                for each, total in zip(fixed, sums, strict=True):
                    bits = builder.call(popcount, [builder.xor(each, key)])
                    builder.store(builder.add(builder.load(total), bits), total)
            for each, total in zip(at, sums, strict=True):
                builder.store(builder.load(total), each, align=4)
            return context.get_dummy_value()

        return types.void(words, turns), emit

    counting: Callable[..., None] = intrinsic(count)
    compiled = njit(nogil=True)(lambda words, turns: counting(words, turns))
    words = np.random.default_rng(0).integers(0, 2**32, streams * 16, dtype=np.uint32)
    return partial(compiled, words, rounds), float(rounds * streams * 16)


def random_templates(count: int, planes: int) -> U32Array:
    """Templates of unrelated palms."""
    return np.random.default_rng(1).integers(0, 2**32, (count, planes, 32), dtype=np.uint32)


def hamming_table(size: int, threads: int, repetitions: int) -> Table:
    """Comparisons a second of the shifted Hamming matcher, of NumPy loops and at the ceiling."""
    table = Table("matcher", "threads", "comparisons/s", "of the ceiling", "x plain loop", "x planes at once")
    table.title = f"Comparing {size} x {size} templates"
    bits = np.random.default_rng(2).random((3, 12, 32, 32)) < 0.5
    ceiling, words = counting_loop()
    templates = random_templates(size, 12)
    others = templates.copy()  # the same array on both sides would be half the work
    functions: list[Callable[[], Any]] = [
        lambda: [plain_distance(a, b) for a in bits for b in bits],
        lambda: [planes_at_once_distance(a, b) for a in bits for b in bits],
        ceiling,
        partial(Mtcc("yan").distances, templates, others),
        partial(Mtcc("yan").distances, templates, others, threads=threads),
    ]
    work = np.array([9, 9, words / WORDS_PER_COMPARISON, size * size, size * size])
    rates = work / turns(functions, repetitions)
    rates[:, 4] *= threads
    plain, at_once, limit = (statistics.median(rates[:, k]) for k in range(3))
    table.add_row("mtcc yan, plain NumPy loop (the tests')", "1", f"{plain:,.0f}", f"{plain / limit:.4%}", "1", "")
    table.add_row("mtcc yan, NumPy, planes at once", "1", f"{at_once:,.0f}", f"{at_once / limit:.3%}", "", "1")
    for column, count in ((3, 1), (4, threads)):
        ratios = [statistics.median(rates[:, column] / rates[:, other]) for other in (2, 0, 1)]
        rate = statistics.median(rates[:, column])
        share = f"{ratios[0] / count:.0%}"
        table.add_row("mtcc yan", str(count), f"{rate:,.0f}", share, f"{ratios[1]:,.0f}", f"{ratios[2]:,.0f}")
    table.add_row("popcount ceiling (mtcc yan)", "1", f"{limit:,.0f}", "100%", "", "")
    for label, recognizer, planes in (("mtcc official", Mtcc("official"), 12), ("compcode", CompCode(), 3)):
        templates = random_templates(size, planes)
        seconds = turns([partial(recognizer.distances, templates, templates.copy())], repetitions)
        table.add_row(label, "1", f"{size * size / statistics.median(seconds[:, 0]):,.0f}", "", "", "")
    return table


def vector_table(size: int, width: int, repetitions: int) -> Table:
    """Distances of vectors beside the matrix product alone, at its best size."""
    table = Table("distance", "comparisons/s", "GFLOP/s", "of the product's peak")
    table.title = f"{size} x {size} vectors of {width} numbers, {os.environ.get('OMP_NUM_THREADS', 'all')} thread(s)"
    rng = np.random.default_rng(4)
    a, b = (rng.standard_normal((size, width), np.float32) for _ in range(2))
    square, out = rng.standard_normal((2048, 2048), np.float32), np.empty((2048, 2048), np.float32)
    kinds: tuple[VectorDistance, ...] = ("cosine", "angular", "euclidean")
    functions: list[Callable[[], Any]] = [lambda: np.matmul(square, square, out=out)]
    functions += [partial(vector_distances, a, b, kind) for kind in kinds]
    work = np.array([2 * 2048**3, *[2 * size * size * width] * 3])
    rates = work / turns(functions, repetitions)
    table.add_row("(matrix product)", "", f"{statistics.median(rates[:, 0]) / 1e9:.1f}", "100%")
    for column, kind in enumerate(kinds, 1):
        rate = statistics.median(rates[:, column])
        share = statistics.median(rates[:, column] / rates[:, 0])
        table.add_row(kind, f"{rate / (2 * width):,.0f}", f"{rate / 1e9:.1f}", f"{share:.0%}")
    return table


def embedding_table(repetitions: int) -> Table:
    """Milliseconds per palm square, beside SciPy's convolution with the 12 kernels of MTCC."""
    from scipy.signal import convolve2d

    from deid_bench.recognizers.palm.gabor import YAN

    table = Table("recognizer", "ms per ROI", "ratio", title="Coding palm squares, one core")
    crops = list(np.random.default_rng(3).integers(0, 256, (8, 128, 128, 3), dtype=np.uint8))
    kernels = YAN.kernels()

    def scipy_responses() -> None:
        first = [convolve2d(crops[0][..., 0], kernel, mode="same") for kernel in kernels]
        for response, kernel in zip(first, kernels, strict=True):
            convolve2d(response, kernel, mode="same")

    labels = ("mtcc yan", "mtcc official", "compcode")
    functions = [partial(each.embed, crops) for each in (Mtcc("yan"), Mtcc("official"), CompCode())]
    seconds = turns([scipy_responses, *functions], repetitions) / np.array([1, 8, 8, 8])
    table.add_row("(SciPy convolve2d, both orders)", f"{statistics.median(seconds[:, 0]) * 1e3:.1f}", "1")
    for column, label in enumerate(labels, 1):
        ratio = statistics.median(seconds[:, 0] / seconds[:, column])
        table.add_row(label, f"{statistics.median(seconds[:, column]) * 1e3:.2f}", f"{ratio:.0f}")
    return table


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Speed of templates and of their comparison.")
    parser.add_argument("--size", type=int, default=1024, help="templates on either side (default 1024)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of the parallel row")
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    console = Console(width=120)
    one, start = random_templates(1, 12), time.process_time()
    Mtcc().distances(one, one)
    console.print(f"first comparison of the process: {time.process_time() - start:.2f} s of processor time")
    console.print(embedding_table(options.repetitions))
    console.print(hamming_table(options.size, options.threads, options.repetitions))
    console.print(vector_table(2 * options.size, 2048, options.repetitions))


if __name__ == "__main__":
    main()
