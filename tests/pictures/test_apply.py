"""Everything that is seen in a picture is done, or there is no picture; and what is missing ends the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from deid_bench.analyzers.base import AnalyzerInfo, FaceAnalysis, HandAnalysis, Missing
from deid_bench.analyzers.external import ToolError
from deid_bench.analyzers.keypoint_hands import FoundHand, KeypointHands
from deid_bench.analyzers.masks import HandMasks
from deid_bench.cli import main
from deid_bench.datasets.types import Failure, Modality
from deid_bench.pictures import apply
from deid_bench.pictures.apply import Applier, Done
from deid_bench.plugins.specs import PluginError
from deid_bench.weights.files import WeightsError

PICTURE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
NO_HAND, NO_FACE = Missing("no hand found"), Missing("no face found")


class Finder:
    """Finds what it is told to find."""

    def __init__(self, *found: HandAnalysis | FaceAnalysis | Missing) -> None:
        self.found = found

    def analyze_all(self, image: NDArray[Any]) -> list[Any]:
        return list(self.found)


def a_hand() -> HandAnalysis:
    around = np.linspace(0, 2 * np.pi, 21, endpoint=False)
    points = (70 + 30 * np.column_stack([np.cos(around), np.sin(around)])).astype(np.float32)
    roi = np.array([[40, 40], [100, 40], [100, 100], [40, 100]], np.float32)
    mask = np.zeros((200, 200), np.bool_)
    mask[30:110, 30:110] = True
    box, in_space = np.array([30, 30, 110, 110], np.float32), np.zeros((21, 3), np.float32)
    return HandAnalysis(box, 1.0, "left", points, in_space, roi, mask)


def a_face() -> FaceAnalysis:
    five = np.array([[140, 40], [160, 40], [150, 50], [142, 60], [158, 60]], np.float32)
    mask = np.zeros((200, 200), np.bool_)
    mask[20:70, 130:170] = True
    return FaceAnalysis(np.array([130, 20, 170, 70], np.float32), 1.0, five, None, mask)


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Stubs find here; what the real ones are made of need not be fetched."""
    if "weights" not in request.node.name:
        monkeypatch.setattr("deid_bench.pictures.apply.weight", lambda name: None)


def applied(hands: list[Any], faces: list[Any]) -> Done | Failure:
    applier = Applier("blurring")
    applier._finders = {"palm": Finder(*hands), "face": Finder(*faces)}
    return applier.apply(PICTURE, "x")


@pytest.mark.parametrize(
    ("hands", "faces", "reason"),
    [
        ([Missing("the hand is too small")], [a_face()], "a hand could not be used: the hand is too small"),
        ([a_hand()], [Missing("the face is too small")], "a face could not be used: the face is too small"),
        ([NO_HAND], [a_face(), Missing("the face is too small")], "a face could not be used: the face is too small"),
        ([Missing("a palm was found, but")], [a_face()], "a hand could not be used: a palm was found, but"),
        ([Missing("whatever else")], [NO_FACE], "a hand could not be used: whatever else"),
        ([NO_HAND], [NO_FACE], "no hand found; no face found"),
    ],
)
def test_what_is_seen_and_cannot_be_used_is_never_published(hands: list[Any], faces: list[Any], reason: str) -> None:
    assert applied(hands, faces) == Failure(reason)


def test_a_picture_that_shows_only_one_kind_is_done() -> None:
    counts: list[tuple[list[Any], list[Any], dict[Modality, int]]] = [
        ([a_hand()], [NO_FACE], {"palm": 1}),
        ([NO_HAND], [a_face(), a_face()], {"face": 2}),
        ([a_hand()], [a_face()], {"palm": 1, "face": 1}),
    ]
    for hands, faces, found in counts:
        done = applied(hands, faces)
        assert isinstance(done, Done)
        assert done.found == found


def test_the_built_in_analyzers_say_of_an_empty_picture_what_counts_as_empty() -> None:
    blank = np.full((120, 120, 3), 90, np.uint8)
    assert Applier("blurring").apply(blank, "x") == Failure("no hand found; no face found")


class OneHand(KeypointHands):
    """As the analyzers that know the largest hand of a picture alone."""

    info = AnalyzerInfo("one_hand", "1", "palm", "finds one hand", "none", "nobody")

    def __init__(self) -> None:
        super().__init__("inner", HandMasks("grabcut"))

    def find(self, image: NDArray[Any]) -> FoundHand | Missing:
        return NO_HAND


class OneFace:
    info = AnalyzerInfo("one_face", "1", "face", "finds one face", "none", "nobody")

    def analyze(self, images: list[NDArray[Any]]) -> list[Missing]:
        return [NO_FACE for _ in images]


@pytest.mark.parametrize(("name", "modality", "instead"), [("OneHand", "palm", "mediapipe"), ("OneFace", "face", "mt")])
def test_an_analyzer_of_one_hand_a_picture_is_refused(name: str, modality: Modality, instead: str) -> None:
    with pytest.raises(PluginError, match=f"every .* has to be done; take {instead}"):
        Applier("masking", modality, f"{__file__}:{name}")


def test_a_picture_that_is_a_palm_is_done_whole_and_says_so() -> None:
    done = Applier("masking", "palm", "precropped").apply(PICTURE, "x")
    assert isinstance(done, Done)
    assert done.notes == ("the whole picture taken for the palm",)


def test_missing_weights_end_the_command_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Path:
        raise WeightsError(f"{name} is not on this machine")

    source, out = tmp_path / "a.png", tmp_path / "out"
    PilImage.fromarray(PICTURE).save(source)
    call = ["deidentify", "-q", "-m", "masking", "--modality", "palm", str(source), "-o", str(out)]
    assert main([*call, "--analyzer", "precropped"]) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(apply, "weight", absent)
    assert main([*call, "--overwrite"]) == 3
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    with pytest.raises(WeightsError, match="palm-tiny"):
        Applier("palm_diffusion", "palm", "precropped")


def test_what_is_missing_on_the_machine_is_no_failure_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> list[object]:
        raise ToolError("the tool does not work here")

    applier = Applier("masking", "palm", "precropped")
    monkeypatch.setattr(applier._method, "deidentify", broken)
    with pytest.raises(ToolError):
        applier.apply(PICTURE, "x")
    monkeypatch.setattr(applier._finders["palm"], "analyze", broken)
    with pytest.raises(ToolError):
        applier.apply(PICTURE, "x")
