"""What plug-ins answer: what keeps the contract is stored, all else is a crash in words, and nothing raises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from deid_bench.analyzers.base import FaceAnalysis, HandAnalysis, Missing
from deid_bench.benchmark.engine.backends import Settings, serial
from deid_bench.benchmark.planning.tasks import Stage, Task, TaskResult
from deid_bench.benchmark.stages.answers import analysis, crop, matrix, reason, region, state, template, vector
from deid_bench.benchmark.stages.arrays import not_finite, own_image, sharing
from deid_bench.benchmark.stages.guard import Crash, guarded, step
from deid_bench.benchmark.stages.inputs import analysis_of, image_problem
from deid_bench.benchmark.storage.store import Payload
from deid_bench.datasets.types import Failure

SHAPE = (40, 30)


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def points(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


HAND = HandAnalysis(points(4), 0.9, "left", points(21, 2), points(21, 3), points(4, 2), np.ones(SHAPE, np.bool_))
FACE = FaceAnalysis(points(4), 0.9, points(5, 2), None, None)


def answered(answer: Any, modality: str = "palm") -> Payload | Crash:
    return guarded(lambda: analysis(answer, modality, SHAPE), 60)


@pytest.mark.parametrize(
    ("answer", "modality"),
    [
        ([HAND], "palm"),
        ((HAND,), "palm"),
        ([replace(HAND, mask=np.full(SHAPE, 255, np.uint8), box=cast(Any, np.arange(4)))], "palm"),
        ([replace(HAND, score=cast(Any, np.float32(0.5)))], "palm"),
        ([FACE], "face"),
        ([replace(FACE, landmarks_68=points(68, 2), mask=np.ones(SHAPE, np.bool_))], "face"),
    ],
)
def test_what_keeps_the_contract_is_stored(answer: Any, modality: str) -> None:
    made = answered(answer, modality)
    assert isinstance(made, Payload)
    found = analysis_of(made)
    assert isinstance(found, HandAnalysis | FaceAnalysis)
    np.testing.assert_array_equal(found.box, answer[0].box)
    assert answered([Missing("dark")], modality).failure == "dark"  # type: ignore[union-attr]


ODD: list[tuple[Any, str]] = [
    *[
        (each, "returned|RuntimeError")
        for each in (None, 5, "hand", [], {}, {0: HAND}, iter([HAND]), HAND, [HAND, HAND])
    ],
    *[(each, "returned|RuntimeError") for each in ([None], [FACE], Unspeakable(), [Unspeakable()])],
    *[
        ([replace(HAND, **cast(Any, {name: value}))], name)
        for name, values in {
            "box": (None, points(3), points(4) * np.nan, "box", Unspeakable(), points(4).astype(str)),
            "roi": (None, points(3, 2), points(4, 2) + np.inf, [[1], [2, 3]]),
            "keypoints_2d": (None, points(20, 2), points(21, 2) * np.nan),
            "keypoints_3d": (None, points(21, 2)),
            "score": (None, "high", float("nan"), np.inf, 1j),
            "handedness": (None, "both", 1),
            "mask": (None, np.ones((40, 29), np.bool_), np.ones(SHAPE), "mask", np.ones((*SHAPE, 1), np.bool_)),
            "found_by": (None, 3),
        }.items()
        for value in values
    ],
]


@pytest.mark.parametrize(("answer", "words"), ODD)
def test_what_does_not_is_a_crash(answer: Any, words: str) -> None:
    made = answered(answer)
    assert isinstance(made, Crash)
    assert any(each in made.reason for each in (*words.split("|"), "inhomogeneous"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"box": np.array([3, 1, 0, 2], np.float32)}, "box: expected x0 < x1"),
        ({"box": np.array([500, 1, 520, 9], np.float32)}, "that meet the image of 30 x 40 px"),
        ({"box": np.array([-9, 1, 0, 9], np.float32)}, "that meet the image"),
        ({"score": 7.0}, "score: expected a number of 0..1, got 7.0"),
        ({"score": -1}, "score"),
        ({"mask": np.where(np.eye(*SHAPE) > 0, 5, -5).astype(np.int8)}, "int8 of -5 to 5"),
        ({"mask": np.arange(1200, dtype=np.uint16).reshape(SHAPE)}, "more than two numbers"),
        ({"keypoints_2d": points(21, 2).astype(np.float64) * 1e300}, "41 infinite of 42"),
    ],
)
def test_what_only_looks_like_an_analysis_is_a_crash(change: dict[str, Any], words: str) -> None:
    made = answered([replace(HAND, **change)])
    assert isinstance(made, Crash)
    assert words in made.reason


def test_landmarks_in_one_place_are_no_face() -> None:
    found = answered([replace(FACE, landmarks_5=np.full((5, 2), 7.0, np.float32))], "face")
    assert isinstance(found, Crash)
    assert "landmarks_5: expected five places, got one" in found.reason


def test_a_hand_without_a_pixel_is_none() -> None:
    made = answered([replace(HAND, mask=np.zeros(SHAPE, np.bool_))])
    assert isinstance(made, Payload)
    assert made.failure == "none of the hand's pixels lies in the image"


RNG = np.random.default_rng(1)


@pytest.mark.parametrize(
    "odd",
    [
        1e8 - 20 * RNG.random((4, 4)),
        2**53 + np.arange(16).reshape(4, 4),
        RNG.random((4, 4)) * 1e300,
        RNG.random((4, 4)) * 1e-60,
    ],
    ids=["offset", "integers", "huge", "tiny"],
)
def test_distances_that_cannot_be_kept_are_refused_and_never_made_equal(odd: Any) -> None:
    with pytest.raises(ValueError, match="differ by too little"):
        matrix(odd, (4, 4))


@pytest.mark.parametrize(
    "fine",
    [
        RNG.random((4, 4)),
        1 - RNG.random((4, 4)) * 1e-15,
        np.full((4, 4), 1e8),
        np.arange(16).reshape(4, 4),
        np.array([[0.1, np.nan, np.inf, 0.2]] * 4),
    ],
    ids=["floats", "rounding", "constant", "integers", "holes"],
)
def test_distances_that_can_be_kept_are_kept(fine: Any) -> None:
    np.testing.assert_allclose(matrix(fine, (4, 4)), fine, rtol=1e-6)


@pytest.mark.parametrize("given", [None, "", 0])
def test_nothing_without_a_reason_is_nothing_all_the_same(given: Any) -> None:
    made = answered([Missing(given)])
    assert isinstance(made, Payload)
    assert made.failure == "no reason given"
    assert reason(Failure(given)) == "no reason given"
    assert isinstance(answered([Missing(Unspeakable())]), Crash)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5.0,
        [],
        [[1.0], [2.0]],
        [["a"]],
        [[None]],
        [[np.nan]],
        [[1j * np.inf]],
        np.zeros(1, [("a", "f4")]),
        np.array([["2026-11-29"]], "datetime64[D]"),
        np.array([[Unspeakable()]], object),
    ],
)
def test_what_is_no_template_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="template"):
        template(answer)


def test_a_region_is_a_mask_or_nothing() -> None:
    assert region(None, SHAPE) is None
    for answer in (np.ones(SHAPE, np.bool_), np.full(SHAPE, 255, np.uint8)):
        found = region(answer, SHAPE)
        assert found is not None
        assert found.dtype == np.bool_
        assert found.all()
    odd: tuple[Any, ...] = (np.ones((40, 29)), np.full(SHAPE, np.nan), np.full(SHAPE, "x"), Unspeakable(), 1)
    for answer in odd:
        with pytest.raises(ValueError, match="expected bool"):
            region(answer, SHAPE)


@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "i8", "?", "c8"])
def test_numbers_of_any_kind_are_templates(kind: str) -> None:
    np.testing.assert_array_equal(template(np.ones((1, 3), kind)), np.ones(3, kind))


def test_what_nobody_has_foreseen_costs_its_own_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the serial back-end as with worker processes."""

    def stumbles(tasks: Any, context: Any) -> Any:
        if any(each.label == "odd" for each in tasks):
            raise ZeroDivisionError("a bug")
        return [TaskResult(each.digest, None, 0.0) for each in tasks]

    monkeypatch.setattr(serial, "run_tasks", stumbles)
    chunk = tuple(Task(Stage.MEASURE, name * 8, name) for name in ("a", "odd", "b"))
    backend = serial.SerialBackend(Settings(tmp_path, 1.0, 1))
    assert [each.problem for each in backend.run([chunk])] == [None, "ZeroDivisionError: a bug", None]


