"""How long a plan says that it takes, and where that is from; what it leaves on the disk."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from deid_bench.benchmark.planning import estimate as planning
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.planning.disk import SIZES
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
    real, asked = Image.open, []

    def opened(*arguments: Any, **words: Any) -> Image.Image:
        asked.append(arguments)
        if len(asked) == 1:
            raise Image.DecompressionBombError("too many pixels")
        return real(*arguments, **words)

    monkeypatch.setattr(Image, "open", opened)
    assert _estimate(toy_options("toy_noise"), tmp_path).disk == whole
    assert len(asked) > 1


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


def _planned(options: RunOptions) -> dict[str, str]:
    """Group of each task by its digest, in one order whatever the method."""
    (cell,) = make_cells(options, 1)
    return {each.digest: group for group, tasks in planning.planned_tasks(cell).items() for each in tasks}


def _left(out: Path) -> dict[str, int]:
    store = Store(out / STORE_FOLDER)
    return {each: store.path(each).stat().st_size for each in store.digests()}


def test_a_plan_names_the_objects_that_a_run_leaves_and_is_near_their_sizes(
    toy_options: Options, tmp_path: Path
) -> None:
    """In a fresh folder a stranger's templates are unknown, and of a method's images all but their pixels."""
    options = toy_options("toy_noise", repetitions=2)
    fresh = _estimate(options, tmp_path)
    planned = _planned(options)
    assert sum(fresh.objects[each] for each, group in planned.items() if group == "de-identify") == fresh.disk > 0
    run(options, Execution(out=tmp_path, backend="serial"))
    left = _left(tmp_path)
    assert fresh.objects.keys() == left.keys() == planned.keys()
    sure = [each for each, group in planned.items() if group not in ("de-identify", "embed")]
    assert sum(fresh.objects[each] for each in sure) == pytest.approx(sum(left[each] for each in sure), rel=0.3)
    assert _estimate(options, tmp_path).objects == {}

    other = toy_options("toy_noise:strength=9", repetitions=2)
    ahead, alike = (
        _estimate(other, tmp_path).objects,
        dict(zip(_planned(other), (left[each] for each in planned), strict=True)),
    )
    lacking = [each for each, group in _planned(other).items() if group != "de-identify" and each in ahead]
    assert "embed" in {_planned(other)[each] for each in lacking}
    assert not ahead.keys() & left.keys()
    assert sum(ahead[each] for each in lacking) == pytest.approx(sum(alike[each] for each in lacking), rel=0.3)

    lost = sorted(left)[::2]
    for each in lost:
        Store(tmp_path / STORE_FOLDER).path(each).unlink()
    ahead = _estimate(options, tmp_path).objects
    assert ahead.keys() == set(lost)
    assert sum(ahead.values()) == pytest.approx(sum(left[each] for each in lost), rel=0.3)


@pytest.mark.parametrize(("free", "warned"), [(10**5, True), (10**12, False)])
def test_a_disk_with_less_room_than_that_is_told_and_changes_no_exit_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, warned: bool
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    arguments = ["plan", "-m", "blurring", "-m", "masking", "-d", "palm-mini:setting=controlled", "-r", "mtcc"]
    arguments += ["--limit", "2", "--attacks", "none", "-j", "1", "-o", str(tmp_path / "new")]
    assert main([*arguments, "--json"]) == 0
    said = capsys.readouterr()
    rows = json.loads(said.out)["rows"]
    assert all(each["store_bytes"] > each["image_bytes"] > 0 for each in rows)
    both = sum(each["store_files"] for each in rows)
    assert (f"only 0 MB are free in {tmp_path / 'new'}, and the run leaves about" in said.err) is warned
    assert main(arguments) == 0
    ((megabytes, files),) = re.findall(
        r"with what else is stored (\d+) MB in (\d+) files", " ".join(capsys.readouterr().out.split())
    )
    assert int(megabytes) > sum(each["image_bytes"] for each in rows) // 10**6
    assert int(files) < both  # the originals are looked at once for both methods


def test_sizes_are_of_built_in_plugins() -> None:
    assert {name for stage, name in SIZES if stage == "embed"} <= set(registry().entries(Kind.RECOGNIZER))
    assert all(not name for stage, name in SIZES if stage != "embed")
