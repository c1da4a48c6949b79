"""How long a plan says that it takes, and where that is from."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from deid_bench.benchmark.planning import estimate as planning
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.planning.estimate import Estimate, estimate
from deid_bench.benchmark.planning.shipped_times import ShippedTimes, key_of, shipped
from deid_bench.benchmark.planning.sizing import Size
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.storage.journal import read_timings
from deid_bench.benchmark.storage.store import STORE_FOLDER, Store
from deid_bench.cli import main
from deid_bench.plugins.entries import Kind, registry

Options = Callable[..., RunOptions]


def _estimate(options: RunOptions, out: Path) -> Estimate:
    (cell,) = make_cells(options, 1)
    store = Store(out / STORE_FOLDER)
    return estimate(cell, store, list(read_timings(store)))


def _plan(capsys: pytest.CaptureFixture[str], out: Path) -> str:
    arguments = ["plan", "-m", "blurring", "-d", "palm-mini:setting=controlled", "-r", "mtcc", "--limit", "2"]
    assert main([*arguments, "--attacks", "none", "-j", "1", "-o", str(out)]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_fresh_folder_has_the_times_of_another_machine_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = _plan(capsys, tmp_path)
    assert f"not timed here; on a machine of {shipped().machine} in the order of " in said
    assert said.endswith("; scoring comes on top")
    assert "as timed in this folder" not in said
    assert "nothing has timed" not in said


def test_an_image_whose_size_cannot_be_told_leaves_it_to_the_next(
    toy_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow says of a picture of too many pixels that it is a bomb: an exception of no kind."""
    whole = _estimate(toy_options("toy_noise"), tmp_path).disk
    assert whole > 0
    (cell,) = make_cells(toy_options("toy_noise"), 1)
    real = Image.open

    def opened(path: Path) -> Image.Image:
        if path == cell.samples[0].path:
            raise Image.DecompressionBombError("too many pixels")
        return real(path)

    monkeypatch.setattr(Image, "open", opened)
    assert _estimate(toy_options("toy_noise"), tmp_path).disk == whole


def test_what_was_timed_here_takes_the_place_of_what_was_timed_elsewhere(
    toy_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = make_cells(toy_options("toy_noise"), 1)
    every = {key_of(*planning.planned_tasks(cell)["de-identify"][0].kind): 100.0, ("measure", ""): 1.0}
    monkeypatch.setattr(planning, "shipped", lambda: ShippedTimes("another machine", every))
    fresh = _estimate(toy_options("toy_noise"), tmp_path)
    images = fresh.images
    assert (fresh.seconds, fresh.elsewhere) == (0, images * 101)
    assert fresh.unknown == fresh.untimed - 2 * images
    run(toy_options("identity"), Execution(out=tmp_path, backend="serial"))
    found = _estimate(toy_options("toy_noise"), tmp_path)
    assert found.elsewhere == images * 100
    assert (found.untimed, found.unknown) == (images, 0)
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("seconds", "untimed", "elsewhere", "unknown", "said"),
    [
        (90, 0, 0, 0, "about 90 s as timed in this folder"),
        (0, 9, 90, 0, "not timed here; on a machine of X in the order of 90 s"),
        (0, 9, 0, 9, "9 tasks of kinds that nothing has timed yet"),
        (90, 9, 60, 0, "about 90 s as timed in this folder, "
         "and what was not timed here on a machine of X in the order of 60 s"),
        (90, 9, 0, 9, "about 90 s as timed in this folder, and 9 tasks of kinds that nothing has timed yet"),
        (0, 0, 0, 0, "about 0 s"),
    ],
)  # fmt: skip
def test_each_part_says_where_it_is_from(
    monkeypatch: pytest.MonkeyPatch, seconds: float, untimed: int, elsewhere: float, unknown: int, said: str
) -> None:
    from deid_bench.benchmark.planning import shipped_times
    from deid_bench.commands.plan_command import _time

    monkeypatch.setattr(shipped_times, "shipped", lambda: ShippedTimes("X", {}))
    assert _time([Estimate({}, 1, 1, seconds, untimed, elsewhere, unknown, 0, 0, 0)], 1) == said


def test_the_table_is_of_built_in_plugins_and_names_its_machine() -> None:
    times = shipped()
    assert times.machine
    assert all(0 < seconds < 600 for seconds in times.seconds.values())
    kinds = {
        "deidentify": Kind.DEIDENTIFIER,
        "embed": Kind.RECOGNIZER,
        "compare": Kind.RECOGNIZER,
        "analyze": Kind.ANALYZER,
    }
    for stage, name in times.seconds:
        assert not name or name in registry().entries(kinds[stage]), (stage, name)
    for name in ("masking", "blurring", "pixelation", "identity", "other", "palm_diffusion"):
        assert ("deidentify", name) in times.seconds
    for name in ("mtcc", "compcode", "ccnet", "eehnet_style", "bocv", "ordinal", "hand_geometry"):
        assert {("embed", name), ("compare", name)} <= times.seconds.keys()
    assert {("analyze", "mediapipe_hands"), ("measure", ""), ("look", "")} <= times.seconds.keys()


def test_a_plugin_of_a_file_has_no_time_of_a_built_in_one() -> None:
    assert key_of("deidentify", "Spec(target='mine.py:Blurring', params=())") not in shipped().seconds


def test_the_page_on_sizing_reads_from_the_formula_what_scoring_takes() -> None:
    page = importlib.resources.files("deid_bench").joinpath("docs/sizing.md").read_text(encoding="utf-8")
    palms, images = Size(7881, 78810, 2035, 10, 1), Size(100_000, 100_000, 10_000, 1, 1)
    full = replace(palms, quality="full")
    gib = [round(each.memory / 2**30, 1) for each in (palms, full)]
    assert f"{gib[0]} GiB, nearly all of it because of the images ({gib[1]} with" in " ".join(page.split())
    assert f"Scoring: {images.memory / 2**30:.0f} GiB, most of it because of the identities" in " ".join(page.split())


@pytest.mark.parametrize("versions", [1_000, 100_000])
def test_an_image_more_takes_its_features_in_memory_at_least(versions: int) -> None:
    """In double precision, and those of Inception once more while two sets of them are compared."""
    few, more = (Size(1_000, count, 100, 1, 1, "basic").memory for count in (versions, 2 * versions))
    assert more - few >= versions * 8 * (2048 + 256 + 2048)
