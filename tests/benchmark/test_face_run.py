"""Whole runs under face/1.0 in a small face world: crops, roles, numbers, targets, white box and black box."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.face_alignment import TEMPLATE
from deid_bench.benchmark.planning.cell_tasks import Tasks
from deid_bench.benchmark.planning.cells import RunOptions, default_datasets, make_cells
from deid_bench.benchmark.planning.sweep import SweepError, expand, with_surrogate
from deid_bench.benchmark.protocols import ProtocolError, get_protocol
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.distances_file import read
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.stages.crop import cut_face
from deid_bench.benchmark.stages.inputs import analysis_of, analysis_payload
from deid_bench.benchmark.storage.store import Store
from deid_bench.benchmark.submission.pack import Submitter, pack
from deid_bench.benchmark.submission.pictures import check_pairs
from deid_bench.benchmark.submission.read import Submission
from deid_bench.benchmark.submission.recompute import recompute
from deid_bench.benchmark.submission.verdict import RerunRequest, judge
from deid_bench.datasets.images import decode_png
from deid_bench.plugins.entries import PluginError, Spec, registry
from deid_bench.reports.figures.data import load_entries
from deid_bench.reports.figures.grid_images import from_store
from deid_bench.reports.leaderboard.terminal import print_outcomes
from deid_bench.reports.paper.build import paper_tables

WORLD = Path(__file__).parent / "face_world.py"
FINE, COARSE = "toy_face_recognizer", "toy_coarse_recognizer"
METHODS = ("toy_same", "toy_lookalike:share=0.75", "toy_blank:darkest=126")


@pytest.fixture(scope="module", autouse=True)
def face_plugins() -> None:
    registry().add_file(WORLD)


def options(
    folder: Path, *methods: str, dataset: str = "identities=14,samples=4,blank=1,noise=30", **changes: Any
) -> RunOptions:
    values = {
        "datasets": (f"toy-faces:folder={folder / 'faces'},{dataset}",),
        "protocol": "face/1.0",
        "analyzer": "toy_face_analyzer",
        "recognizers": (FINE, COARSE),
        **changes,
    }
    return RunOptions(methods=methods, **values)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, face_plugins: None) -> dict[str, Outcome]:
    """One run of all methods, by name."""
    folder = tmp_path_factory.mktemp("face-run")
    found = run(options(folder, *METHODS), Execution(out=folder / "out", backend="serial"))
    return {each.record.method.name: each for each in found}


def number(record: RunRecord, metric: str, recognizer: str | None = None) -> float:
    found = record.value(metric, recognizer)
    assert found is not None, metric
    assert found.value is not None, found.reason
    return found.value


# ------------------------------------------------------------------------------------------------ the run


def test_only_queries_are_deidentified_and_the_record_says_who_is_what(outcomes: dict[str, Outcome]) -> None:
    record = outcomes["toy_same"].record
    roles = record.retrieval
    assert roles is not None
    assert (roles.query_identities, roles.mates, roles.other_identities) == (7, 7, 7)
    assert roles.queries == 21 == record.counts.planned == len(record.samples)
    assert roles.queries + roles.mates + roles.others + roles.unused == record.dataset.samples
    assert record.counts.reasons.get("gallery: no dots", 0) + record.counts.reasons.get("original: no dots", 0) == 1
    assert "scaled down: 21 queries of 7 identities, gallery of 7 mates and 28 images of 7 others" in roles.notes[1]
    assert roles.notes[0] == "face/1.0 is made for lfw; this is toy-faces"


def test_an_unchanged_query_scores_what_its_original_does(outcomes: dict[str, Outcome]) -> None:
    record = outcomes["toy_same"].record
    for name in (FINE, COARSE):
        assert number(record, "rank1_without_source", name) == number(record, "rank1_originals", name) > 90
        for limit in ("10", "1"):
            same = number(record, f"fnmr_deidentified_at_fmr_{limit}", name)
            assert same == number(record, f"fnmr_at_fmr_{limit}", name)
        assert number(record, "rr", name) == 0
    assert number(record, "ssim") == 1
    assert {number(record, f"drift_{part}") for part in ("box", "landmarks_5")} == {0}
    assert number(record, "survival") == 100
    assert "no 68 landmarks" in (present(record.value("drift_landmarks_68")).reason or "")


def test_palm_numbers_are_not_in_a_face_record(outcomes: dict[str, Outcome]) -> None:
    record = outcomes["toy_same"].record
    there = {each.metric for each in record.values}
    assert not there & {"drift_roi", "drift_keypoints_2d", "psnr_paper", "rank1_with_source"}


def by_hand(outcome: Outcome, recognizer: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Original queries x gallery, de-identified queries x gallery, and which are mates; by plain loops."""
    found = read(outcome.folder / "distances.npz")
    queries = {row.sample_id for row in outcome.record.samples}
    names = [found.sample_ids[index] for index in found.usable]
    who = [found.identities[index] for index in found.usable]
    asked = [index for index, name in enumerate(names) if name in queries]
    gallery = [index for index, name in enumerate(names) if name not in queries]
    table = found.distances[recognizer]
    plain, changed = whole(table.originals), whole(table.deidentified)
    rows = {
        names.index(found.sample_ids[sample]): row
        for sample, row in zip(found.version_sample, found.version_row, strict=True)
    }
    originals = np.array([[plain[a, g] for g in gallery] for a in asked])
    hidden = np.array([[changed[rows[a], g] for g in gallery] for a in asked])
    return originals, hidden, np.array([[who[a] == who[g] for g in gallery] for a in asked])


