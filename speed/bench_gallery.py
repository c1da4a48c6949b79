"""How long searches in a large gallery take: `python speed/bench_gallery.py [--entries 1000000] [--probes 1000]`.

Vectors are drawn: a direction for each person, probes around that of their own entry. Half of the probes are near it,
half so far from it that it is lost in the crowd, as after a de-identification: its rank is counted, which takes more
than a list. The gallery lies in a file that is mapped, as templates of distractors are. Beside each search stands a
bare matrix product of the same size and one thread, in the same run.

Wall and processor time are both shown, and the load before: on a busy machine the processor time is what the search
takes. `--engine` chooses one engine, so that the largest size of the process is that of this one; `--what mtcc`
searches codes of MTCC.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from deid_bench.benchmark.stages.threads import single_threaded
from deid_bench.benchmark.storage.host import peak_memory_mb
from deid_bench.recognizers.matching.faiss_search import is_here, search_approximately, search_flat
from deid_bench.recognizers.matching.gallery_search import TILE, Compared, Found, Gallery, Vectors, search
from deid_bench.recognizers.palm.mtcc import Mtcc

LISTED = 10
BLOCK = 2**14
NEAR, FAR = 0.8, 20.0
"""Length of what is added to a direction, for probes that are found and for those that are not."""

Vectors32 = NDArray[np.float32]


def drawn(count: int, width: int, seed: int) -> Vectors32:
    """(count, width) of length 1."""
    rows = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def write_gallery(path: Path, entries: int, width: int) -> Vectors32:
    """A file of vectors, mapped."""
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (entries, width))
    for at in range(0, entries, BLOCK):
        mapped[at : at + BLOCK] = drawn(min(BLOCK, entries - at), width, at)
    mapped.flush()
    del mapped
    return np.asarray(np.load(path, mmap_mode="r"))


def timed(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, wall seconds and seconds of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = function()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def product(probes: Vectors32, gallery: Gallery) -> None:
    """The multiplications that an exact search cannot do without."""
    for _, block in gallery.blocks(TILE):
        probes @ block.T


def told(found: Found) -> str:
    """Rank-1, rank-k and the median rank."""
    shares = [f"rank-{k} {np.mean((found.ranks > 0) & (found.ranks <= k)):.1%}" for k in (1, LISTED)]
    return f"{', '.join(shares)}, median rank {np.median(found.ranks):.0f}"


def search_vectors(entries: int, count: int, width: int, engines: list[str], console: Console) -> None:
    """Searches of vectors, one engine after the other."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery([write_gallery(Path(folder) / "gallery.npy", entries, width)])
        own = np.linspace(0, entries - 1, count).astype(np.int64)
        away = np.where(np.arange(count) % 2, FAR, NEAR).astype(np.float32)[:, None]
        probes = gallery.take(own) + away * drawn(count, width, 1)
        for engine in engines:
            _, wall, bare = timed(lambda: product(probes, gallery))
            console.print(f"matrix product: wall {wall:.1f} s, processor {bare:.1f} s")
            space = Vectors(probes, "cosine")
            functions: dict[str, Callable[..., Any]] = {
                "tiles": search,
                "faiss": search_flat,
                "index": search_approximately,
            }
            found, wall, cpu = timed(partial(functions[engine], space, gallery, own, LISTED))
            recall = None
            if isinstance(found, tuple):
                found, recall = found
            console.print(
                f"{engine}: wall {wall:.1f} s, processor {cpu:.1f} s, {bare / cpu:.0%} of the product's limit; "
                f"{told(found)}; largest size {peak_memory_mb():.0f} MiB"
            )
            if recall is not None:
                console.print(
                    f"  recall of the nearest {recall.nearest:.1%}, of the {LISTED} nearest {recall.listed:.1%} on "
                    f"{recall.probes} probes (their exact search is part of the time); {recall.looked_at} of "
                    f"{recall.lists} lists are looked at"
                )


def search_codes(entries: int, count: int, console: Console) -> None:
    """Searches of MTCC's codes."""
    rng, mtcc = np.random.default_rng(0), Mtcc()
    codes = rng.integers(0, 2**32, size=(entries, mtcc.planes, 32), dtype=np.uint32)
    own = np.linspace(0, entries - 1, count).astype(np.int64)
    mtcc.distances(codes[:2], codes[:2])  # loads its machine code
    space = Compared(codes[own], mtcc.distances)
    found, wall, cpu = timed(lambda: search(space, Gallery([codes]), own, LISTED))
    console.print(
        f"mtcc: wall {wall:.1f} s, processor {cpu:.1f} s, {1e9 * cpu / (entries * count):.0f} ns a pair; "
        f"{told(found)}; largest size {peak_memory_mb():.0f} MiB"
    )


def main() -> None:
    """Read the command line and print lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--probes", type=int, default=1_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--engine", choices=["tiles", "faiss", "index", "all"], default="all")
    parser.add_argument("--what", choices=["vectors", "mtcc"], default="vectors")
    given = parser.parse_args()
    console = Console(width=160)
    engines = ["tiles", *(["faiss", "index"] if is_here() else [])] if given.engine == "all" else [given.engine]
    with single_threaded():
        load = os.getloadavg()[0]
        console.print(f"{given.probes} probes in {given.entries} entries, one thread; load before {load:.1f}")
        if given.what == "mtcc":
            search_codes(given.entries, given.probes, console)
        else:
            search_vectors(given.entries, given.probes, given.width, engines, console)


if __name__ == "__main__":
    main()
