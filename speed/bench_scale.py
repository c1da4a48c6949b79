"""What scoring takes as datasets grow: `python speed/bench_scale.py [--palms 2035] [--images 7881] [--versions 10]`.

Templates are drawn, not made of images: unit vectors around one direction for each palm, those of de-identified images
further off. The comparisons that a large run asks for go into a store as its blocks; then all numbers and intervals of
one recogniser are computed as a run does, with measures of every image as it has them. Shown are processor seconds,
because other work may be going on, and the largest size of the process. `--held 1000000000` holds everything in memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from deid_bench.benchmark.metrics.quality.distribution import Network
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.planning.cell_tasks import Version
from deid_bench.benchmark.planning.comparisons import comparisons, is_large
from deid_bench.benchmark.planning.sizing import INCEPTION
from deid_bench.benchmark.planning.tasks import Stage, Task
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.results.blocks import join_blocks
from deid_bench.benchmark.results.cell import CellResults, Distances, SetFeatures, Setting
from deid_bench.benchmark.results.tiles import by_image, whole
from deid_bench.benchmark.scoring.cell import Scored, score_results
from deid_bench.benchmark.stages.measure import DRIFTS, LOOKED, PIXELS
from deid_bench.benchmark.storage import spilled
from deid_bench.benchmark.storage.host import peak_memory_mb
from deid_bench.benchmark.storage.store import Payload, Store
from deid_bench.datasets.base import Sample
from deid_bench.recognizers.matching.vector_matching import vector_distances

NUMBERS = 128
"""Of a template."""
NAME = "drawn"
MEASURED = (*PIXELS, "roi_changed", *DRIFTS.values())
Vectors = NDArray[np.float32]


def unit(vectors: NDArray[Any]) -> Vectors:
    """Of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def draw(palms: int, images: int, versions: int) -> tuple[list[Sample], Vectors, Vectors]:
    """Samples, and the templates of originals and of de-identified images."""
    rng = np.random.default_rng(0)
    of = np.sort(np.arange(images) % palms)
    centres = unit(rng.standard_normal((palms, NUMBERS)))
    originals = unit(centres[of] + 0.11 * rng.standard_normal((images, NUMBERS)))
    hidden = np.repeat(originals, versions, axis=0)
    hidden = unit(0.25 * hidden + 0.1 * rng.standard_normal(hidden.shape).astype(np.float32))
    samples = [
        Sample(f"{index:07d}", f"palm{palm:06d}", f"p{palm // 2:06d}", Path(), "") for index, palm in enumerate(of)
    ]
    return samples, originals, hidden


def compared(
    store: Store, made: Sequence[Version], originals: Vectors, hidden: Vectors
) -> tuple[Distances, int, float]:
    """Distances as a run of this size has them, how many were computed, and the processor seconds of that alone."""
    place: dict[str, Vectors] = {}
    names: list[list[str]] = []
    for kind, templates in (("o", originals), ("v", hidden)):
        names.append([hashlib.sha256(f"{kind}{index}".encode()).hexdigest() for index in range(len(templates))])
        place |= dict(zip(names[-1], templates, strict=True))
    recognizer: Any = SimpleNamespace(digest=NAME, ref=None, resolved=SimpleNamespace(text=NAME))
    large = is_large(len(originals), len(hidden), 1)
    sets = comparisons(
        names[0], names[1], [(each.sample.sample_id, each.repetition) for each in made], recognizer, large
    )
    pairs, seconds = 0, 0.0
    for task in sets.tasks:
        a, b = (
            np.stack([place[str(each)] for each in side])
            for side in (task.inputs[: task.split], task.inputs[task.split :])
        )
        start = time.process_time()
        found = vector_distances(a, b, "cosine")
        seconds += time.process_time() - start
        pairs += found.size
        store.write(task.digest, Payload({}, {"distances": found}))

    def matrix(tasks: Sequence[Task], rows: int, columns: int) -> Any:
        return join_blocks(tasks, lambda task: store.read(task.digest), (rows, columns), large=large)

    n, m = len(originals), len(hidden)
    ones = m if sets.first is None else len(sets.first)
    twins: dict[str, NDArray[np.float32]] = {}
    for group, tasks in sets.twins:
        twins |= by_image(whole(matrix(tasks, len(group), len(group))), [made[index] for index in group])
    first = None if sets.first is None else np.array(sets.first, dtype=np.intp)
    distances = Distances(
        matrix(sets.originals, n, n),
        matrix(sets.deidentified, m, n),
        matrix(sets.versions, ones, ones),
        {},
        first,
        twins,
    )
    return distances, pairs, seconds


