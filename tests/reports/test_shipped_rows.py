"""What the manual and the ladder say of built-in methods under attack is what the shipped reference rows hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from narrowed import present

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.records.attacks import Attacks
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.records.value import Value
from deid_bench.reports.leaderboard import reference

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
RECOGNIZERS = ("mtcc", "ccnet", "eehnet_style")
WORST = ("rank1_worst", "eer_worst", "tpr_at_fmr_1_worst")
COST = ("dir", "rank1_with_source", "rank1_without_source", "rank1_worst")
"""Columns of the page's table behind RR."""
_LABEL = re.compile(r"([A-Z0-9a-z+]+)(?: \((\w+)\))?")
"""An attack, and its recogniser where it stands for the worst of several."""


def attacked() -> list[RunRecord]:
    return [each for each in reference.shipped().records if each.attacks is not None]


def row_of(method: str, dataset: str = "palm-mini") -> RunRecord:
    """The one row of that method with attacks."""
    (record,) = (each for each in attacked() if (each.method.name, each.dataset.spec) == (method, dataset))
    return record


def number(record: RunRecord, metric: str, recognizer: str | None) -> float:
    return present(present(record.value(metric, recognizer)).value)


def attacks_of(record: RunRecord) -> Attacks:
    return present(record.attacks)


def test_every_built_in_palm_method_ships_with_attacks_on_both_settings() -> None:
    methods = {"identity", "other", "masking", "blurring", "pixelation", "palm_diffusion"}
    pairs = [(each.method.name, each.dataset.spec) for each in attacked()]
    assert sorted(pairs) == sorted((method, f"palm-mini{x}") for method in methods for x in ("", ":setting=wild"))
    assert {tuple(each.spec for each in record.recognizers) for record in attacked()} == {RECOGNIZERS}


def test_blurring_and_pixelation_are_broken_by_those_who_try() -> None:
    pixelated, blurred = row_of("pixelation"), row_of("blurring")
    assert number(pixelated, "rank1_without_source", "ccnet") < 20, "an attacker who does nothing finds few"
    assert number(pixelated, "rank1_worst", "ccnet") >= 80
    assert present(present(pixelated.value("rank1_worst", "ccnet")).interval).low > 80
    for recognizer in RECOGNIZERS:
        assert number(blurred, "rank1_worst", recognizer) >= 99


@pytest.mark.parametrize("dataset", ["palm-mini", "palm-mini:setting=wild"])
def test_on_unchanged_images_no_attack_that_counts_leaves_the_plain_recognisers_interval(dataset: str) -> None:
    record = row_of("identity", dataset)
    for recognizer in RECOGNIZERS:
        plain = present(record.value("rank1_without_source", recognizer))
        low, high = present(plain.interval).low, present(plain.interval).high
        assert low <= number(record, "rank1_worst", recognizer) <= high
        rows = [each for each in attacks_of(record).rows if each.recognizer == recognizer and each.status == "counts"]
        whole = [each for each in rows if each.attack not in ("A6", "A7")]  # these see a part, or with other eyes
        assert {each.attack for each in whole} >= {"A0", "A1", "A4", "A8"}
        for row in whole:
            assert low <= present(present(row.value("rank1_without_source")).value) <= high, (recognizer, row.attack)


@pytest.mark.parametrize("record", attacked(), ids=lambda each: f"{each.method.spec} on {each.dataset.spec}")
def test_the_ignorant_attackers_numbers_are_the_records_plain_ones(record: RunRecord) -> None:
    for recognizer in RECOGNIZERS:
        row = present(attacks_of(record).row("A0", recognizer))
        shared = [each for each in row.values if record.value(each.metric, recognizer) is not None]
        assert {each.metric for each in shared} == {"rank1_without_source", "eer_effective", "linkability"}
        for own in shared:
            plain = present(record.value(own.metric, recognizer))
            assert (own.value, own.interval, own.n) == (plain.value, plain.interval, plain.n), own.metric


@pytest.mark.parametrize("record", attacked(), ids=lambda each: f"{each.method.spec} on {each.dataset.spec}")
def test_every_row_names_the_attack_of_its_worst_case(record: RunRecord) -> None:
    found = attacks_of(record)
    for recognizer in (*RECOGNIZERS, None):
        for metric in WORST:
            assert present(record.value(metric, recognizer)).value is not None
            label = found.worst_label(metric, recognizer)
            assert label, (metric, recognizer)
            for name, theirs in _LABEL.findall(label):
                row = present(found.row(name.split("+")[-1], theirs or recognizer or ""))
                assert row.status == "counts", label
    worst = [number(record, "rank1_worst", each) for each in RECOGNIZERS]
    assert number(record, "rank1_worst", None) == max(worst)


def test_the_cost_table_of_the_manual_has_the_numbers_that_ship() -> None:
    record = row_of("palm_diffusion")
    page = PAGE.read_text(encoding="utf-8")
    for recognizer in RECOGNIZERS:
        texts = [METRICS[metric].text(number(record, metric, recognizer)) for metric in COST]
        rr = _range(present(record.value("rr", recognizer)))
        assert f"| `{recognizer}` | {record.method.version} | {rr} | {' | '.join(texts)} |" in page
    quality = [METRICS[metric].text(number(record, metric, None)) for metric in ("ssim", "psnr")]
    assert f"{quality[0]} with them and in version 3" in page
    assert f"and {quality[1]} dB" in page


def _range(value: Value) -> str:
    """A rate at a threshold: over all thresholds that the originals leave open."""
    ends = present(value.range)
    texts = [METRICS["rr"].text(each) for each in (ends.low, ends.high)]
    return texts[0] if texts[0] == texts[1] else "–".join(texts)
