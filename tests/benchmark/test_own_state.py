# ruff: noqa: NPY002
"""A plug-in is in its own state: what it does to the process, prints or leaves running costs nobody else anything."""

from __future__ import annotations

import functools
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench import cli
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.planning.tasks import Stage, Task
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.stages.guard import Crash, guarded
from deid_bench.benchmark.stages.output import LOG_NAME, Output, collect
from deid_bench.benchmark.stages.remarks import listening
from deid_bench.benchmark.storage.store import STORE_FOLDER
from deid_bench.plugins.child_processes import _given_orphans
from deid_bench.plugins.entries import Kind, PluginError, registry
from deid_bench.plugins.isolation import Generators
from deid_bench.plugins.process_settings import SETTINGS
from deid_bench.plugins.process_state import own_process

STRANGE = Path(__file__).parents[1] / "strange_methods.py"
BACKENDS = ("serial", "process")

NUMPY: Any = np.random
"""Its types do not name the setting of generators."""


def method(name: str, **params: object) -> str:
    given = ",".join(f"{key}={value}" for key, value in params.items())
    return f"{STRANGE}:{name}" + (f":{given}" if given else "")


def run_one(options: Any, out: Path, backend: str = "serial") -> RunRecord:
    return run(options, Execution(out=out, backend=backend, jobs=1))[0].record