MASKED = np.ma.masked_array(np.ones((1, 4), np.float32), mask=[[True, False, True, False]])


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (MASKED, "a masked array"),
        (np.ma.masked_array(np.ones((1, 4), np.float32)), "a masked array"),
        ([MASKED[0]], "a masked array"),
        (np.asmatrix(np.ones((1, 4), np.float32)), "a matrix"),
        (np.ones((1, 4)).view(np.recarray), "a recarray"),
        (np.ones((1, 4)).astype(object), "an array of objects"),
    ],
)
def test_what_only_looks_like_an_array_of_numbers_is_refused_by_name(odd: Any, words: str) -> None:
    for take in (template, lambda given: matrix(given, (1, 4)), lambda given: region(given, (1, 4)), vector):
        with pytest.raises(ValueError, match=f"expected .*, got {words}"):
            take(odd)
    with pytest.raises(ValueError, match=f"expected .*, got {words}"):
        state({"weights": odd})
    said = answered([replace(HAND, box=odd)])
    assert isinstance(said, Crash)
    assert words in said.reason
    if isinstance(odd, np.ndarray):
        assert words in (image_problem(odd, odd.shape) or "")
        with pytest.raises(ValueError, match=f"expected .*, got {words}"):
            crop(odd)


def test_what_a_plug_in_hands_over_is_copied() -> None:
    own = np.ones((1, 4), np.float32)
    taken = template(own), matrix(own, (1, 4)), state({"w": own})["w"], own_image(own)
    own[:] = 0
    assert all(each.all() for each in taken)
    spread = own_image(np.broadcast_to(np.arange(3, dtype=np.uint8), (4, 5, 3)))
    assert spread.flags.c_contiguous
    assert spread.flags.owndata


