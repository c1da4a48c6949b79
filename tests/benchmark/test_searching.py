"""A record's people searched in large galleries: against all distances of the record, sorted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deid_bench.benchmark.metrics.recognition.open_set import TARGETS
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import load_record
from deid_bench.benchmark.results.distances_file import read
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.searching import distractors
from deid_bench.benchmark.searching.search import Asked, Report, search_record
from deid_bench.cli import main
from deid_bench.datasets.base import DatasetError
from deid_bench.datasets.distractor_palms import MOST, DistractorPalms
from deid_bench.recognizers.matching import faiss_search
from deid_bench.recognizers.matching.gallery_search import SearchError

FAULTY = Path(__file__).parents[1] / "faulty.py"
Run = Callable[..., tuple[Path, str]]


@pytest.fixture
def made(toy_options: Callable[..., RunOptions], tmp_path: Path) -> Run:
    """Runs the toy method, and gives the record and its dataset."""

    def make(dataset: str, method: str = "toy_noise") -> tuple[Path, str]:
        options = toy_options(method, dataset=dataset)
        (outcome,) = run(options, Execution(out=tmp_path / "out", backend="serial"))
        return outcome.folder / "run.json", str(options.specs("datasets")[0])

    return make


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distractors of this test alone, few to a file."""
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(distractors, "CHUNK", 2)


def numbers(report: Report, side: str) -> dict[str, float | None]:
    rates = report.originals if side == "originals" else report.deidentified
    return {each.name: None if isinstance(each.value, Undefined) else each.value for each in rates}


def plainly(path: Path, k: int, target: float) -> dict[str, dict[str, float]]:
    """Rank-1, rank-k and FNIR, one image after the other, from the record's own distances."""
    found = read(path.with_name("distances.npz"))
    (all_distances,) = found.distances.values()
    tables = {"originals": whole(all_distances.originals), "deidentified": whole(all_distances.deidentified)}
    names = list(found.identities)
    enrolled = [names.index(each) for each in dict.fromkeys(names)]
    rows = [index for index in range(len(names)) if index not in enrolled]
    searched: dict[str, Any] = {}
    for side, table in tables.items():
        searched[side] = []
        for row in rows:
            own = next(table[row, each] for each in enrolled if names[each] == names[row])
            others = sorted(table[row, each] for each in enrolled if names[each] != names[row])
            rank = 1 + sum(each <= own for each in others)
            searched[side].append((own if rank <= k else np.inf, rank, others[0]))
    nearest = sorted(each for _, _, each in searched["originals"])
    limit = nearest[int(target * len(nearest) + 1e-9)]
    return {
        side: {
            "rank1": float(np.mean([rank == 1 for _, rank, _ in each])),
            f"rank{k}": float(np.mean([rank <= k for _, rank, _ in each])),
            "fnir_at_fpir_1": float(np.mean([own >= limit for own, _, _ in each])),
        }
        for side, each in searched.items()
    }


def test_numbers_are_those_of_all_distances(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "1", 0.05)  # which a few searches can measure
    path, dataset = made("identities=6,samples=5", "masking")
    before = path.read_bytes()
    report = search_record(path, Asked(dataset=dataset, k=3, jobs=1))
    plain = plainly(path, 3, 0.05)
    for side, expected in plain.items():
        assert {name: numbers(report, side)[name] for name in expected} == pytest.approx(expected)
    assert 0 < plain["deidentified"]["rank1"] < 1
    assert (report.size, report.enrolled, report.images, report.people) == (6, 6, 24, 6)
    assert (report.recall, report.notes) == (None, [])
    assert all(not isinstance(each.interval, Undefined) for each in report.originals if "0_1" not in each.name)
    assert numbers(report, "originals")["fnir_at_fpir_0_1"] is None
    assert path.read_bytes() == before


def test_what_the_store_lacks_is_made_again_and_said(made: Run) -> None:
    path, dataset = made("identities=4")
    there = search_record(path, Asked(dataset=dataset, jobs=1))
    shutil.rmtree(path.parents[1] / ".store")
    again = search_record(path, Asked(dataset=dataset, jobs=1))
    assert again.notes == ["20 templates were not in the store and were made anew"]
    for side in ("originals", "deidentified"):
        assert numbers(again, side) == numbers(there, side)