def same_numbers(first: RunRecord, second: RunRecord) -> bool:
    return first.model_dump(exclude={"host"}) == second.model_dump(exclude={"host"})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_changed_working_directory_is_the_methods_own(
    backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = toy_options(method("ChangesFolder"))
    record = run_one(options, Path("out"), backend)
    assert Path.cwd() == tmp_path
    assert record.counts.failed == 0
    assert all(each.value is not None for each in record.values if each.metric == "ssim")
    assert (tmp_path / "out" / STORE_FOLDER).is_dir()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_method_prints_goes_to_the_log_and_json_stays_json(
    backend: str, tmp_path: Path, toy_arguments: list[str], toy_plugin_arguments: list[str]
) -> None:
    arguments = [each for each in toy_arguments if each != "--quiet"] + ["--backend", backend, "-j", "1", "--json"]
    command = [
        sys.executable,
        "-P",
        "-m",
        "deid_bench",
        *toy_plugin_arguments,
        "run",
        "-m",
        method("Talks"),
        *arguments,
    ]
    done = subprocess.run([*command, "--out", "out"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["method"]["name"] == "talks"
    log = (tmp_path / "out" / STORE_FOLDER / LOG_NAME).read_text()
    assert "--- deidentify by " in log
    for line in ("Applied providers", "warned", "from compiled code"):
        assert line in log
        assert line not in done.stderr


def test_check_as_json_stays_json_too() -> None:
    command = [sys.executable, "-P", "-m", "deid_bench", "check", method("Talks"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert {each["check"] for each in json.loads(done.stdout)}
    assert "Applied providers" in done.stderr


def test_images_drawn_from_global_generators_depend_on_their_seed_alone(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    random.seed(1)
    np.random.seed(1)
    before = random.getstate()
    first = run_one(toy_options(method("DrawsGlobally")), tmp_path / "a")
    assert random.getstate() == before
    np.random.random(100)
    assert same_numbers(first, run_one(toy_options(method("DrawsGlobally")), tmp_path / "b"))
    assert same_numbers(first, run_one(toy_options(method("DrawsGlobally")), tmp_path / "c", "process"))
    again = run_one(toy_options(method("DrawsGlobally"), root_seed=1), tmp_path / "d")
    assert {each.image_sha256 for each in first.samples}.isdisjoint(each.image_sha256 for each in again.samples)


def test_drawing_while_loading_does_not_slow_a_method_down(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    from deid_bench.benchmark.stages import inputs, twice
    from deid_bench.benchmark.stages.inputs import habits
    from deid_bench.plugins.entries import Kind, registry

    for each in (inputs._build, habits, twice._seen):  # as a process does that nobody has asked for anything yet
        each.cache_clear()
    run_one(toy_options(method("DrawsWhileLoading")), tmp_path / "a")
    assert habits(registry().resolve(Kind.DEIDENTIFIER, method("DrawsWhileLoading")).ref).draws is False
    run_one(toy_options(method("DrawsGlobally")), tmp_path / "b")
    assert habits(registry().resolve(Kind.DEIDENTIFIER, method("DrawsGlobally")).ref).draws is True


def test_what_a_plugin_says_of_floating_point_errors_holds_for_itself_alone() -> None:
    before = np.geterr()
    with Generators().set_from(1):
        np.seterr(all="raise")
        with pytest.raises(FloatingPointError):
            np.float64(1) / np.float64(0)
    assert np.geterr() == before


def test_generators_are_set_compared_and_put_back() -> None:
    generators, state = Generators(), random.getstate()
    assert guarded(lambda: (random.random(), np.random.random()), 1, seed=5, generators=generators) == guarded(
        lambda: (random.random(), np.random.random()),
        1,
        seed=5,
    )
    assert generators.drawn is True
    assert random.getstate() == state
    guarded(lambda: np.random.default_rng(1).random(), 1, generators=generators)
    assert (generators.drawn, random.getstate()) == (False, state)
    guarded(lambda: __import__("torch").rand(1), 60, generators=generators)
    assert generators.drawn


def test_another_generator_of_numpy_is_put_back_with_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def exchange() -> float:
        random.random()
        NUMPY.set_bit_generator(np.random.PCG64(3))
        return float(np.random.random())

    def both() -> tuple[float, float]:
        return random.random(), float(np.random.random())

    generators, expected = Generators(), guarded(both, 5, seed=5)
    bits, before = NUMPY.get_bit_generator(), (random.getstate(), _drawn_next())
    own = registry().resolve(Kind.DEIDENTIFIER, method("DrawsGlobally")).ref
    with listening():
        assert isinstance(guarded(exchange, 5, generators=generators, of=own), float)
    assert "changed numpy.random's bit generator; put back" in capsys.readouterr().err
    assert (generators.drawn, generators.replaced) == (True, True)
    assert NUMPY.get_bit_generator() is bits
    assert (random.getstate(), _drawn_next()) == before
    assert guarded(both, 5, seed=5, generators=generators) == expected
    assert not generators.replaced


def _drawn_next() -> float:
    state = np.random.get_state()
    try:
        return float(np.random.random())
    finally:
        np.random.set_state(state)


def test_calls_are_set_from_their_seed_whatever_generator_numpy_has() -> None:
    expected, bits = guarded(np.random.random, 5, seed=5), NUMPY.get_bit_generator()
    other = np.random.PCG64(3)
    NUMPY.set_bit_generator(other)
    try:
        assert guarded(np.random.random, 5, seed=5) == expected
        assert NUMPY.get_bit_generator() is other
    finally:
        NUMPY.set_bit_generator(bits)


def test_a_generator_that_cannot_be_put_back_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    state = _drawn_next()
    with monkeypatch.context() as patch, Generators().set_from(1):
        np.random.random()
        patch.setattr(random, "setstate", None)
    assert _drawn_next() == state


def test_what_is_exchanged_while_loading_is_put_back() -> None:
    bits = NUMPY.get_bit_generator()
    with own_process() as changed:
        NUMPY.set_bit_generator(np.random.PCG64(3))
    assert NUMPY.get_bit_generator() is bits
    assert "numpy.random's bit generator" in [each.what for each in changed]


def test_a_failed_batch_is_tried_again_on_images_as_they_were(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options(method("KeepsWhatItSaw")), tmp_path / "out")
    assert record.counts.failed == 0
    assert present(record.value("ssim")).value == 1
    spoilt = run_one(toy_options(method("SpoilsAndRaises")), tmp_path / "out")
    assert spoilt.counts.failed == 0
    assert {each.measures["coverage"] for each in spoilt.samples if "coverage" in each.measures} != {0}


def test_inputs_cannot_be_unlocked(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options(method("Unlocks")), tmp_path / "out")
    assert record.counts.failed == len(record.samples)
    assert any("WRITEABLE" in reason for reason in record.counts.reasons)


@pytest.mark.parametrize(
    ("backend", "how"),
    [
        ("serial", {}),
        ("serial", {"daemon": True}),
        ("process", {}),
        ("process", {"daemon": True}),
        ("process", {"daemon": True, "dies": True}),
    ],
    ids=str,
)
def test_threads_and_children_end_with_the_run(
    backend: str, how: dict[str, bool], tmp_path: Path, toy_arguments: list[str], toy_plugin_arguments: list[str]
) -> None:
    note = tmp_path / "note.txt"
    spec = method("LeavesThingsRunning", note=note, **how)
    command = [sys.executable, "-P", "-m", "deid_bench", *toy_plugin_arguments, "run", "-m", spec, *toy_arguments]
    command += ["--backend", backend, "-j", "1", "--out", str(tmp_path / "out")]
    # Files, not pipes: a child that goes on would hold a pipe open.
    with (tmp_path / "err").open("w") as error:
        done = subprocess.run(command, stdout=error, stderr=error, check=False, timeout=300)
    assert done.returncode == 0, (tmp_path / "err").read_text()
    child = int(note.read_text())
    until = time.monotonic() + 60
    while Path(f"/proc/{child}/stat").exists() and _state(child) != "Z" and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}/stat").exists() or _state(child) == "Z"
    assert backend == "process" or "left running: forgotten" in (tmp_path / "err").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc to tell threads apart")
def test_what_another_thread_starts_meanwhile_is_its_own(tmp_path: Path) -> None:
    """A run in a notebook or a service ends what its plug-ins have started, and nobody else's processes."""
    asked, started, done = threading.Event(), threading.Event(), threading.Event()
    theirs: list[subprocess.Popen[bytes]] = []

    def other() -> None:
        asked.wait()
        theirs.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]))
        started.set()
        done.wait()

    thread = threading.Thread(target=other)
    thread.start()
    output = Output(tmp_path, adopt=True)
    try:
        with output.of([Task(Stage.MEASURE, "0" * 64, "x")]):
            asked.set()
            started.wait()
            own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        output.close()
        assert own.wait(60) != 3600  # it ends, and nobody waits an hour for it
        assert theirs[0].poll() is None
    finally:
        done.set()
        theirs[0].kill()
        theirs[0].wait()
        thread.join()


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.mark.parametrize(
    ("backend", "how"),
    [
        ("serial", "sys"),
        ("serial", "os"),
        ("serial", "swallowed"),
        ("process", "sys"),
        ("process", "os"),
        ("process", "compiled"),
    ],
)
def test_a_method_that_ends_the_interpreter_costs_its_own_image_and_is_named(
    backend: str, how: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options(method("Exits", how=how)), tmp_path / "out", backend)
    assert 0 < record.counts.failed < len(record.samples)
    words = {"sys": "called sys.exit(0)", "compiled": "exit code 0"}.get(how, "called os._exit(0)")
    assert all(words in reason for reason in record.counts.reasons), record.counts.reasons


def test_a_failure_without_a_reason_is_a_failure(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options(method("SaysNothing")), tmp_path / "out")
    assert record.counts.failed == len(record.samples)
    assert list(record.counts.reasons) == ["method: no reason given"]


def test_a_region_that_cannot_be_had_is_not_passed_over(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options(method("ForgetsItsRegion")), tmp_path / "out")
    assert record.counts.failed == record.counts.retry == len(record.samples)
    assert all("repaints: it called sys.exit(0)" in reason for reason in record.counts.reasons)


def test_a_batch_size_that_is_none_is_refused_before_any_work(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    with pytest.raises(PluginError, match="batch_size to be 1 or more, got 0"):
        run_one(toy_options(method("EmptyBatches")), tmp_path / "out")


@pytest.mark.parametrize("way", ["sys.exit(0)", "os._exit(0)"])
@pytest.mark.parametrize("place", ["module", "constructor"])
def test_leaving_at_import_or_in_the_constructor_is_an_error(
    place: str, way: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    text = STRANGE.read_text().replace('info = _info("talks")', "info = _info('talks')\n    def nothing(self): pass")
    text = text + f"\n{way}\n" if place == "module" else text.replace('print("built")', way)
    (tmp_path / "leaves.py").write_text(text)
    with pytest.raises(PluginError, match=re.escape(way)):
        run_one(toy_options(f"{tmp_path}/leaves.py:Talks"), tmp_path / "out")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("sys.exit(0)", "it called sys.exit(0)"),
        ("os._exit(0)", "it called os._exit(0)"),
        ("raise KeyError('left')", "KeyError: 'left'"),
        ("return [1, 2]", "TypeError: expected samples() to give Sample, got int"),
        ("return None", "TypeError"),
        ("print('listing'); raise Unspeakable", "Unspeakable"),
    ],
)
def test_a_dataset_that_fails_while_it_is_listed_is_named(way: str, words: str, tmp_path: Path) -> None:
    """No bug of ours, and no silence: 2 and one line."""
    (tmp_path / "leaves.py").write_text(
        "import os, sys\n"
        "from deid_bench.datasets.base import DatasetInfo\n"
        "class Unspeakable(Exception):\n"
        "    def __str__(self): raise RuntimeError\n"
        "class Leaves:\n"
        "    info = DatasetInfo('leaves', '1', 'palm', '', 'CC0-1.0', '')\n"
        "    def prepare(self, *_): pass\n"
        f"    def samples(self): {way}\n"
    )
    with pytest.raises(PluginError, match=re.escape(f"dataset leaves: {words}")):
        load_dataset(f"{tmp_path}/leaves.py:Leaves", 0, 1, None)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ("[replace(each, path=str(each.path)) for each in them]", "expected Sample.path to be Path, got str '"),
        ("[replace(each, identity=7) for each in them]", "expected Sample.identity to be str, got int 7"),
        ("[each.path for each in them]", "expected samples() to give Sample, got PosixPath"),
    ],
)
def test_a_dataset_whose_samples_are_not_made_as_the_contract_says_is_named(
    samples: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(
        "from dataclasses import replace\n"
        "from deid_bench.datasets.palm_mini import PalmMini\n"
        "class Odd:\n"
        "    info = replace(PalmMini.info, name='odd')\n"
        "    def prepare(self, *_): pass\n"
        "    def samples(self):\n"
        "        them = PalmMini().samples()\n"
        f"        return {samples}\n"
    )
    with pytest.raises(PluginError, match=re.escape(f"dataset odd: TypeError: {words}")):
        load_dataset(f"{tmp_path}/odd.py:Odd", 0, 1, None)


@pytest.mark.parametrize("end", [os._exit, sys.exit])
def test_a_command_that_a_plug_in_ends_says_so(
    end: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing else looks after plug-ins."""

    def ended(**_: Any) -> None:
        if end is sys.exit:
            end(0)
        else:
            os._exit(0)

    monkeypatch.setattr(cli.cli, "main", ended)
    assert cli.main(["list"]) == 1
    assert f"{'sys.exit' if end is sys.exit else 'os._exit'}(0)" in capsys.readouterr().err


def test_children_end_themselves() -> None:
    """A forked child ends by `os._exit`; in it that is the real one."""

    def fork() -> int:
        child = os.fork()
        if not child:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert guarded(fork, 60) == 7


def test_every_way_out_of_a_call_is_a_reason() -> None:
    class Odd(BaseException):
        pass

    def leave(error: BaseException) -> None:
        raise error

    for error in (Odd("x"), SystemExit(3), GeneratorExit(), MemoryError(), RuntimeError(), KeyboardInterrupt()):
        assert isinstance(guarded(functools.partial(leave, error), 5), Crash)


def test_a_long_output_is_cut_and_says_so(tmp_path: Path) -> None:
    printed, log = tmp_path / "1.txt", tmp_path / LOG_NAME
    printed.write_bytes(b"a" * 100_000 + b"end")
    collect(printed, log, "deidentify")
    assert not printed.exists()
    assert log.read_bytes().startswith(b"--- deidentify (the last 65536 of 100003 bytes)\n")
    assert log.read_bytes().endswith(b"end\n")
    collect(printed, log, "nothing")
    assert b"nothing" not in log.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == [LOG_NAME]


def alarms_of(record: RunRecord, words: str) -> list[str]:
    return [each for each in record.alarms if words in each]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", ["list", "generator", "blank", "file"])
def test_one_buffer_for_a_whole_batch_is_told_and_costs_no_image(
    how: str, backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """Told where it spoils images; a generator may use its memory again, and one blank picture may be shared."""
    record = run_one(toy_options(method("SharesItsBuffer", how=how)), tmp_path / "out", backend)
    assert len(alarms_of(record, "deidentify irregular: gave one piece of memory")) == (how in ("list", "file"))
    assert (record.complete, record.counts.failed) == (True, 0)
    if how != "blank":
        inverted = run_one(toy_options(method("Inverts")), tmp_path / "other")
        assert [each.image_sha256 for each in record.samples] == [each.image_sha256 for each in inverted.samples]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["DrawsElsewhere", "DrawsElsewhereToo"])
def test_images_that_do_not_come_from_the_seed_are_told(
    name: str, backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options(method(name)), tmp_path / "out", backend)
    (said,) = alarms_of(record, "deidentify irregular: gave two images for one request")
    assert ("stochastic=False" in said) is (name == "DrawsElsewhere")
    assert record.counts.failed == 0
    # A run that goes on where another stopped says so as well, and so does the next cell of the same process.
    next(each for each in (tmp_path / "out").glob("*/run.json")).unlink()
    assert alarms_of(run_one(toy_options(method(name)), tmp_path / "out", backend), said)
    assert alarms_of(run_one(toy_options(method(name)), tmp_path / "new", "serial"), said)


@pytest.mark.parametrize("backend", BACKENDS)
def test_images_that_depend_on_their_batch_are_told_and_made_one_by_one(
    backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """So that back-ends and batches of any size give the same record."""
    record = run_one(toy_options(method("BlendsItsBatch")), tmp_path / "out", backend)
    assert alarms_of(record, "deidentify irregular: gave an image that depends on the others of its batch")
    assert (record.complete, record.counts.failed) == (True, 0)
    alone = run_one(toy_options(method("BlendsNothing")), tmp_path / "alone")
    assert [each.image_sha256 for each in record.samples] == [each.image_sha256 for each in alone.samples]
    next(each for each in (tmp_path / "out").glob("*/run.json")).unlink()
    assert alarms_of(run_one(toy_options(method("BlendsItsBatch")), tmp_path / "out", backend), "others of its batch")


def test_what_comes_from_the_seed_raises_no_alarm(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    for name in ("DrawsGlobally", "DrawsWhileLoading", "Inverts"):
        assert not alarms_of(run_one(toy_options(method(name)), tmp_path / name), "irregular")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("masked", "a masked array"),
        ("record", "a recarray"),
        ("objects", "an array of objects"),
        ("floats", "dtype float64; expected uint8"),
        ("too many", "returned 2 or more results for 1 image"),
        ("midway", "BaseException: midway"),
    ],
)
def test_what_is_no_image_is_refused_by_name(
    how: str, words: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options(method("GivesOddArrays", how=how)), tmp_path / "out")
    assert record.counts.failed == len(record.samples)
    assert all(words in each for each in record.counts.reasons), record.counts.reasons


@pytest.mark.parametrize(("how", "most"), [("object", 1), ("long", 1), ("many", 20)])
def test_refusals_are_countable(how: str, most: int, toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options(method("RefusesInManyWords", how=how)), tmp_path / "out")
    assert record.counts.failed == len(record.samples)
    assert len(record.counts.reasons) <= most
    assert all(len(each) < 320 and each.isprintable() for each in record.counts.reasons)
    assert sum(each.count for each in record.failures) == sum(record.counts.reasons.values()) == len(record.samples)


ALL = ("error", None, Warning)


def _process() -> dict[str, Any]:
    import cv2  # noqa: F401 - it has settings, too
    import torch

    functions = {"mean": np.mean, "norm": np.linalg.norm, "is_file": Path.is_file, "dtype": torch.get_default_dtype()}
    # Tests and libraries that are imported meanwhile change these as well.
    others = ("os.environ", "the filters of warnings")
    own = {"STRANGE": os.environ.get("STRANGE"), "PATH": os.environ["PATH"], "filter": warnings.filters[0][:3] == ALL}
    rest = {each.name: each.read() for each in SETTINGS if each.is_there() and each.name not in others}
    return functions | own | rest


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("when", ["call", "built"])
@pytest.mark.parametrize("what", ["patch", "set"])
def test_what_a_method_changes_in_the_process_is_its_own_and_told(
    what: str, when: str, backend: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    before = _process()
    spec = method("ChangesTheProcess", what=what, when=when)
    strange, healthy = (
        each.record
        for each in run(toy_options(spec, method("Inverts")), Execution(out=tmp_path / "out", backend=backend, jobs=1))
    )
    assert _process() == before
    assert strange.counts.failed == 0, strange.counts.reasons
    alone = run_one(toy_options(method("Inverts")), tmp_path / "alone")
    assert healthy.values == strange.values == alone.values
    assert not alarms_of(healthy, "irregular")
    if what == "patch":
        (said,) = alarms_of(strange, "deidentify irregular: replaced")
        assert all(name in said for name in ("numpy.mean", "numpy.linalg.norm", "pathlib.Path.is_file"))
    else:
        assert not alarms_of(strange, "irregular")
        log = (tmp_path / "out" / STORE_FOLDER / LOG_NAME).read_text()
        for name in ("os.environ", "sys.path", "the filters of warnings", "the umask", "torch's default dtype"):
            assert f"changed {name}; put back" in log


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("limits", "changed the limits of resources; put back"),
        ("closes", "os.closerange(3, 256) left"),
        ("fork", "a forked child process came back from the call that forked it"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_process_that_a_method_spoils_goes_on_and_the_log_says_so(
    backend: str, how: str, words: str, tmp_path: Path, toy_arguments: list[str], toy_plugin_arguments: list[str]
) -> None:
    arguments = [each for each in toy_arguments if each != "--quiet"] + ["--backend", backend, "-j", "1", "--json"]
    command = [sys.executable, "-P", "-m", "deid_bench", *toy_plugin_arguments, "run"]
    command += ["-m", method("SpoilsTheProcess", how=how), "-m", method("Inverts"), *arguments, "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    spoilt, healthy = json.loads(done.stdout)
    assert spoilt["values"] == healthy["values"]
    assert spoilt["counts"]["failed"] == 0
    assert words in (tmp_path / "out" / STORE_FOLDER / LOG_NAME).read_text()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_closed_output_is_open_for_the_next(
    backend: str, tmp_path: Path, toy_arguments: list[str], toy_plugin_arguments: list[str]
) -> None:
    arguments = [each for each in toy_arguments if each != "--quiet"] + ["--backend", backend, "-j", "1", "--json"]
    command = [sys.executable, "-W", "always", "-P", "-m", "deid_bench", *toy_plugin_arguments, "run"]
    command += ["-m", method("ClosesItsOutput"), "-m", method("Talks"), *arguments, "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert [each["method"]["name"] for each in json.loads(done.stdout)] == ["closes_its_output", "talks"]
    assert "unclosed file <_io.FileIO" not in done.stderr
    log = (tmp_path / "out" / STORE_FOLDER / LOG_NAME).read_text()
    assert "ClosesItsOutput: changed standard output and error; put back" in log
    for line in ("before", "after", "Applied providers", "from compiled code"):
        assert line in log


def test_check_tells_what_was_replaced() -> None:
    from deid_bench.benchmark.plugin_checks.contracts import checks_of

    found = {each.__name__: each(method("ChangesTheProcess")) for each in checks_of(Kind.DEIDENTIFIER)}
    assert "replaced numpy.mean" in (found["check_takes_an_empty_batch"] or "")
    assert np.mean([1.0]) == 1


def test_libraries_are_put_back_as_they_were_and_new_names_stay() -> None:
    before = np.mean, list(sys.path)
    with own_process() as changed:
        np.mean = np.median  # type: ignore[assignment]
        del np.linalg.norm
        vars(np)["brand_new"] = 1
        sys.path.append("/elsewhere")
        assert changed == []
    try:
        assert {each.what for each in changed} == {"numpy.mean", "numpy.linalg.norm", "sys.path"}
        assert vars(np)["brand_new"] == 1
        assert (np.mean, list(sys.path)) == before
        assert float(np.linalg.norm([3.0, 4.0])) == 5
        with own_process(changed) as beyond:
            assert np.mean is np.median
            assert sys.path[-1] == "/elsewhere"
        assert beyond == []
        assert (np.mean, list(sys.path)) == before
    finally:
        del vars(np)["brand_new"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc to see what is left")
@pytest.mark.parametrize("daemon", [False, True])
def test_check_ends_what_a_plug_in_leaves_running(
    daemon: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "note.txt"
    cli.main(["check", f"{STRANGE}:LeavesThingsRunning:note={note},daemon={str(daemon).lower()},thread=false"])
    child = int(note.read_text())
    until = time.monotonic() + 60
    while _state(child) != "Z" and time.monotonic() < until:  # as it is where it is gone
        time.sleep(0.1)
    assert _state(child) == "Z"
    assert "left 1 process running, ended now" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="needs orphans that can be adopted")
def test_orphans_are_left_once_nobody_asks_for_them(tmp_path: Path) -> None:
    before = _given_orphans()
    first, second = Output(tmp_path, adopt=True), Output(tmp_path, adopt=True)
    assert _given_orphans()
    first.close()
    first.close()
    assert _given_orphans()
    second.close()
    assert _given_orphans() == before