@pytest.mark.parametrize("recognizer", [FINE, COARSE])
def test_numbers_are_those_of_plain_loops(outcomes: dict[str, Outcome], recognizer: str) -> None:
    outcome = outcomes["toy_lookalike"]
    originals, hidden, same = by_hand(outcome, recognizer)
    mated = same.any(axis=1)
    hits = [row[mates].min() < row[~mates].min() for row, mates in zip(hidden[mated], same[mated], strict=True)]
    assert number(outcome.record, "rank1_without_source", recognizer) == pytest.approx(100 * np.mean(hits))
    assert number(outcome.record, "rank1_untargeted", recognizer) == pytest.approx(100 - 100 * np.mean(hits))
    impostors = np.sort(originals[~same])
    allowed = int(0.01 * impostors.size)
    # The laxest threshold that accepts at most so many: the largest distance below the next impostor.
    everything = np.concatenate([originals[same], impostors])
    threshold = everything[everything < impostors[allowed]].max()
    rejected = 100 * np.mean(hidden[same] > threshold)
    found = outcome.record.value("fnmr_deidentified_at_fmr_1", recognizer)
    assert found is not None
    assert found.value == pytest.approx(rejected)
    assert found.n == same.sum()
    assert found.reason == f"threshold of {impostors.size} impostor comparisons"
    curve = next(each for each in outcome.record.curves if (each.name, each.recognizer) == ("det_cross", recognizer))
    at = np.median(hidden[same])
    point = (np.mean(originals[~same] <= at), np.mean(hidden[same] > at))
    assert min(np.hypot(np.array(curve.x) - point[0], np.array(curve.y) - point[1])) < 0.02


def test_a_rate_that_the_impostors_cannot_resolve_is_not_given(outcomes: dict[str, Outcome]) -> None:
    found = outcomes["toy_same"].record.value("fnmr_deidentified_at_fmr_0_1", FINE)
    assert found is not None
    assert found.value is None
    assert "needs at least 1000 impostor comparisons, got" in (found.reason or "")


def test_failures_and_what_cannot_be_processed_count_as_they_should(outcomes: dict[str, Outcome]) -> None:
    record = outcomes["toy_blank"].record
    assert record.counts.failed > 2 < record.counts.done
    assert record.counts.failed + record.counts.done == 21
    # Failed ones are searched as their originals and found; grey ones are never found.
    mated = record.value("rank1_without_source", FINE)
    assert mated is not None
    assert "could not be processed" in (mated.reason or "")
    share = 100 * sum(row.status == "failed" for row in record.samples) / len(record.samples)
    assert mated.value == pytest.approx(share, abs=15)
    assert number(record, "rank1_untargeted", FINE) == pytest.approx(100 - number(record, "rank1_without_source", FINE))
    assert number(record, "survival") == 0


def test_methods_get_the_aligned_crop(outcomes: dict[str, Outcome], tmp_path: Path) -> None:
    outcome = outcomes["toy_same"]
    store = Store(outcome.folder.parent / ".store")
    row = next(row for row in outcome.record.samples if row.status == "done")
    payload = store.read(row.task or "")
    assert payload is not None
    image = decode_png(payload.blobs["image.png"])
    assert image.shape == (112, 112, 3)
    points = TEMPLATE.round().astype(int)
    assert image[points[0, 1], points[0, 0]].tolist() == [255, 0, 0]


