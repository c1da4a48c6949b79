"""Choosing a setting under a bound, and planning a study: claims that hold as often as they say."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.readings.choosing import Limit, choose
from deid_bench.benchmark.readings.differences import NotComparable
from deid_bench.benchmark.readings.power import for_bound
from deid_bench.benchmark.records.record import RunRecord, record_bytes
from deid_bench.benchmark.records.replicates import REPLICATES_NAME, encode_replicates, load_replicates
from deid_bench.benchmark.statistics.bootstrap_replicates import share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.sample_size import (
    one_sided,
    people_for_bound,
    people_for_difference,
    variance_with_images,
)
from deid_bench.benchmark.statistics.sign_flips import Paired, p_value
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters
from deid_bench.cli import main


def _load_made_up() -> Any:
    spec = importlib.util.spec_from_file_location(
        "made_up_records", Path(__file__).parents[1] / "reports/made_up_records.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE_UP = _load_made_up()
made_up, write_results = MADE_UP.made_up, MADE_UP.write_results
PEOPLE, IMAGES = 24, 4


def shares(rate: float, rng: np.random.Generator, people: int = PEOPLE) -> Replicates:
    """Hits of images whose people are more alike than chance."""
    own = rng.beta(3 * rate, 3 * (1 - rate), people) if 0 < rate < 1 else np.full(people, rate)
    hits = (rng.random((people, IMAGES)) < own[:, None]).astype(float).ravel()
    draws = draw_clusters(people, 300, seed=1)
    assert isinstance(draws, Draws)
    found = share_replicates(Clustered(hits, np.repeat(np.arange(people), IMAGES)), draws)
    assert isinstance(found, Replicates)
    return found


def sweep(folder: Path, rates: list[float], seed: int = 0) -> list[tuple[RunRecord, Path]]:
    """Settings of blurring, SSIM rising with the rate at which people are found."""
    rng = np.random.default_rng(seed)
    rows = [each for each in made_up(14 + 3 * len(rates)) if each.method.name == "blurring"][: len(rates)]
    made = []
    for place, (row, rate) in enumerate(zip(rows, rates, strict=False)):
        found = shares(rate, rng)
        changed = [
            each.model_copy(update={"value": 0.5 + 0.02 * place})
            if each.metric == "ssim"
            else each.model_copy(update={"value": 100 * found.estimate})
            if each.metric == "rank1_without_source"
            else each
            for each in row.values
        ]
        record = row.model_copy(update={"values": changed})
        path = write_results(folder, [record])[0]
        keys = {("rank1_without_source", each.spec): found for each in record.recognizers}
        (path / REPLICATES_NAME).write_bytes(encode_replicates(keys))
        made.append((record, path))
    return made


def test_the_best_quality_that_holds_is_chosen(tmp_path: Path) -> None:
    settings = sweep(tmp_path, [0.0, 0.01, 0.5, 0.9])
    found = choose(settings, [Limit("rank1_without_source", 30, True)], "ssim")
    assert found.best is not None
    assert found.best.record.digest == settings[1][0].digest
    assert "rank1_without_source at most 30 with 95 % confidence" in found.sentence
    assert [each.holds for each in found.candidates] == [True, True, False, False]


def test_what_lies_behind_a_setting_that_fails_is_not_chosen(tmp_path: Path) -> None:
    found = choose(sweep(tmp_path, [0.0, 0.9, 0.0]), [Limit("rank1_without_source", 30, True)], "ssim")
    assert found.best is not None
    assert found.best.quality == 0.5
    assert [each.reached for each in found.candidates] == [True, True, False]


def test_none_holds_and_it_says_how_many_people_would_do(tmp_path: Path) -> None:
    settings = sweep(tmp_path, [0.0, 0.02])
    found = choose(settings, [Limit("rank1_without_source", 5, True)], "ssim")
    assert found.best is None
    people = found.candidates[0].people
    assert isinstance(people, int)
    assert people > PEOPLE
    assert f"it would take about {people} people" in found.sentence
    hopeless = choose(sweep(tmp_path / "b", [0.8, 0.9]), [Limit("rank1_without_source", 5, True)], "ssim")
    assert "more people would not help" in hopeless.sentence


def test_a_number_without_resamples_claims_nothing(tmp_path: Path) -> None:
    settings = sweep(tmp_path, [0.0])
    (settings[0][1] / REPLICATES_NAME).unlink()
    found = choose(settings, [Limit("rank1_without_source", 50, True)], "ssim")
    assert found.best is None
    with pytest.raises(NotComparable, match="no metric 'rank9'"):
        choose(settings, [Limit("rank9", 5, True)], "ssim")
    with pytest.raises(NotComparable, match="got none"):
        choose([], [Limit("rr", 5, True)], "ssim")


def test_a_number_with_a_target_has_no_bound(tmp_path: Path) -> None:
    ((record, folder),) = sweep(tmp_path, [0.1])
    kept = {("dir", record.recognizers[0].spec): shares(0.5, np.random.default_rng(0))}
    (folder / REPLICATES_NAME).write_bytes(encode_replicates(kept))
    with pytest.raises(NotComparable, match="neither above nor below a bound"):
        for_bound(record, folder, "dir", 100.0, 0.95)


@pytest.mark.parametrize("lacking", ["withheld", "not run"])
def test_a_setting_that_lacks_a_recognisers_number_does_not_hold(tmp_path: Path, lacking: str) -> None:
    settings = sweep(tmp_path, [0.0, 0.01])
    record, folder = settings[1]
    name = record.recognizers[-1].spec
    values = [each for each in record.values if (each.metric, each.recognizer) != ("rank1_without_source", name)]
    if lacking == "withheld":
        found = present(record.value("rank1_without_source", name))
        values.append(found.model_copy(update={"value": None, "interval": None, "reason": "embed crashed"}))
    settings[1] = (record.model_copy(update={"values": values}), folder)
    found_best = choose(settings, [Limit("rank1_without_source", 30, True)], "ssim")
    assert present(found_best.best).record.digest == settings[0][0].digest
    said = f"– (no rank1_without_source with {name}: {'embed crashed' if lacking == 'withheld' else 'not measured'})"
    assert found_best.candidates[1].values == [f"rank1_without_source {said}"]
    alone = choose(settings[1:], [Limit("rank1_without_source", 30, True)], "ssim")
    assert (alone.best is None) == (lacking == "withheld")


def test_why_none_is_chosen_is_said_as_it_is(tmp_path: Path) -> None:
    settings = sweep(tmp_path / "a", [0.0, 0.0])
    bare = [
        (record.model_copy(update={"values": [each for each in record.values if each.metric != "ssim"]}), folder)
        for record, folder in settings
    ]
    found = choose(bare, [Limit("rank1_without_source", 30, True)], "ssim")
    assert found.sentence == ("2 of 2 settings keep rank1_without_source at most 30, and have no ssim to choose by")
    for _, folder in settings:
        (folder / REPLICATES_NAME).unlink()
    found = choose(settings, [Limit("rank1_without_source", 30, True)], "ssim")
    assert found.sentence.endswith("does in its numbers themselves (no resamples)")


def test_the_command_ends_with_1_where_none_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(tmp_path, [0.0, 0.5])
    assert main(["choose", str(tmp_path), "--max", "rank1_without_source=30", "--best", "ssim", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chosen"].startswith("blurring")
    assert main(["choose", str(tmp_path), "--max", "rank1_without_source=1", "--best", "ssim"]) == 1
    assert "none of 2 settings" in capsys.readouterr().out
    assert main(["choose", str(tmp_path), "--max", "rank1", "--best", "ssim"]) == 2
    assert main(["choose", str(tmp_path), "--best", "ssim"]) == 2


def test_a_chosen_setting_rarely_breaks_its_bound() -> None:
    """True rate exactly at the bound: a claim is a false one, and must come in at most 5 % of studies (here: 200)."""
    wrong = 0
    for seed in range(200):
        found = one_sided(shares(0.2, np.random.default_rng(seed)), 0.95)
        assert isinstance(found, Interval)
        wrong += found.high < 0.2
    assert wrong <= 16


def test_people_for_a_bound_are_just_enough() -> None:
    pilot = shares(0.05, np.random.default_rng(3))
    needed = people_for_bound(pilot, pilot.estimate + 0.04, upper=True, confidence=0.95)
    assert isinstance(needed, int)
    assert needed > PEOPLE
    bigger = people_for_bound(pilot, pilot.estimate + 0.08, upper=True, confidence=0.95)
    assert isinstance(bigger, int)
    assert bigger < needed
    assert people_for_bound(pilot, pilot.estimate, upper=True, confidence=0.95) == Undefined(
        "the pilot itself is beyond the bound"
    )


def test_as_many_people_as_it_says_tell_methods_apart_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(0)
    pilot = Paired(rng.normal(0.5, 1.0, 200) / 200, np.full(200, 1 / 200), share=False)
    needed = people_for_difference(pilot)
    assert isinstance(needed, int)
    own = pilot.difference * 200
    told = 0
    for _ in range(300):
        d = rng.choice(own, needed)
        told += p_value(Paired(d / needed, np.full(needed, 1 / needed), share=False)) <= 0.05
    assert 0.72 <= told / 300 <= 0.9


def test_more_images_of_each_spare_people_only_as_far_as_people_are_alike() -> None:
    pilot = Paired(np.random.default_rng(1).normal(0.3, 0.5, 50) / 50, np.full(50, 1 / 50), share=True)
    assert variance_with_images(pilot, 0.0, 4, 16) == 1
    assert variance_with_images(pilot, 0.4, 4, 16) < 1 < variance_with_images(pilot, 0.4, 4, 1)
    assert people_for_difference(replace(pilot, difference=np.zeros(50))) == Undefined("the pilot shows no difference")


def test_power_from_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (_, first), (_, second) = sweep(tmp_path, [0.2, 0.5])
    assert main(["power", str(first), str(second), "--metric", "rank1_without_source", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["recognizer"] for row in rows} == {"mtcc", "compcode"}
    assert rows[0]["people_by_images"]["1"] >= rows[0]["people_by_images"]["16"] >= 6
    assert main(["power", str(first), "--metric", "rank1_without_source", "--bound", "60"]) == 0
    assert "it takes" in capsys.readouterr().out
    assert main(["power", str(first), "--metric", "rank1_without_source", "--bound", "1"]) == 1
    assert "no number of people: the pilot itself is beyond the bound" in capsys.readouterr().out
    assert main(["power", str(first), "--metric", "rank1_without_source"]) == 2
    assert main(["power", str(first), str(second), "--metric", "nothing"]) == 2


def test_power_says_which_recogniser_a_record_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (_, first), (record, second) = sweep(tmp_path, [0.2, 0.5])
    both = load_replicates(second)
    metric = "rank1_without_source"
    asked = ["power", str(first), str(second), "--metric", metric]
    found = [each for each in record.values if (each.metric, each.recognizer) != (metric, "mtcc")]
    withheld = record.value(metric, "mtcc")
    assert withheld is not None
    reason = withheld.model_copy(update={"value": None, "interval": None, "reason": "too few people"})
    (second / REPLICATES_NAME).write_bytes(encode_replicates({key: both[key] for key in both if key[1] != "mtcc"}))
    for values, why in (
        (found, "the second record lacks it (not measured with mtcc)"),
        ([*found, reason], "the second record lacks it (too few people)"),
        ([*found, withheld], "the second record has no resamples of it"),
    ):
        (second / "run.json").write_bytes(record_bytes(record.model_copy(update={"values": values})))
        assert main(asked) == 1
        assert f"{metric} mtcc: no number of people: {why}" in capsys.readouterr().out
        assert main([*asked, "--json"]) == 1
        told = {row["recognizer"]: row for row in json.loads(capsys.readouterr().out)}
        assert (told["mtcc"]["people"], told["mtcc"]["pilot"], told["mtcc"]["reason"]) == (None, None, why)
        assert told["compcode"]["people"] > 0
    (second / REPLICATES_NAME).write_bytes(encode_replicates({}))
    assert main(asked) == 2
    assert "compcode: the second record has no resamples of it" in capsys.readouterr().err


def test_power_under_a_bound_says_which_recogniser_the_record_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [(_, folder)] = sweep(tmp_path, [0.2])
    both = load_replicates(folder)
    (folder / REPLICATES_NAME).write_bytes(encode_replicates({key: both[key] for key in both if key[1] != "mtcc"}))
    assert main(["power", str(folder), "--metric", "rank1_without_source", "--bound", "60"]) == 1
    assert "mtcc: no number of people: the record has no resamples of it" in capsys.readouterr().out
