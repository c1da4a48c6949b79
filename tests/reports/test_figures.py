"""Figures: drawn from records alone, the same bytes every time, vector, with the numbers that the records hold."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from narrowed import present
from written import save_record

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import Interval, load_record
from deid_bench.benchmark.results.scores_file import SCORES_NAME
from deid_bench.benchmark.run import Execution, run
from deid_bench.characters import inert
from deid_bench.cli import main
from deid_bench.reports.figures.catalogue import FIGURES, FigureError, Options, file_stem, write_figures
from deid_bench.reports.figures.data import clean_label, load_entries

PLOTS = ("distributions", "det", "cmc", "pareto", "sweep")
HOSTILE = [
    "<script>alert(1)</script>",
    "]]></style><image href='x'/>",
    r"$\frac{1}{0}$ \input{x} \write18",
    "_hidden_by_legends",
    "../../../etc/passwd",
    "‮evil‬ \x00\x07\u2028 \ufffe",
    "مرحبا 掌紋",
    "x" * 10_000,
    "‮",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of the toy world: two strengths, a classical method and a sanity check, two versions each."""
    folder = tmp_path_factory.mktemp("figures")
    options = RunOptions(
        methods=("toy_noise", "toy_noise:strength=150", "masking", "identity"),
        datasets=(f"toy-hands:folder={folder / 'hands'}",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        repetitions=2,
        protocol="palm-paper/1.0",
    )
    run(options, Execution(out=folder / "results", backend="serial"))
    return folder / "results"


@pytest.fixture
def alone(results: Path, tmp_path: Path) -> Path:
    """The records' folders, without datasets and store."""
    target = tmp_path / "records"
    shutil.copytree(results, target, ignore=shutil.ignore_patterns(".store"))
    return target


def _svg(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())


def _texts(root: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def _tags(root: ET.Element) -> set[str]:
    return {each.tag.rpartition("}")[2] for each in root.iter()}


WITHOUT_ATTACKS = set(FIGURES) - {"ladder"}
"""What can be drawn of these records; the ladder is drawn in test_attack_reports.py."""


def test_every_figure_comes_from_records_alone(alone: Path, tmp_path: Path) -> None:
    written = write_figures([alone], tmp_path / "out", Options())
    assert all(name.startswith("ladder") and "--attacks" in why for name, why in written.refused)
    assert not written.left_out
    names = {path.name for path in written.files}
    for figure in WITHOUT_ATTACKS:
        for suffix in ("pdf", "svg"):
            assert [each for each in names if each.startswith(f"{figure}__") and each.endswith(suffix)], (
                figure,
                suffix,
            )


def test_the_same_records_give_the_same_bytes(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    first = write_figures([alone], tmp_path / "a", Options(width="text"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "pdf.fonttype": 3, "text.usetex": True}):
        before = dict(mpl.rcParams)
        second = write_figures([alone], tmp_path / "b", Options(width="text"))
        assert dict(mpl.rcParams) == before
    assert [each.name for each in first.files] == [each.name for each in second.files]
    assert len(first.files) >= 2 * len(WITHOUT_ATTACKS)
    for one, other in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
        assert b"CreationDate" not in one.read_bytes()


def test_plots_are_vector_with_text_as_text_and_fonts_inside(alone: Path, tmp_path: Path) -> None:
    written = write_figures([alone], tmp_path, Options(figures=PLOTS, formats=("pdf", "svg")))
    for path in written.files:
        if path.suffix == ".svg":
            root = _svg(path)
            assert "image" not in _tags(root), path.name
            assert len(_texts(root)) > 5, path.name
            assert re.fullmatch(r"252(\.\d+)?pt", present(root.get("width"))), path.name
        else:
            data = path.read_bytes()
            assert b"/Subtype /Image" not in data
            assert b"/FontFile2" in data
            assert b"/Subtype /Type3" not in data


@pytest.mark.parametrize(("width", "points"), [("column", 252), ("text", 374.4), ("full", 515.52)])
def test_widths_are_those_of_papers(
    alone: Path, tmp_path: Path, width: Literal["column", "text", "full"], points: float
) -> None:
    options = Options(figures=("cmc",), formats=("svg",), width=width)
    (path,) = write_figures([alone], tmp_path, options).files
    assert float(present(_svg(path).get("width")).removesuffix("pt")) == pytest.approx(points)


def test_grids_hold_the_images_and_their_names(alone: Path, tmp_path: Path) -> None:
    (path,) = write_figures([alone], tmp_path, Options(figures=("grid",), formats=("svg",), samples=3)).files
    root = _svg(path)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 2 * 3 * 5  # each also from near by
    words = " ".join(_texts(root))
    assert all(name in words for name in ("original", "masking", "identity", "toy_noise"))


def test_grids_show_versions_from_the_store(results: Path, tmp_path: Path) -> None:
    options = Options(
        figures=("grid",), formats=("svg",), samples=2, versions=2, images="store", methods=("toy_noise",)
    )
    (path,) = write_figures([results], tmp_path, options).files
    root = _svg(path)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 2 * (1 + 2 + 2)
    assert any("#2" in each for each in _texts(root))


def test_a_grid_without_its_store_says_so(alone: Path, tmp_path: Path) -> None:
    written = write_figures([alone], tmp_path, Options(figures=("grid",), images="store"))
    assert not written.files
    assert "run the same command again" in written.refused[0][1]


def test_images_of_a_gated_dataset_are_not_drawn_unasked(alone: Path, tmp_path: Path) -> None:
    for path in alone.glob("*/run.json"):
        record = load_record(path)
        gated = record.dataset.model_copy(update={"redistributable": False})
        save_record(record.model_copy(update={"dataset": gated}), path.parent)
    written = write_figures([alone], tmp_path, Options(figures=("grid",)))
    assert not written.files
    assert "terms" in written.refused[0][1]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_come_out_inert(alone: Path, tmp_path: Path, text: str) -> None:
    for path in alone.glob("toy_noise*/run.json"):
        record = load_record(path)
        method = record.method.model_copy(update={"spec": text, "name": text})
        recognizers = [each.model_copy(update={"spec": text}) for each in record.recognizers]
        values = [each.model_copy(update={"recognizer": each.recognizer and text}) for each in record.values]
        curves = [each.model_copy(update={"recognizer": text}) for each in record.curves]
        dataset = record.dataset.model_copy(update={"spec": text})
        changes = {"method": method, "recognizers": recognizers, "values": values, "curves": curves, "dataset": dataset}
        save_record(record.model_copy(update=changes), path.parent)
    sources = list(alone.glob("toy_noise*"))
    written = write_figures(sources, tmp_path / "out", Options(formats=("svg",)))
    assert {each.name.split("__")[0] for each in written.files} == WITHOUT_ATTACKS
    for path in written.files:
        assert path.parent == tmp_path / "out"
        assert len(path.name) < 250
        root = _svg(path)
        assert "script" not in _tags(root)
        assert ("image" in _tags(root)) == path.name.startswith("grid")
        assert max(map(len, _texts(root))) < 80
        assert not [each for each in "".join(_texts(root)) if each in "‮‬\x00\x07\ufffe"]
    legend = _texts(_svg(next(each for each in written.files if each.name.startswith("det"))))
    assert any(each.startswith(clean_label(inert(text))) for each in legend)


def test_labels_are_short_single_lines_without_hidden_characters() -> None:
    assert clean_label("a\n b\t‮c") == "a b c"
    assert clean_label("‮\x00") == "(no name)"
    long = clean_label("start" + "x" * 10_000_000 + "end")
    assert len(long) == 36
    assert long.startswith("startx")
    assert long.endswith("xend")


def test_files_have_names_that_every_system_takes() -> None:
    taken: set[str] = set()
    first = file_stem(("det", "../a:b", "‮"), taken)
    second = file_stem(("det", "../a/b", "‮"), taken)
    assert first == "det__a-b__x"
    assert second == "det__a-b__x-2"
    assert file_stem(("det", "../A/b", "‮"), taken) == "det__A-b__x-3"
    assert file_stem(("DET", "a?b", "y" * 300), taken).isascii()


def test_records_that_cannot_stand_together_get_figures_of_their_own(alone: Path, tmp_path: Path) -> None:
    path = next(alone.glob("masking*/run.json"))
    record = load_record(path)
    other = record.protocol.model_copy(update={"digest": "0" * 64})
    save_record(record.model_copy(update={"protocol": other}), path.parent)
    groups, _ = load_entries([alone])
    assert sorted(len(each.entries) for each in groups) == [1, 3]
    written = write_figures([alone], tmp_path, Options(figures=("det",), formats=("svg",)))
    assert len({each.name for each in written.files}) == 2


def _command(*arguments: object) -> int:
    return main(["figures", *map(str, arguments)])


def test_what_cannot_be_drawn_says_why_and_fails_only_when_named(
    alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = next(alone.glob("masking*"))
    assert _command(one, "-o", tmp_path / "a", "--format", "svg") == 0
    said = capsys.readouterr()
    assert "not drawn: sweep" in said.err
    assert "not drawn: pareto" in said.err
    assert "needs at least 2 methods" in said.err
    assert "det__" in said.out
    assert _command(one, "-o", tmp_path / "b", "--format", "svg", "--figure", "sweep") == 1
    assert _command(one, "-o", tmp_path / "b", "--format", "svg", "--figure", "cmc") == 0


@pytest.mark.parametrize("damage", ["missing", "cut", "pickle", "nan", "other"])
def test_scores_that_cannot_be_read_say_what_to_do(alone: Path, tmp_path: Path, damage: str) -> None:
    folder = next(alone.glob("masking*"))
    path = folder / SCORES_NAME
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        bad = {"pickle": np.array([{}], object), "nan": np.full(4, np.nan, np.float32), "other": np.zeros((2, 2))}
        blocks: dict[str, Any] = {f"{kind}_0": bad[damage] for kind in ("genuine", "impostor", "own", "cross")}
        np.savez(path, **blocks)
    written = write_figures([folder], tmp_path, Options(figures=("distributions",)))
    assert not written.files
    assert len(written.refused) == 1
    assert all("run the same command again" in reason for _, reason in written.refused)


def test_an_unreadable_record_is_left_out_and_named(
    alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (alone / "bad").mkdir()
    (alone / "bad" / "run.json").write_text('{"schema_version": 99}')
    assert _command(alone, "-o", tmp_path, "--figure", "cmc", "--format", "svg") == 1
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "gif"], "expected some of pdf,svg,png, got 'gif'"),
        (["--versions", "3"], "--images store"),
        (["--x", "rr_crosss"], "did you mean 'rr_cross'"),
        (["--metric", "beauty"], "no metric 'beauty'"),
        (["--method", "nobody"], "no record with these methods"),
    ],
)
def test_wrong_usage_says_what_is_expected(
    alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert _command(alone, "-o", tmp_path, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.svg"))


def test_nonsense_in_a_record_costs_its_own_figures_only(alone: Path, tmp_path: Path) -> None:
    path = next(alone.glob("masking*/run.json"))
    record = load_record(path)
    values = [
        each.model_copy(update={"value": 1e308, "interval": Interval(low=-1e308, high=1e308, level=0.9, method="m")})
        for each in record.values
    ]
    curves = [each.model_copy(update={"x": each.x[:-1]}) for each in record.curves]
    save_record(record.model_copy(update={"values": values, "curves": curves}), path.parent)
    written = write_figures([alone], tmp_path, Options(formats=("svg",)))
    assert {"cmc", "grid", "sweep"} <= {each.name.split("__")[0] for each in written.files}


def test_no_results_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(tmp_path / "nowhere") == 2
    assert "no file or folder" in capsys.readouterr().err
    with pytest.raises(FigureError, match="no record in"):
        write_figures([tmp_path], tmp_path / "out", Options())


def test_captions_say_what_is_drawn_and_no_name_has_an_equals_sign(alone: Path, tmp_path: Path) -> None:
    written = write_figures([alone], tmp_path / "out", Options(figures=("det", "pareto", "grid", "sweep")))
    by_stem: dict[str, set[str]] = {}
    for path in (*written.files, *written.captions):
        by_stem.setdefault(path.stem, set()).add(path.suffix)
        assert "=" not in path.name
    assert all(found == {".pdf", ".svg", ".png", ".txt"} for found in by_stem.values())
    for kind in ("det", "pareto"):
        (text,) = [each.read_text() for each in written.captions if each.name.startswith(kind)]
        assert "Recogniser: toy_recognizer." in text
        assert "toy_noise" in text
        assert "images of" in text
        (drawn,) = [each for each in written.files if each.name.startswith(kind) and each.suffix == ".svg"]
        assert any("toy_recognizer" in each for each in _texts(_svg(drawn)))


def test_pareto_has_the_axes_of_the_board(alone: Path, tmp_path: Path) -> None:
    (path,) = write_figures([alone], tmp_path, Options(figures=("pareto",), formats=("svg",))).files
    words = _texts(_svg(path))
    assert words.index("SSIM ↑") < words.index("RR (other captures) (%) ↑")


def test_marks_at_an_eer_of_zero_stand_apart() -> None:
    from deid_bench.benchmark.readings.trade_off import TradeOff
    from deid_bench.reports.figures.det import _draw
    from deid_bench.reports.figures.style import Stroke, drawing, panels

    line = TradeOff((0.0, 0.5), (1.0, 0.0), (0.0, 0.5), None, (0.005, 0.005))
    with drawing():
        _, axes = panels(1, 1, (3, 3))
        for index in range(3):
            _draw(axes[0][0], line, Stroke.number(index), index, 3)
        marks = [float(np.asarray(each.get_xdata())[0]) for each in axes[0][0].lines if each.get_marker() != "None"]
    assert len(set(marks)) == 3


def test_a_grid_is_no_higher_than_a_page(tmp_path: Path) -> None:
    from deid_bench.reports.figures.grid import Strip, figure

    image = np.zeros((220, 165, 3), np.uint8)
    strips = [Strip(f"dataset {index}", (image,) * 6, tuple("abcdef")) for index in range(4)]
    assert figure(strips, "column").get_figheight() < 9.5
    assert figure(strips[:1], "column").get_figheight() < 9.5


def test_many_methods_are_cut_with_a_note(alone: Path, tmp_path: Path) -> None:
    path = next(alone.glob("masking*/run.json"))
    record = load_record(path)
    for index in range(13):
        method = record.method.model_copy(update={"spec": f"masking{index:02d}"})
        folder = alone / f"more{index}"
        shutil.copytree(path.parent, folder)
        save_record(record.model_copy(update={"method": method, "digest": f"{index:064d}"}), folder)
    written = write_figures([alone], tmp_path, Options(figures=("det",), formats=("svg",)))
    assert "the first 12 are drawn" in written.notes[0][1]


def test_the_command_is_light() -> None:
    code = (
        "import sys, deid_bench.commands.figures_command as c; "
        "assert not {'matplotlib', 'numpy', 'deid_bench.reports'} & set(sys.modules); print(*c._NAMES)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == list(FIGURES)
