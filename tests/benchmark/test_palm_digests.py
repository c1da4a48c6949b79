"""Digests and stored bytes of palm work, as they were before faces came: finished results keep answering."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.benchmark.planning.cell_tasks import Tasks
from deid_bench.benchmark.planning.cells import Cell
from deid_bench.benchmark.planning.loaded_dataset import LoadedDataset
from deid_bench.benchmark.planning.tasks import Stage, compare_tasks, floor_task, perceive_task
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.stages.inputs import analysis_of, analysis_payload
from deid_bench.benchmark.storage.digest import digest
from deid_bench.benchmark.storage.store import Store
from deid_bench.datasets.base import Sample

PROTOCOLS = {
    "palm-paper/1.0": "556b03f28cfde7110691a1bcc55bdbc3e27bf09e98aedd5a961fa8c3a2515839",
    "palm/1.0": "01face178871b5ef5f83c765bf89976e3472443c1024b0daa0c316a40b674124",
}
"""Digest of all task digests below."""
STORED = "4d4037816673997a47ca812f268e1513fe41eb01c41cbe7aa8b85219e7f80b94"
"""SHA-256 of a stored analysis."""


def plugin(name: str, **info: Any) -> Any:
    """As much of a plug-in as tasks look at."""
    return SimpleNamespace(
        digest=digest(name), ref=None, info=SimpleNamespace(**info), resolved=SimpleNamespace(text=name)
    )


def task_digests(protocol: str) -> str:
    samples = tuple(
        Sample(f"s{person}{image}", f"i{person}", f"p{person}", Path(), digest([person, image]), hand="left")
        for person in range(6)
        for image in range(2)
    )
    dataset = LoadedDataset(plugin("data"), SimpleNamespace(modality="palm"), samples, digest("data"))  # type: ignore[arg-type]
    method, analyzer = plugin("method", needs=("donor",), stochastic=True), plugin("analyzer")
    recognizer = plugin("recognizer")
    cell = Cell(get_protocol(protocol), dataset, method, analyzer, (recognizer,), 2, 7)
    tasks = Tasks(cell)
    versions = tasks.versions(lambda sample: sample.sample_id != "s30", {})
    embeds = tasks.original_embeds(recognizer)
    made = [*tasks.originals.values(), *embeds.values()]
    for each in versions:
        made += [each.deidentify, each.analyze, each.measure, tasks.version_embed(each, recognizer)]
    rows = [each.digest for each in embeds.values()]
    made += compare_tasks("recognizer", rows, rows, recognizer)
    first = versions[0]
    made.append(perceive_task("x", tasks.image(first.sample), first.deidentify.digest, {"net": "0"}))
    made.append(floor_task("x", tasks.image(first.sample), tasks.references["s00"].digest, analyzer))
    assert {each.stage for each in made} <= set(Stage)
    return digest([each.digest for each in made])


def hand() -> HandAnalysis:
    points = np.arange(42, dtype=np.float32).reshape(21, 2)
    depth = np.arange(63, dtype=np.float32).reshape(21, 3) / np.float32(100)
    mask = np.zeros((40, 30), bool)
    mask[5:20, 3:17] = True
    return HandAnalysis(np.array([1, 2, 30, 40], np.float32), 0.75, "right", points, depth, points[:4], mask)


def test_digests_of_palm_tasks_are_what_they_were() -> None:
    assert {name: task_digests(name) for name in PROTOCOLS} == PROTOCOLS


def test_a_stored_hand_is_what_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    store.write("ab" * 32, analysis_payload(hand(), (40, 30)))
    (path,) = tmp_path.rglob("abab*.zip")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == STORED


def test_a_hand_comes_back_as_it_was_stored() -> None:
    found, before = analysis_of(analysis_payload(hand(), (40, 30))), hand()
    assert isinstance(found, HandAnalysis)
    assert (found.score, found.handedness) == (before.score, before.handedness)
    for name in ("box", "keypoints_2d", "keypoints_3d", "roi", "mask"):
        np.testing.assert_array_equal(getattr(found, name), getattr(before, name))


def test_what_a_hand_says_of_itself_is_stored_with_it() -> None:
    told = dataclasses.replace(hand(), found_by="turned by 90 degrees", handedness_by="the order of the keypoints")
    found = analysis_of(analysis_payload(told, (40, 30)))
    assert isinstance(found, HandAnalysis)
    assert (found.found_by, found.handedness_by) == (told.found_by, told.handedness_by)