def test_strangers_are_rendered_once(made: Run, own_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path, dataset = made("identities=3")
    asked = Asked(dataset=dataset, distractors=3, jobs=1)
    report = search_record(path, asked)
    assert (report.size, report.enrolled, report.distractors) == (6, 3, 3)
    assert "distractors are rendered palms (controlled); 0 templates were kept from before" in report.notes[0]

    def refuse(*_: object) -> None:
        raise AssertionError("rendered twice")

    monkeypatch.setattr(distractors, "_made", refuse)
    again = search_record(path, asked)
    assert "3 templates were kept from before" in again.notes[0]
    assert numbers(again, "deidentified") == numbers(report, "deidentified")


def test_distractors_are_nobody_else() -> None:
    with pytest.raises(DatasetError, match="even numbers of palms"):
        DistractorPalms(1, 2, "controlled", Path())
    with pytest.raises(DatasetError, match=str(MOST)):
        DistractorPalms(MOST, 2, "controlled", Path())
    palms = DistractorPalms(4, 2, "controlled", Path())
    assert [each.identity_seed for each in palms._plan()] == [1_800_000_004, 1_800_000_005]


def test_what_cannot_be_searched_is_refused(made: Run) -> None:
    path, dataset = made("identities=3")
    with pytest.raises(SearchError, match="toy_recognizer's templates are no vectors"):
        search_record(path, Asked(dataset=dataset, approximate=True, jobs=1))
    with pytest.raises(SearchError, match="holds images of the record's dataset"):
        search_record(path, Asked(dataset=dataset, gallery=dataset, jobs=1))
    with pytest.raises(SearchError, match="mobilefacenet is for faces; the record is of palms"):
        search_record(path, Asked(dataset=dataset, recognizer="mobilefacenet", jobs=1))


def test_a_record_of_an_own_folder_asks_for_the_folder(
    made: Run, toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it lies is in no record, so that the record alone cannot open it."""
    made("identities=3")
    hands = str(tmp_path / "own hands")
    for path in (tmp_path / "hands").iterdir():
        place = Path(hands, path.name[:2], path.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (outcome,) = run(toy_options("toy_noise", datasets=(hands,)), Execution(out=tmp_path / "own", backend="serial"))
    record = str(outcome.folder / "run.json")
    assert main(["search", record, "-j", "1", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "the record does not say where its images lie (path of folder:name=own hands" in said
    assert "name the folder with --dataset PATH" in said
    assert main(["search", record, "-j", "1", "--quiet", "--dataset", hands]) == 0
    capsys.readouterr()
    assert main(["search", record, "-j", "1", "--quiet", "--dataset", "palm-mini"]) == 2
    assert "what is installed here is not what the record was made with" in capsys.readouterr().err


def test_the_command_says_everything(
    made: Run, own_cache: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, dataset = made("identities=5")
    words = [str(path), "--dataset", dataset, "--gallery", "synthetic-palm:identities=2,samples=1", "-j", "1"]
    assert main(["search", *words, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["gallery"] == {"entries": 7, "enrolled": 5, "distractors": 0, "others": 2}
    assert (found["exact"], found["engine"]) == (True, "exact: all distances by the recogniser")
    by_name = {each["name"]: each for each in found["originals"]}
    assert by_name["rank1"]["interval"]["method"] == "wilson-clustered"
    reason = "FPIR 1 % needs at least 100 non-mated searches, got 10"
    assert (by_name["fnir_at_fpir_1"]["value"], by_name["fnir_at_fpir_1"]["reason"]) == (None, reason)
    assert main(["search", *words, "--quiet"]) == 0
    out = capsys.readouterr().out
    for text in (
        "gallery of 7: 5 enrolled, 0 distractors, 2 of another dataset",
        "10 images of 5 people searched, candidate lists of 5;",
        "rank-5",
        "FNIR at FPIR 1 %, own limit",
        "own limit: the threshold is set on the de-identified images",
        f"no number: {reason}",
    ):
        assert text in out
    assert max(map(len, out.splitlines()[1:])) <= 80  # the first one names what was searched, however long that is
    # Of several records one that is not what its run wrote costs itself.
    other = path.parents[1] / "other" / "run.json"
    other.parent.mkdir()
    other.write_text("{}")
    assert main(["search", str(path), str(other), *words[1:], "--quiet"]) == 1
    said = capsys.readouterr()
    assert "gallery of 7" in said.out
    assert str(other) in said.err
    shutil.rmtree(other.parent)
    assert main(["search", str(tmp_path / "cache")]) == 2


def test_a_search_is_as_complete_as_its_run(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path, dataset = made("identities=5,blank=1", "refuses_some")
    counts = load_record(path).counts
    assert (counts.failed > 0, counts.skipped, counts.retry) == (True, 1, 0)
    words = ["search", str(path), "--dataset", dataset, "-j", "1"]
    assert main([*words, "--json"]) == 1
    said = capsys.readouterr()
    (found,) = json.loads(said.out)
    assert 0 < found["failed"] <= counts.failed
    assert "the method failed on" in found["notes"][0]
    assert "nothing was found in 1 originals; they are neither enrolled nor searched" in found["notes"]
    (line,) = said.err.splitlines()
    assert line == f"{path}: {found['lacking'][0]}"
    assert f"{found['failed']} failed of " in line
    assert "(method: too dark)" in line


def test_a_crash_in_a_search_is_no_wrong_usage(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path, dataset = made("identities=3", "toy_noise")
    words = ["search", str(path), "--dataset", dataset, "-j", "1", "-r", f"{FAULTY}:Faulty:fault=align"]
    assert main(words) == 1
    assert "have no template because of crashes" in capsys.readouterr().err


def test_vectors_are_searched_by_products(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path, dataset = made("identities=6")
    plain = search_record(path, Asked(dataset=dataset, jobs=1))
    monkeypatch.setattr("deid_bench.recognizers.vectors._ROUNDING", 10.0)  # its distance is half the cosine's
    dispatch = "deid_bench.recognizers.vectors.vector_distance"
    monkeypatch.setattr(dispatch, lambda recognizer: "cosine")
    installed = faiss_search.is_here()
    for here in dict.fromkeys((False, installed)):
        monkeypatch.setattr("deid_bench.benchmark.searching.search.is_here", lambda here=here: here)
        found = search_record(path, Asked(dataset=dataset, jobs=1))
        assert found.engine == f"exact: {'FAISS, flat' if here else 'matrix products'}, cosine distances"
        for side in ("originals", "deidentified"):
            assert numbers(found, side) == numbers(plain, side)
