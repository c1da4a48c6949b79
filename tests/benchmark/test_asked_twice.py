"""What depends on more than what a plug-in was given is told by the record, whatever the plug-in is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.benchmark.planning.attack_tasks import match_tasks
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.planning.tasks import plugin_of
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.stages.attacks import TWO_DISTANCES
from deid_bench.benchmark.stages.distances import _corner_fault, _lopsided
from deid_bench.benchmark.stages.inputs import Context, analysis_payload
from deid_bench.benchmark.stages.recognition import run_tasks
from deid_bench.benchmark.stages.witness import ELSEWHERE
from deid_bench.benchmark.storage.digest import digest
from deid_bench.benchmark.storage.store import Payload, Store
from deid_bench.plugins.entries import Kind, registry

FILE, LATER = (Path(__file__).parents[1] / f"{name}.py" for name in ("unsteady", "changes_later"))
BACKENDS = ("serial", "process")


def recognizer(where: str) -> str:
    return f"{FILE}:Unsteady:where={where}"


def run_one(options: Any, out: Path, backend: str = "serial", jobs: int = 1) -> RunRecord:
    return run(options, Execution(out=out, backend=backend, jobs=jobs))[0].record


def irregular(record: RunRecord) -> list[tuple[str, str, str]]:
    """Stage, plug-in and words, all of which are alarms as well."""
    found = [each for each in record.failures if each.outcome == "irregular"]
    assert all(str(each) in record.alarms for each in found)
    return list(dict.fromkeys((each.stage, each.by, each.reason) for each in found))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("where", "stage", "words"),
    [
        ("align", "embed", "align gave two crops of one image: they depend on more than the image and its analysis"),
        ("embed", "embed", "embed gave two templates of one crop: they depend on more than the crop"),
        ("counter", "embed", "embed gave two templates of one crop: they depend on more than the crop"),
        ("block", "compare", "asked for by themselves, are not those in their block"),
        ("first", "compare", "asked for by themselves, are not those in their block"),
        ("distances", "compare", "asked for by themselves, are not those in their block"),
        ("few", "compare", "by themselves, fail, though those of their block do not (distances: ValueError: too few"),
    ],
)
def test_a_recogniser_whose_answers_depend_on_more_is_told(
    where: str, stage: str, words: str, backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options("toy_noise", recognizers=("toy_recognizer", recognizer(where)))
    record = run_one(options, tmp_path / "out", backend)
    ((at, by, said),) = irregular(record)
    assert (at, by) == (stage, f"unsteady:where={where}")
    assert words in said
    # A run that goes on where another stopped says so as well.
    next((tmp_path / "out").glob("*/run.json")).unlink()
    assert irregular(run_one(options, tmp_path / "out", backend)) == [(at, by, said)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_analyzer_whose_answers_depend_on_more_is_told(
    backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options("toy_noise", analyzer=f"{FILE}:UnsteadyAnalyzer"), tmp_path / "out", backend)
    words = "gave two analyses of one image: they depend on more than the image"
    assert irregular(record) == [("analyze", "unsteady_analyzer", words)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("method", "attacker"), [("Trembled", "trembling_sorter"), ("LightTrembled", "light_trembling_sorter")]
)
def test_an_attacker_whose_images_depend_on_more_is_told_and_nobody_else(
    method: str, attacker: str, backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    recognizers = ("toy_recognizer", recognizer("nowhere"))
    options = toy_options(f"{FILE}:{method}", attacks="OWN", recognizers=recognizers)
    words = "gave two images for one published image: they depend on more than what is published"
    assert irregular(run_one(options, tmp_path / "out", backend)) == [("restore", attacker, words)]


@pytest.mark.parametrize("trembles", [True, False])
def test_an_adapter_is_asked_twice(trembles: bool, tmp_path: Path) -> None:
    adapter = plugin_of(registry().resolve(Kind.ATTACKER, f"{FILE}:UnsteadyAdapter:trembles={str(trembles).lower()}"))
    store, rng = Store(tmp_path / "store"), np.random.default_rng(0)
    store.open()
    names = [digest(each) for each in range(5)]
    for each in names:
        store.write(each, Payload({}, {"template": rng.normal(size=8)}))
    store.write(digest("state"), Payload({}, {"people": np.arange(3)}))
    tasks = match_tasks("templates", digest("state"), names, names, adapter)
    (found,) = run_tasks(tasks, Context(store, 60.0))
    assert found.remarks == ((TWO_DISTANCES,) if trembles else ())
    assert present(store.read(tasks[0].digest)).arrays["distances"].shape == (5, 5)


def test_a_recogniser_is_told_apart_from_the_attacker_whose_images_it_looks_at(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options(f"{FILE}:LightCards", attacks="OWN", recognizers=(recognizer("embed"),))
    found = irregular(run_one(options, tmp_path / "out"))
    assert [each[:2] for each in found] == [("embed", "unsteady:where=embed")]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("method", "where"), [("LightCards", "nowhere"), ("identity", "angle")])
def test_what_hangs_on_its_input_alone_is_not(
    method: str, where: str, backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    spec = method if method == "identity" else f"{FILE}:{method}"
    analyzer = f"{FILE}:UnsteadyAnalyzer:trembles=false"
    options = toy_options(spec, attacks="OWN", recognizers=(recognizer(where),), analyzer=analyzer)
    assert irregular(run_one(options, tmp_path / "out", backend)) == []


def test_the_rounding_of_one_block_is_not_that_of_another() -> None:
    """Networks and products of matrices round otherwise where there is more of them, and roots make much of it."""
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(40, 512)).astype(np.float32)
    whole[-1] = whole[0]  # one image twice
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)

    def angles(a: Any, b: Any) -> Any:
        product = a @ b.T + rng.normal(scale=2e-7, size=(len(a), len(b)))
        return np.arccos(product.clip(-1, 1)).astype(np.float32)

    block = angles(whole, whole)
    assert _corner_fault(block, whole[-2:], whole[:2], angles, True) == ""
    assert _corner_fault(block[:2, :2], whole[:2], whole[:2], angles, True) is None
    assert _corner_fault(np.full((2, 2), np.nan, np.float32), whole[:2], whole[:2], angles, True) is None

    def larger(a: Any, b: Any) -> Any:
        return angles(a, b) * (1 + 0.01 * np.arange(len(a))[:, None])

    assert "depend on more" in str(_corner_fault(block, whole[-2:], whole[:2], larger, False))

    def turned(a: Any, b: Any) -> Any:
        return angles(a, b) + 0.1 * np.array_equal(b, whole[-2:])

    assert _corner_fault(block, whole[-2:], whole[:2], turned, False) == ""
    assert "not those of b and a" in str(_corner_fault(block, whole[-2:], whole[:2], turned, True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_changes_after_some_calls_is_told(
    backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options(
        f"{LATER}:Tires",
        recognizers=("toy_recognizer", f"{LATER}:Drifts"),
        analyzer=f"{LATER}:Wanders",
        metrics=(f"{LATER}:Counts", f"{LATER}:CountsComparisons"),
    )
    record = run_one(options, tmp_path / "out", backend)
    assert {each[:2] for each in irregular(record)} == {
        ("analyze", "wanders"),
        ("deidentify", "tires"),
        ("embed", "drifts"),
        ("metric", "counts"),
    }
    value = present(record.value("counts_comparisons", "toy_recognizer"))
    assert value.value is None
    assert "two numbers for the same distances" in (value.reason or "")


def test_what_hangs_on_the_process_is_told_where_there_are_two(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)  # which would be one salt for all processes
    options = toy_options(
        f"{FILE}:SaltsItsImages",
        recognizers=("toy_recognizer", recognizer("process")),
        analyzer=f"{FILE}:AnalyzerOfItsProcess",
    )
    told = {
        ("analyze", "analyzer_of_its_process", ELSEWHERE),
        ("deidentify", "salts_its_images", ELSEWHERE),
        ("embed", "unsteady:where=process", ELSEWHERE),
    }
    assert set(irregular(run_one(options, tmp_path / "out", "process", jobs=2))) == told
    # The store keeps what was said with the objects that it was said of.
    next((tmp_path / "out").glob("*/run.json")).unlink()
    assert set(irregular(run_one(options, tmp_path / "out"))) == told
    healthy = toy_options("toy_noise", recognizers=("toy_recognizer", recognizer("nowhere")))
    assert irregular(run_one(healthy, tmp_path / "healthy", "process", jobs=2)) == []


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_two_orders_are_told_apart_at_any_scale(scale: float) -> None:
    rng = np.random.default_rng(0)
    square = rng.uniform(0.1, 1, (6, 6)).astype(np.float32)
    square += square.T
    lopsided = square + np.triu(np.full((6, 6), 0.05, np.float32), 1)
    codes = np.zeros((6, 6), np.uint8)
    assert not _lopsided(square * np.float32(scale), codes).any()
    assert _lopsided(lopsided * np.float32(scale), codes).sum() == 30


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_first_image_that_ends_or_holds_up_its_process_costs_itself(
    jobs: int, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    first = load_dataset(toy_options("toy_noise").specs("datasets")[0], 0, 1, None).samples[0].image()
    options = toy_options(f"{FILE}:EndsItsProcess:image={hashlib.sha256(first.tobytes()).hexdigest()}")
    record = run_one(options, tmp_path / "out", "process", jobs)
    assert record.counts.failed == 1, record.counts.reasons


def test_what_a_second_process_sees_of_an_original_is_told_in_the_record(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """Few originals are one process's, and the second one looks at an analyzer when it looks at their versions."""
    options = toy_options(
        "toy_noise", dataset="identities=3,samples=2", repetitions=5, analyzer=f"{FILE}:AnalyzerOfItsProcess"
    )
    told = irregular(run_one(options, tmp_path / "out", "process", jobs=2))
    assert told == [("analyze", "analyzer_of_its_process", ELSEWHERE)]
    next((tmp_path / "out").glob("*/run.json")).unlink()
    assert irregular(run_one(options, tmp_path / "out")) == told


def test_an_analysis_is_copied_before_the_analyzer_is_asked_again() -> None:
    points = np.zeros((21, 2), np.float32)
    corners, depth = np.zeros((4, 2), np.float32), np.zeros((21, 3), np.float32)
    hand = HandAnalysis(np.zeros(4, np.float32), 1.0, "left", points, depth, corners, np.ones((3, 3), np.bool_))
    kept = analysis_payload(hand, (3, 3)).arrays
    points += 1
    assert not kept["keypoints_2d"].any()