def test_the_method_says_what_it_knows_and_columns_follow(
    outcomes: dict[str, Outcome], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = outcomes["toy_lookalike"].record.method
    assert method.knowledge == "surrogate=toy_face_recognizer"
    assert (method.box("toy_face_recognizer"), method.box("dlib_resnet")) == ("WB", "BB")
    assert outcomes["toy_same"].record.method.box("toy_face_recognizer") == ""
    monkeypatch.setenv("COLUMNS", "200")
    print_outcomes([outcomes["toy_lookalike"]], Path("board.html"), intervals=False)
    shown = capsys.readouterr().out
    assert "toy_face_recognizer (WB)" in shown
    assert "rank-1" in shown
    assert "face/1.0 is made for lfw" in shown


def test_targets_are_strangers_and_found(outcomes: dict[str, Outcome]) -> None:
    record = outcomes["toy_lookalike"].record
    assert record.retrieval is not None
    targets = record.retrieval.targets
    assert len(targets) == 3
    assert not {each[:3] for each in targets} & {row.sample_id[:3] for row in record.samples}
    assert "taken from the strangers" in record.retrieval.notes[-1]
    assert number(record, "rank1_targeted", FINE) > 90
    assert number(record, "rank1_without_source", FINE) < 10
    reason = outcomes["toy_same"].record.value("rank1_targeted", FINE)
    assert reason is not None
    assert reason.reason == "the method was given no target that is in the gallery"


def test_a_face_record_recomputes_from_its_distances(outcomes: dict[str, Outcome]) -> None:
    for outcome in outcomes.values():
        found = recompute(outcome.record, read(outcome.folder / "distances.npz"))
        assert found.problems == []
        assert not [each for each in found.verdicts if each.outcome == "different"]
    record = outcomes["toy_same"].record
    assert record.retrieval is not None
    lied = record.model_copy(update={"retrieval": record.retrieval.model_copy(update={"others": 500})})
    assert recompute(lied, read(outcomes["toy_same"].folder / "distances.npz")).problems


def test_a_submission_holds_the_crops_and_can_be_made_anew(outcomes: dict[str, Outcome], tmp_path: Path) -> None:
    outcome = outcomes["toy_lookalike"]
    pack([outcome.folder], tmp_path / "s.zip", 2, Submitter())
    (submitted,) = Submission(tmp_path / "s.zip").records
    assert {decode_png(data).shape for data in submitted.images.values()} == {(112, 112, 3)}
    assert len(submitted.images) == 4
    assert check_pairs(submitted) == []
    request = RerunRequest(METHODS[1], outcome.record.dataset.spec, 2, random.Random(1))
    report = judge(submitted, request)
    assert [each.outcome for each in report.reruns] == ["equal", "equal"]
    assert report.problems == []


def test_table_1_of_dedim_has_printed_beside_measured(outcomes: dict[str, Outcome]) -> None:
    stand_ins = {"identity": outcomes["toy_same"], "tip_im": outcomes["toy_lookalike"]}
    records = []
    for name, outcome in stand_ins.items():
        method = outcome.record.method.model_copy(update={"name": name, "spec": name})
        records.append((outcome.record.model_copy(update={"method": method}), outcome.folder))
    (table,) = paper_tables(records, ["DeDiM-1"])
    heads = [(each.title, each.recognizer) for each in table.columns]
    assert heads[:2] == [("Rank-1 (WB)", FINE), ("Rank-1 (BB)", COARSE)]
    assert heads[2:4] == [("PSNR", ""), ("MSSIM", "")]
    assert [each[0] for each in heads[4:]] == ["FNMR @ FMR 0.1 % (WB)", "FNMR @ FMR 0.1 % (BB)"]
    rows = {row.label: row for row in table.rows}
    attacked = rows["TIP-IM"]
    for cell, recognizer, printed in zip(attacked.cells, (FINE, COARSE), ("0.0", "25.4"), strict=False):
        assert cell.number == number(outcomes["toy_lookalike"].record, "rank1_without_source", recognizer)
        assert cell.printed is not None
        assert cell.printed.text == printed
    assert rows["DeDiM"].record is None
    assert "impostor comparisons, got" in attacked.cells[4].reason
    assert any("scaled down" in note.lower() for note in table.notes)


# ------------------------------------------------------------------------------------------------ before the run


def test_targets_are_in_the_digests(tmp_path: Path) -> None:
    one, two = (make_cells(options(tmp_path, "toy_lookalike", root_seed=seed), 1)[0] for seed in (0, 1))
    first, second = (Tasks(cell).targets(lambda sample: True) for cell in (one, two))
    assert first != second
    task = Tasks(one).versions(lambda sample: True, {})[0].deidentify
    assert (task.targets, len(task.images), len(task.inputs)) == (3, 4, 4)
    fewer = Tasks(one).versions(lambda sample: sample.sample_id != first[0].sample_id, {})[0].deidentify
    assert fewer.digest != task.digest


def test_what_is_for_palms_is_refused_at_once(tmp_path: Path) -> None:
    for changes, what in (
        ({"analyzer": "toy_analyzer"}, "analyzer toy_analyzer is for palms"),
        ({"recognizers": ("toy_recognizer",)}, "recognizer toy_recognizer is for palms"),
    ):
        with pytest.raises(PluginError, match=what):
            make_cells(options(tmp_path, "toy_same", **changes), 1)
    with pytest.raises(PluginError, match="is a method for palm"):
        make_cells(options(tmp_path, "toy_noise"), 1)
    with pytest.raises(PluginError, match=r"is a method for face; palm/1\.0 needs palm"):
        make_cells(replace(options(tmp_path, "toy_same"), protocol="palm/1.0"), 1)


def test_without_a_dataset_the_first_at_hand_is_taken(tmp_path: Path) -> None:
    protocol = get_protocol("face/1.0")
    assert protocol.datasets == ("lfw", "orl")
    here = f"toy-faces:folder={tmp_path / 'f'}"
    assert default_datasets(protocol.model_copy(update={"datasets": ("not-there", here, "orl")})) == (here,)
    with pytest.raises(ProtocolError, match=r"name one with --dataset\. not-there: there is no"):
        default_datasets(protocol.model_copy(update={"datasets": ("not-there",)}))


def _texts(specs: Sequence[Spec]) -> list[str]:
    return [str(each) for each in specs]


def test_the_surrogate_reaches_the_methods_that_have_one() -> None:
    assert _texts(with_surrogate(("toy_same", "toy_lookalike"), "x")) == ["toy_same", "toy_lookalike:surrogate=x"]
    assert _texts(expand(with_surrogate(("toy_lookalike",), "toy_face_recognizer"), [])) == ["toy_lookalike"]
    assert _texts(with_surrogate(("toy_same",), "")) == ["toy_same"]
    with pytest.raises(SweepError, match="none of the methods looks into a recogniser"):
        with_surrogate(("toy_same",), "x")
    with pytest.raises(SweepError, match="drop one"):
        with_surrogate(("toy_lookalike:surrogate=y",), "x")


# ------------------------------------------------------------------------------------------------ pieces


def face(dense: bool) -> FaceAnalysis:
    turn = np.array([[0.9, -0.4], [0.4, 0.9]])
    points = (TEMPLATE @ turn.T + [40, 20]).astype(np.float32)
    many = np.repeat(points, 14, axis=0)[:68] if dense else None
    mask = np.zeros((200, 160), bool)
    mask[60:140, 40:120] = True
    return FaceAnalysis(np.array([30, 40, 130, 150], np.float32), 0.8, points, many, mask if dense else None)


@pytest.mark.parametrize("dense", [True, False])
def test_a_face_comes_back_as_it_was_stored(dense: bool) -> None:
    found, before = analysis_of(analysis_payload(face(dense), (200, 160))), face(dense)
    assert isinstance(found, FaceAnalysis)
    assert found.score == before.score
    for name in ("box", "landmarks_5", "landmarks_68", "mask"):
        np.testing.assert_array_equal(getattr(found, name), getattr(before, name))


def test_everything_moves_with_the_crop() -> None:
    image = np.random.default_rng(3).integers(0, 255, (200, 160, 3)).astype(np.uint8)
    crop, moved = cut_face(image, face(dense=True), 112)
    assert crop.shape == (112, 112, 3)
    np.testing.assert_allclose(moved.landmarks_5, TEMPLATE, atol=1e-3)
    np.testing.assert_allclose(present(moved.landmarks_68)[::14], TEMPLATE, atol=1e-3)
    assert present(moved.mask).shape == (112, 112)
    assert 0.2 < present(moved.mask).mean() < 1
    # The box holds the moved corners of the old one: the turned face's box grows.
    assert (moved.box[2:] > moved.box[:2]).all()
    again, twice = cut_face(crop, moved, 112)
    np.testing.assert_array_equal(again, crop)
    np.testing.assert_allclose(twice.landmarks_5, moved.landmarks_5, atol=1e-3)


def test_a_grid_shows_originals_as_methods_got_them(outcomes: dict[str, Outcome]) -> None:
    (group,), _ = load_entries([outcomes["toy_same"].folder])
    cases = present(from_store(group, 3, 1)).cases
    for case in cases:
        (version,) = case.versions
        assert np.array_equal(case.original, version[0]), "the method changes nothing, and got the face cut out"