def measures(names: Sequence[str]) -> Payload:
    """As they are read from the store: every image has numbers and names of its own."""
    return Payload(json.loads(json.dumps({"values": dict.fromkeys(names, 0.5), "reasons": {}})))


def drawn_features(originals: int, versions: int) -> list[SetFeatures]:
    """Drawn in place of what Inception and AlexNet give."""
    rng = np.random.default_rng(1)
    sizes: list[tuple[Network, int]] = [("alexnet", 256), ("inception", INCEPTION)]
    return [
        SetFeatures(network, False, rng.random((originals, numbers)), rng.random((versions, numbers)))
        for network, numbers in sizes
    ]


def scored(
    samples: list[Sample], made: list[Version], versions: int, distances: Distances, features: Sequence[SetFeatures]
) -> Scored:
    """All numbers of one recogniser."""
    digests = [each.deidentify.digest for each in made]
    nothing: dict[str, Any] = dict.fromkeys(digests)
    results = CellResults(
        missing={each.sample_id: None for each in samples},
        versions=made,
        failed=nothing,
        crashed=frozenset(),
        survived=dict.fromkeys(digests, True),
        measures={each: measures(MEASURED) for each in digests},
        perceived=Undefined("not asked for"),
        looked={each: measures(LOOKED) for each in digests},
        coverage=dict.fromkeys(digests, 0.5),
        images={each: hashlib.sha256(each.encode()).hexdigest() for each in digests},
        usable=samples,
        distances={NAME: distances},
        features=features,
        floors={},
        seed_lpips={},
        seconds={},
    )
    return score_results(Setting(get_protocol("palm-paper/1.0"), samples, versions), results)


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Memory and time of scoring as datasets grow.")
    parser.add_argument("--palms", type=int, default=2035, help="identities (default 2035, those of NTU-PI)")
    parser.add_argument("--images", type=int, default=7881, help="originals (default 7881, those of NTU-PI)")
    parser.add_argument("--versions", type=int, default=10, help="de-identified versions of each (default 10)")
    parser.add_argument("--held", type=int, default=spilled.HELD, help="numbers of one kind that are held in memory")
    parser.add_argument("--features", action="store_true", help="with distances of sets, which take a minute or two")
    parser.add_argument("--max-mb", type=float, default=3 * 1024, help="fail if the process was larger (default 3072)")
    options = parser.parse_args()
    spilled.HELD = options.held
    console = Console(width=100)
    samples, originals, hidden = draw(options.palms, options.images, options.versions)
    made = []
    for index in range(len(hidden)):
        sample = samples[index // options.versions]
        task = Task(Stage.DEIDENTIFY, str(index), sample.sample_id)
        made.append(Version(sample, index % options.versions, task, task, task))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.open()
        distances, pairs, seconds = compared(store, made, originals, hidden)
        del originals, hidden
        features = drawn_features(len(samples), len(made)) if options.features else []
        before = peak_memory_mb()
        console.print(
            f"{len(samples):,} x {options.versions}: {pairs:,} comparisons, {seconds:.1f} CPU s, {before:.0f} MiB"
        )
        wall, cpu = time.perf_counter(), time.process_time()
        found = scored(samples, made, options.versions, distances, features)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory_mb()
    numbers = [each for each in found.values.values if each.value is not None and each.recognizer]
    for each in numbers:
        within = "" if each.interval is None else f" {each.interval.low!r}..{each.interval.high!r}"
        console.print(f"{each.metric} {each.value!r}{within}", highlight=False, soft_wrap=True)
    digest = hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]
    console.print(
        f"scored in {cpu:.1f} CPU s ({wall:.0f} s), {cpu / pairs * 1e9:.0f} ns a pair; peak {peak:.0f} MiB, {digest}"
    )
    if peak > options.max_mb:
        raise SystemExit(f"the process took {peak:,.0f} MiB, more than {options.max_mb:,.0f}")


if __name__ == "__main__":
    main()
