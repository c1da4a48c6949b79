"""What a dataset's labels say of a hand reaches the method: a method for palms refuses the back of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.tasks import ImageRef, deidentify_task, plugin_of
from deid_bench.benchmark.run import Execution, run
from deid_bench.datasets.base import Sample
from deid_bench.datasets.manifest import manifest_digest
from deid_bench.plugins.entries import Kind, registry

BACK = "the back of a hand"
LABELS = {
    "00_0.png": ("", ""),
    "00_1.png": ("", "palmar"),
    "01_0.png": ("left", ""),
    "01_1.png": ("left", "dorsal"),
    "02_0.png": ("right", ""),  # the toy analyzer takes every hand for a left one, which proves nothing
    "02_1.png": ("right", "palmar"),
}


def write_labels(folder: Path) -> None:
    lines = [f"{name},{name[:2]},{hand},{aspect}" for name, (hand, aspect) in LABELS.items()]
    (folder / "labels.csv").write_text("\n".join(["file,identity,hand,aspect", *lines]), encoding="utf-8")


def test_backs_are_refused_counted_and_named(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    hands = registry().resolve(Kind.DATASET, f"toy-hands:folder={tmp_path / 'hands'},identities=3,samples=2")
    hands.create().prepare()
    write_labels(tmp_path / "hands")
    dataset = f"folder:path={tmp_path / 'hands'},manifest=labels.csv"
    options = toy_options("pixelation", "pixelation:region=hand", datasets=(dataset,))
    palm, whole = (each.record for each in run(options, Execution(out=tmp_path / "out", backend="serial")))
    refused = {
        each.reason: (each.outcome, each.count, each.total, each.first)
        for each in palm.failures
        if each.stage == "deidentify"
    }
    assert refused == {BACK: ("refused", 1, 6, ["01_1.png"])}
    assert whole.failures == []  # a whole hand may be covered from either side


def test_what_is_not_told_changes_no_digest(tmp_path: Path) -> None:
    method = plugin_of(registry().resolve(Kind.DEIDENTIFIER, "pixelation"))

    def made(**labels: Any) -> tuple[str, str]:
        sample = Sample("a", "a", "a", tmp_path, "00", **labels)
        task = deidentify_task("a", ImageRef.of(sample), "analysis", method, 0, sample=sample)
        return task.digest, manifest_digest([sample])

    plain = made()
    assert made(aspect="palmar") == plain
    assert made(hand="left")[0] == plain[0]
    assert made(aspect="dorsal")[0] != plain[0]
    assert made(aspect="dorsal")[1] != plain[1]
