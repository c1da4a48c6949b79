"""Makes the golden record of the present layout: `python -P make_golden.py NAME`, in this folder.

Run it whenever `records.schema()` changes, under a new name (`run-1-more.json`), and keep the old files: what was
written once stays readable. It also adds the schema's hash to `schemas.txt`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import Host, schema
from deid_bench.benchmark.results.distances_file import read
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.submission.recompute import recompute
from deid_bench.plugins.entries import registry

HERE = Path(__file__).parent


def main(name: str) -> None:
    registry().add_file(HERE.parent / "face_world.py")
    options = RunOptions(
        methods=("toy_lookalike",),
        datasets=("toy-faces:folder=faces,identities=52,samples=2,blank=1",),
        protocol="face/1.1",
        analyzer="toy_face_analyzer",
        recognizers=("toy_face_recognizer",),
        attacks="A1",
        metrics=(f"{HERE.parents[1] / 'my_metrics.py'}:EdgeLoss",),
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        outcome = run(options, Execution(out=Path("results"), backend="serial"))[0]
        host = Host(
            created="2025-01-01T00:00:00+00:00", backend="serial", jobs=1, machine={"processor": "any"},
            packages={"numpy": "2"}, seconds={"analyze": 0.01}, wall_seconds=1.0, peak_memory_mb=100.0,
        )  # fmt: skip
        origin = {"origin": "file face_world.py"}
        plugins = {
            "method": outcome.record.method.model_copy(update=origin),
            "dataset": outcome.record.dataset.model_copy(update=origin),
            "analyzer": outcome.record.analyzer.model_copy(update=origin),
            "recognizers": [each.model_copy(update=origin) for each in outcome.record.recognizers],
            "metrics": [each.model_copy(update={"origin": "file my_metrics.py"}) for each in outcome.record.metrics],
        }
        record = outcome.record.model_copy(update={"host": host, **plugins})
        # Numbers that distances do not give again are others with and without networks at hand.
        found = recompute(record, read(outcome.folder / "distances.npz"))
        lost = {each.metric for each in found.verdicts if each.outcome == "not recomputable"}
        record = record.model_copy(update={"values": [each for each in record.values if each.metric not in lost]})
        (HERE / name).write_text(record.model_dump_json(indent=1) + "\n")
        (HERE / name).with_suffix(".npz").write_bytes((outcome.folder / "distances.npz").read_bytes())
    with (HERE / "schemas.txt").open("a") as file:
        file.write(f"{hashlib.sha256(schema().encode()).hexdigest()} {name}\n")


if __name__ == "__main__":
    main(sys.argv[1])
