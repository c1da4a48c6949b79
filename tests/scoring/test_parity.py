"""Our numbers beside other implementations, and the table of docs/validation.md that says how near they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.stages.measure import FURTHER

sys.path.insert(0, str(Path(__file__).parent))  # the table's modules are no package
import parity
from parity_row import Row, Unavailable, apart, relatively_apart

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:torchvision.models._utils"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

OURS_ALONE = {
    *("roi_coverage", "roi_changed", "survival", "failure_rate", "seconds_per_image", "lpips_between_seeds"),
    *(name for name in METRICS if name.startswith(("drift_", "floor_"))),
    *("eer_deidentified", "eer_worst", "tpr_at_fmr_1", "tpr_at_fmr_0_1", "tpr_at_fmr_1_worst"),
    *("people_found", "disclosure_bits"),
}
"""Counts and house definitions, or means and error rates of what the table has: nobody else computes them."""

RANK1 = ("rank1_with_source", "rank1_without_source")

IN_THEIR_OWN_TEST = {name for name in METRICS if name.endswith("_paper")} | {
    *FURTHER,
    "fd_alexnet",
    "kd_alexnet",
    *(f"{name}_region" for name in ("ms_ssim", "fid", "kid", "fd_vgg16", "kd_vgg16")),
    *(name for name in METRICS if name.startswith(("rank1_", "rank5_")) and name not in RANK1),
    *(f"fnmr_deidentified_at_fmr_{rate}" for rate in ("10", "1", "0_1")),
}
"""The paper's preset (compared with its authors' calls in test_paper_preset.py), what is the whole image's number on a
box cut out of it, the search of a gallery (compared with plain loops in test_retrieval_scores.py), and the distances of
FID and KID on AlexNet's features (compared with the packages in test_closer_look.py)."""


@pytest.mark.parametrize("row", parity.ROWS, ids=lambda row: row.name)
def test_we_agree_with(row: Row) -> None:
    try:
        difference = row.difference()
    except Unavailable as error:
        pytest.skip(str(error))
    assert difference <= row.tolerance


def test_the_page_has_every_row_and_its_tolerance() -> None:
    written = parity.documented(parity.PAGE.read_text(encoding="utf-8"))
    assert list(written) == [parity.key(row) for row in parity.ROWS], f"run\n{parity.REGENERATE}"
    for row in parity.ROWS:
        cells = [cell.strip() for cell in written[parity.key(row)].strip("|").split("|")]
        assert cells[4] == f"{row.tolerance:.1e}", row.name
        assert cells[5] == row.note, row.name
        assert float(cells[3]) <= row.tolerance, row.name
        assert bool(row.package) == (cells[2] != "–"), row.name


def test_every_metric_has_a_counterpart_or_is_known_to_have_none() -> None:
    compared = {name for row in parity.ROWS for name in row.metrics}
    assert set(METRICS) - compared == OURS_ALONE | IN_THEIR_OWN_TEST
    for name in compared - set(METRICS):
        assert name[0].isupper(), f"{name} is no metric and reads like one"


def test_a_page_keeps_the_rows_that_cannot_be_measured() -> None:
    row = Row(("eer",), "a package of nobody", "deid-bench-no-such-package", 1e-3, lambda: 0.0)
    with pytest.raises(Unavailable, match="no-such-package is not installed"):
        row.difference()
    kept = f"x\n{parity.BEGIN}\n\n{parity.HEADER}\n{parity.line(row, '9.9', 1e-4)}\n\n{parity.END}\n"
    assert parity.documented(kept) == {parity.key(row): parity.line(row, "9.9", 1e-4)}


def test_differences_are_the_largest_ones() -> None:
    assert apart([(1.0, 1.5), ([1.0, 4.0], [2.0, 4.0])]) == 1.0
    assert relatively_apart([(11.0, 10.0), (99.0, 100.0)]) == pytest.approx(0.1)
