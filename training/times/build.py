"""Measures what `deid-bench plan` says where nothing was timed: seconds of each stage of the built-in plug-ins.

    python training/times/build.py [--limit 3]

Runs the built-in methods and recognisers, with their default parameters, on a few people of the built-in sets, in one
process with one thread, and keeps the lower quartile of the processor time of each kind of task, as other programs on
the machine only add to it. Recognisers embed an image together and share its time; comparing is timed apart, on blocks
as large as those of a run. What is not measured keeps the row that it had, if the file is of the same processor. An
order of magnitude is all that is asked: times depend on the machine, the parameters and the size of the image. `dedim`
has no row: its default would take hours here.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import quantiles
from typing import Any
from unittest.mock import patch

import numpy as np

from deid_bench import interface
from deid_bench.benchmark.planning import shipped_times
from deid_bench.benchmark.planning.defaults import default_protocol
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.planning.shipped_times import Key, key_of, shipped
from deid_bench.benchmark.planning.tasks import COMPARE_ROWS, Stage
from deid_bench.benchmark.run import Execution
from deid_bench.benchmark.storage.host import machine
from deid_bench.benchmark.storage.journal import Timing, read_timings
from deid_bench.benchmark.storage.store import STORE_FOLDER, Store
from deid_bench.plugins.entries import Kind, registry

PALMS: dict[str, Any] = {
    "methods": (
        *("identity", "other", "masking", "blurring", "pixelation"),
        *("pixel_permutation", "k_same", "palm_diffusion"),
    ),
    "dataset": ("palm-mini:setting=controlled",),
    "recognizer": ("mtcc", "compcode", "ccnet", "eehnet_style", "bocv", "ordinal", "hand_geometry"),
    "analyzer": "mediapipe_hands",
    "protocol": default_protocol("palm"),
}
FACES: dict[str, Any] = {
    "methods": ("masking", "tip_im"),
    "dataset": ("face-london",),
    "recognizer": ("mobilefacenet",),
    "analyzer": "mtcnn",
    "protocol": default_protocol("face"),
    "surrogate": "mobilefacenet",
}
COLUMNS = 1024
"""Templates that a block is compared with."""
FILE = Path(shipped_times.__file__).with_name(shipped_times.FILE_NAME)


def unhindered(timings: Iterable[Timing]) -> dict[Key, float]:
    """Seconds of a task of each kind, or of a pair of templates: the lower quartile."""
    found: dict[Key, list[float]] = defaultdict(list)
    for each in timings:
        found[key_of(each.stage, each.plugin)].append(each.seconds / each.pairs)
    return {key: quantiles([*seconds, *seconds], n=4, method="inclusive")[0] for key, seconds in found.items()}


def comparing(words: dict[str, Any]) -> dict[Key, float]:
    """Seconds of a pair of templates by recogniser, in a block of a run's size."""
    image = load_dataset(words["dataset"][0], 1, 1, None).samples[0].image()
    (analysis,) = registry().resolve(Kind.ANALYZER, words["analyzer"]).create().analyze([image])
    found = {}
    for name in words["recognizer"]:
        recognizer = registry().resolve(Kind.RECOGNIZER, name).create()
        rows = np.repeat(recognizer.embed([recognizer.align(image, analysis)]), COMPARE_ROWS, axis=0)
        columns = np.repeat(rows, COLUMNS // COMPARE_ROWS, axis=0)
        taken = []
        for _ in range(5):  # the first one compiles
            start = time.process_time()
            recognizer.distances(rows, columns)
            taken.append((time.process_time() - start) / (len(rows) * len(columns)))
        found[Stage.COMPARE.value, name] = min(taken)
    return found


def written(processor: str, seconds: dict[Key, float]) -> str:
    """The file."""
    lines = ["# Made by training/times/build.py: seconds of one core for a task, or for a pair of templates.", ""]
    lines.append(f'machine = "{processor}"')
    for stage in sorted({stage for stage, _ in seconds}):
        lines += ["", f"[{stage}]"]
        lines += [f'"{name}" = {value:.1e}' for (each, name), value in sorted(seconds.items()) if each == stage]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=3, help="palms or faces of each set")
    parser.add_argument("--set", choices=["palms", "faces", "comparing", "both"], default="both")
    options: Any = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1"}
    processor = machine()["processor"]
    known = dict(shipped().seconds) if FILE.is_file() and shipped().machine == processor else {}
    for name, words in (("palms", PALMS), ("faces", FACES)):
        if options.set == "comparing":
            known |= comparing(words)
        if options.set not in (name, "both"):
            continue
        with tempfile.TemporaryDirectory() as folder, patch.object(time, "perf_counter", time.process_time):
            execution = Execution(Path(folder), "serial", seconds_per_image=3600)
            interface.run(words["methods"], execution, limit=options.limit, attacks="none", **_without_methods(words))
            found = unhindered(read_timings(Store(Path(folder) / STORE_FOLDER)))
        found |= comparing(words)
        # What both sets have is that of the larger images, of hands.
        known = {**found, **known} if words is FACES else {**known, **found}
    FILE.write_text(written(processor, known), encoding="utf-8")
    print(f"{FILE}: {len(known)} kinds of tasks on {processor}")


def _without_methods(words: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in words.items() if name != "methods"}


if __name__ == "__main__":
    main()
