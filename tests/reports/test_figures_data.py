"""What stands in figures is what the records and the scoring say."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present, undefined

from deid_bench.benchmark.metrics.recognition.det import det_line, probit
from deid_bench.benchmark.metrics.recognition.error_rates import fmr_fnmr_curve
from deid_bench.benchmark.metrics.values import Scores, Undefined
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import Interval, RunRecord, Value
from deid_bench.benchmark.results.scores_file import SCORES_NAME, read_scores
from deid_bench.benchmark.run import Execution, run
from deid_bench.reports.board.figures import _DET as DET_NAMES
from deid_bench.reports.board.figures import row_figures
from deid_bench.reports.board.svg import det_svg
from deid_bench.reports.figures import cmc, det, distributions, pareto, sweep
from deid_bench.reports.figures.data import Entry, Group, load_entries
from deid_bench.reports.figures.style import Stroke, drawing, two_lines

NAME = "toy_recognizer"


def xs(line: Any) -> list[float]:
    """Where the points of a drawn line lie."""
    return list(line.get_xdata())


def ys(line: Any) -> list[float]:
    return list(line.get_ydata())


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Group:
    folder = tmp_path_factory.mktemp("data")
    options = RunOptions(
        methods=("toy_noise", "toy_noise:strength=150", "masking", "identity"),
        datasets=(f"toy-hands:folder={folder / 'hands'}",),
        analyzer="toy_analyzer",
        recognizers=(NAME,),
        repetitions=2,
        protocol="palm-paper/1.0",
    )
    run(options, Execution(out=folder / "results", backend="serial"))
    (found,), _ = load_entries([folder / "results"])
    return found


def _entry(group: Group, spec: str) -> Entry:
    return next(each for each in group.entries if each.record.method.spec == spec)


def _scores(entry: Entry) -> dict[str, Scores]:
    return read_scores(entry.folder / SCORES_NAME, entry.recognizers().index(NAME))


def _changed(entry: Entry, label: str, sanity: bool = False, **values: float) -> Entry:
    """The entry with other numbers; each has an interval of one unit around it."""
    made = [
        Value(metric=name, value=value, n=9, interval=Interval(low=value - 1, high=value + 1, level=0.95, method="m"))
        for name, value in values.items()
    ]
    method = entry.record.method.model_copy(update={"family": "sanity" if sanity else "classical"})
    return Entry(entry.record.model_copy(update={"values": made, "method": method}), entry.folder, label)


def test_scores_with_damaged_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / SCORES_NAME
    arrays = {f"{kind}_0": np.arange(200.0) for kind in ("genuine", "impostor", "own", "cross", "versions")}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    assert read_scores(path, 0)["own"].size == 200
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("own_0.npy")
    data = bytearray(path.read_bytes())
    extra = int.from_bytes(data[info.header_offset + 28 :][:2], "little")
    data[info.header_offset + 30 + len(info.filename) + extra] = 0x07  # a block of no kind
    path.write_bytes(data)
    with pytest.raises(ValueError, match="invalid block type"):
        read_scores(path, 0)


# ------------------------------------------------------------------------------------------------ DET


@pytest.mark.parametrize("spec", ["toy_noise", "toy_noise:strength=150", "masking", "identity"])
@pytest.mark.parametrize(("name", "kind", "rate"), [("det", "genuine", ""), ("det_own", "own", "rr"),
                                                    ("det_cross", "cross", "rr_cross")])  # fmt: skip
def test_record_figure_and_board_have_one_det(group: Group, spec: str, name: str, kind: str, rate: str) -> None:
    """The record has what the function gives on the very distances; figure and board read it from there."""
    entry = _entry(group, spec)
    scores = _scores(entry)
    lost = present(entry.value(rate, NAME)).n - scores[kind].size if rate else 0
    threshold = present(entry.value("eer_threshold", NAME)).value
    expected = present(det_line(scores[kind], scores["impostor"], lost, threshold))
    curve = next(each for each in entry.record.curves if (each.name, each.recognizer) == (name, NAME))
    assert (curve.x, curve.y) == (expected.fmr.tolist(), expected.fnmr.tolist())
    line = present(det.line_of(entry, NAME, name, rate))
    assert (list(line.fmr), list(line.fnmr), line.at) == (curve.x, curve.y, tuple(present(curve.at)))
    drawn = det_svg([(DET_NAMES[each.name], each.x, each.y) for each in entry.record.curves if each.name in DET_NAMES])
    figures, _ = row_figures(entry.record, entry.folder)
    assert dict(figures)[NAME][0] == drawn
    if rate:
        assert 100 * present(line.at)[1] == pytest.approx(present(entry.record.value(rate, NAME)).value, abs=1e-9)
        assert line.interval == present(entry.record.value(rate, NAME)).interval


def test_what_could_not_be_processed_counts_as_rejected() -> None:
    rng = np.random.default_rng(0)
    mated, impostor = rng.normal(0, 1, 50), rng.normal(2, 1, 400)
    line = present(det_line(mated, impostor, 3, 1.0))
    assert line.fnmr[-1] == pytest.approx(3 / 53)
    assert line.fnmr[0] == 1
    assert line.at == pytest.approx((np.mean(impostor <= 1.0), (np.count_nonzero(mated > 1.0) + 3) / 53))
    assert (line.impostors, line.mated) == (400, 53)


def test_a_det_keeps_points_of_the_curve_its_ends_and_its_shape() -> None:
    rng = np.random.default_rng(1)
    genuine, impostor = rng.normal(0, 1, 20_000), rng.normal(2, 1, 20_000)
    line, curve = det_line(genuine, impostor), fmr_fnmr_curve(genuine, impostor)
    assert set(zip(present(line).fmr, present(line).fnmr, strict=True)) <= set(
        zip(present(curve).fmr, present(curve).fnmr, strict=True)
    )
    assert (present(line).fmr[0], present(line).fnmr[0], present(line).fmr[-1], present(line).fnmr[-1]) == (0, 1, 1, 0)
    assert present(line).fmr.size < 1200
    x, y = probit(present(line).fmr, 1e-4), probit(present(line).fnmr, 1e-4)
    assert np.hypot(np.diff(x), np.diff(y)).max() < 0.5


def test_a_record_of_before_says_that_it_has_none(group: Group) -> None:
    entry = _entry(group, "toy_noise")
    curves = [each.model_copy(update={"at": None, "comparisons": None}) for each in entry.record.curves]
    old = Entry(entry.record.model_copy(update={"curves": curves}), entry.folder, "old")
    assert "run the same command again" in undefined(det.line_of(old, NAME, "det")).reason


def test_the_plotted_det_is_on_probit_axes(group: Group) -> None:
    with drawing():
        drawn = present(det.figure(group.entries, NAME, "full")).figure
    left = drawn.axes[0]
    labels = [each.get_text() for each in left.get_yticklabels()]
    places = left.get_yticks()
    np.testing.assert_allclose(places, probit([float(each) / 100 for each in labels]))
    originals = present(det.line_of(group.entries[0], NAME, "det"))
    np.testing.assert_allclose(np.asarray(left.lines[0].get_xdata()), originals.points[0])


# ------------------------------------------------------------------------------------------------ distributions


def test_panels_show_the_records_threshold_and_separations(group: Group) -> None:
    entry = _entry(group, "toy_noise")
    with drawing():
        drawn = present(distributions.figure([distributions.Panel(entry, "x")], [NAME], "column")).figure
    (axis,) = drawn.axes
    threshold = present(entry.record.value("eer_threshold", NAME)).value
    assert threshold in [xs(each)[0] for each in axis.lines if len(xs(each)) == 2]
    said = [each.get_text() for each in axis.texts]
    assert len(said) == 3
    assert said[0].startswith(f"d′ {present(entry.record.value('d_prime', NAME)).value:.2f},")
    diversity, shared = (present(entry.record.value(f"{name}_diversity", NAME)).value for name in ("dprime", "overlap"))
    shown = "–" if shared is None else f"{shared:.2f}"
    assert said[2] == f"d′ {diversity:.2f}, overlap {shown}"


def test_an_unknown_recognizer_is_a_reason(group: Group) -> None:
    found = distributions.figure([distributions.Panel(group.entries[0], "x")], ["nobody"], "column")
    assert isinstance(found, Undefined)
    assert "not run with nobody" in found.reason


# ------------------------------------------------------------------------------------------------ CMC


def test_cmc_shows_the_records_curve_and_the_interval_of_rank_1(group: Group) -> None:
    with drawing():
        drawn = present(cmc.figure(group.entries, NAME, "text")).figure
    for axis, (name, metric, _) in zip(drawn.axes, cmc.SIDES, strict=True):
        lines = [each for each in axis.lines if each.get_linestyle() != "None" and len(xs(each)) > 2]
        for entry, line in zip(group.entries, lines, strict=True):
            curve = next(each for each in entry.record.curves if each.name == name)
            np.testing.assert_allclose(ys(line), np.multiply(curve.y, 100))
            assert ys(line)[0] == pytest.approx(present(entry.record.value(metric, NAME)).value)


# ------------------------------------------------------------------------------------------------ Pareto


def test_the_frontier_holds_what_nobody_beats(group: Group) -> None:
    base = group.entries[0]
    made = [
        _changed(base, "good", rr=90, ssim=0.9),
        _changed(base, "beaten", rr=80, ssim=0.85),
        _changed(base, "pretty", rr=10, ssim=0.99),
        _changed(base, "sanity", sanity=True, rr=100, ssim=1.0),
        _changed(base, "half", rr=50),
    ]
    points = pareto.find_points(made, NAME, "rr", "ssim")
    assert [each.entry.label for each in points] == ["good", "beaten", "pretty", "sanity"]
    assert [each.entry.label for each in pareto.frontier(points, "rr", "ssim")] == ["pretty", "good"]
    with drawing():
        drawn = present(pareto.figure(made, NAME, "column", "rr", "ssim")).figure
    (axis,) = drawn.axes
    assert xs(axis.lines[0]) == [10, 10, 90]
    assert ys(axis.lines[0]) == [0.99, 0.9, 0.9]
    assert next(xs(each) for each in axis.lines if len(xs(each)) == 2) == [89, 91]


def test_better_is_to_the_right_whatever_the_metric(group: Group) -> None:
    base = group.entries[0]
    made = [_changed(base, str(rank), rank1_with_source=rank, dir=ratio) for rank, ratio in ((10, 160), (30, 95))]
    points = pareto.find_points(made, NAME, "rank1_with_source", "dir")
    best = pareto.frontier(points, "rank1_with_source", "dir")
    assert [each.entry.label for each in best] == ["30", "10"]
    with drawing():
        (axis,) = present(pareto.figure(made, NAME, "column", "rank1_with_source", "dir")).figure.axes
    assert axis.xaxis_inverted()
    assert axis.get_ylabel().endswith("→ 100")


# ------------------------------------------------------------------------------------------------ sweeps


def _with(entry: Entry, digest: str, value: float | None = None, seed: int = 0, **params: Any) -> Entry:
    method = entry.record.method.model_copy(update={"params": params})
    changes: dict[str, object] = {"method": method, "root_seed": seed, "digest": digest}
    if value is not None:
        made = Interval(low=value - 2, high=value + 3, level=0.95, method="m")
        changes["values"] = [Value(metric="rr", recognizer=NAME, value=value, n=9, interval=made)]
    record: RunRecord = entry.record.model_copy(update=changes)
    return Entry(record, entry.folder, digest)


def test_sweeps_vary_one_parameter_and_nothing_else(group: Group) -> None:
    (found,) = sweep.find_sweeps(group.entries)
    assert (found.method, found.parameter, found.values) == ("toy_noise", "strength", (60.0, 150.0))
    base = group.entries[0]
    entries = [
        _with(base, "a", alpha=0.3, mode="s"),
        _with(base, "b", alpha=0.1, mode="s"),
        _with(base, "c", alpha=0.1, mode="s+m"),
        _with(base, "d", alpha=0.2, mode="s", seed=1),
        _with(base, "e", alpha=0.5, mode="f+m"),
    ]
    both = {each.parameter: each for each in sweep.find_sweeps(entries)}
    assert set(both) == {"alpha", "mode"}
    assert both["alpha"].values == (0.1, 0.3)
    assert [each.label for each in both["alpha"].entries] == ["b", "a"]
    assert both["mode"].values == ("s", "s+m")
    assert both["alpha"].numeric
    assert not both["mode"].numeric
    assert not sweep.find_sweeps(entries[3:])


def test_bands_of_sweeps_are_the_intervals(group: Group) -> None:
    base = group.entries[0]
    entries = [_with(base, str(alpha), value, alpha=alpha) for alpha, value in ((0.2, 50.0), (0.1, 70.0), (0.4, 20.0))]
    (found,) = sweep.find_sweeps(entries)
    assert sweep.series(found, "rr", NAME) == [(0.1, 70, 68, 73), (0.2, 50, 48, 53), (0.4, 20, 18, 23)]
    with drawing():
        (axis,) = present(sweep.figure(found, [NAME], "column", ["rr"])).figure.axes
    corners = axis.collections[0].get_paths()[0].vertices
    assert {(0.1, 68.0), (0.1, 73.0), (0.4, 18.0), (0.4, 23.0)} <= set(map(tuple, np.asarray(corners).tolist()))
    assert ys(axis.lines[0]) == [70, 50, 20]
    reason = sweep.figure(found, [NAME], "column", ["ssim"])
    assert isinstance(reason, Undefined)


def test_a_sweep_over_words_has_a_place_for_each(group: Group) -> None:
    base = group.entries[0]
    entries = [_with(base, mode, 10.0 * len(mode), mode=mode) for mode in ("s+m", "s", "f", "s+m+f")]
    (found,) = sweep.find_sweeps(entries)
    assert found.values == ("f", "s", "s+m", "s+m+f")
    with drawing():
        (axis,) = present(sweep.figure(found, [NAME], "column", ["rr"])).figure.axes
    assert [each.get_text() for each in axis.get_xticklabels()] == ["f", "s", "s+m", "s+m+f"]


# ------------------------------------------------------------------------------------------------ style


def test_no_two_of_the_first_methods_look_alike() -> None:
    strokes = [Stroke.number(index) for index in range(30)]
    assert len({(each.colour, str(each.dashes)) for each in strokes}) == 30
    assert len({(each.colour, each.marker) for each in strokes}) == 30
    assert len({(str(each.dashes), each.marker) for each in strokes}) == 30


@pytest.mark.parametrize("text", ["short", "palm:setting=controlled", "x" * 300, "a b c d e f g h i j k l m n o p"])
def test_headings_fit_into_two_lines(text: str) -> None:
    lines = two_lines(text, 14).split("\n")
    assert len(lines) <= 2
    assert all(len(each) <= 14 for each in lines)


def test_records_are_found_from_any_folder(group: Group, tmp_path: Path) -> None:
    groups, left_out = load_entries([each.folder for each in group.entries], methods=("toy_noise",))
    assert [each.record.method.spec for each in groups[0].entries] == ["toy_noise", "toy_noise:strength=150"]
    assert not left_out
    (ordered,), _ = load_entries([each.folder for each in group.entries], methods=("masking", "toy_noise:strength=150"))
    assert [each.label for each in ordered.entries] == ["masking", "toy_noise:strength=150"]