def test_results_that_share_memory_are_told_from_those_side_by_side() -> None:
    buffer = np.zeros((4, 5, 3), np.uint8)
    assert sharing([buffer, buffer])
    assert sharing([buffer[1:], Failure("no"), buffer[:2]])
    assert not sharing([*np.zeros((3, 4, 5, 3), np.uint8), None])


@pytest.mark.parametrize(
    "cut", [None, 5, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_crop_is_refused(cut: Any) -> None:
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8 or a Failure, got"):
        crop(cut)


@pytest.mark.parametrize("given", [None, 5, [1, 2], {1: np.zeros(3)}, {"a": np.array(["x"], object)}])
def test_what_is_nothing_fitted_is_refused(given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="expected"):
        state(given)


def test_reasons_are_one_bounded_countable_line() -> None:
    assert reason(Failure(cast(Any, object()))) == reason(Failure(cast(Any, object()))) == "<object object>"
    assert reason(Failure(" \n\t ")) == "no reason given"
    assert reason(Failure("a\nb\x1b[31mc")) == "a b\\u001b[31mc"
    assert len(reason(Failure("x" * 10**6))) <= 301


def test_the_step_at_fault_is_named() -> None:
    def fail(name: str) -> None:
        with step(name):
            raise KeyError("left")

    assert guarded(lambda: fail("align"), 5) == Crash("align: KeyError: 'left'")


def test_memory_maps_of_one_file_share_it(tmp_path: Path) -> None:
    shape = (4, 5, 3)
    one, other, elsewhere = (np.memmap(tmp_path / name, np.uint8, "w+", shape=shape) for name in ("a", "a", "b"))
    assert sharing([one, other])
    assert sharing([one, elsewhere, np.asarray(other)[:2]])
    assert not sharing([one, elsewhere, np.zeros(shape, np.uint8)])


def test_what_is_not_finite_is_counted() -> None:
    assert not_finite(np.arange(3)) == ""
    values = np.array([[0.0, np.nan], [np.inf, -np.inf]])
    assert not_finite(values) == "1 NaN and 2 infinite of 4, the first at [0, 1]"
    with pytest.raises(
        ValueError, match=r"expected a template of finite numbers, got 1 NaN of 2, the first at \[0, 0\]"
    ):
        template(np.array([[np.nan, 1.0]]))


def test_an_analyzer_that_gives_an_iterator_is_told_in_words_that_can_be_counted() -> None:
    assert analysis(iter([Missing("no")]), "palm", (4, 5)) == Crash(
        "the analyzer returned a list_iterator for one image; expected [HandAnalysis] or [Missing]"
    )
    assert "a list of int, NoneType for" in str(analysis([1, None], "palm", (4, 5)))
