"""Several runs, kills and neighbours in one results folder: the same record, and work done once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TOYS

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import load_record
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.storage.lock import Busy, hold
from deid_bench.reports.board.page import update_board


def numbers(out: Path) -> list[dict[str, Any]]:
    return [load_record(path).model_dump(exclude={"host"}) for path in sorted(out.rglob("run.json"))]


def times_done(out: Path) -> Counter[str]:
    """How often each task was carried out, by the journal of times."""
    return Counter(json.loads(line)[0] for line in (out / ".store" / "timings.jsonl").read_text().splitlines())


@pytest.fixture
def start_run(
    toy_options: Callable[..., RunOptions], toy_arguments: list[str], toy_plugin_arguments: list[str], tmp_path: Path
) -> Callable[..., subprocess.Popen[str]]:
    """Starts `run` of a method that takes its time; its processes are a group of their own."""
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import time\n"
        "from deid_bench.deidentifiers.base import MethodInfo\n"
        "class Slow:\n"
        "    info = MethodInfo(name='slow', version='1', modality=('palm',), description='Slow')\n"
        "    def deidentify(self, batch):\n"
        "        time.sleep(0.02 * len(batch))\n"
        "        return [255 - request.image for request in batch]\n"
    )

    def start(out: Path, *options: str, before: tuple[str, ...] = (), method: str = "") -> subprocess.Popen[str]:
        command = [*before, sys.executable, "-P", "-m", "deid_bench", *toy_plugin_arguments, "run"]
        command += ["--method", method or f"{slow}:Slow", "--out", str(out), *toy_arguments, *options]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    start.whole = lambda out: run(toy_options(f"{slow}:Slow"), Execution(out=out, backend="serial"))  # type: ignore[attr-defined]
    return start


def end_well(process: subprocess.Popen[str]) -> str:
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    return said


CAN_UNSHARE = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-p", "-f", "--mount-proc", "true"], check=False, capture_output=True).returncode
    == 0
)


@pytest.mark.parametrize(
    "before",
    [
        (),
        pytest.param(
            ("unshare", "-p", "-f", "--mount-proc"),
            marks=pytest.mark.skipif(not CAN_UNSHARE, reason="no process-id namespaces may be made here"),
        ),
    ],
    ids=["processes", "namespaces"],
)
def test_two_runs_in_one_folder_do_the_work_once(start_run: Any, tmp_path: Path, before: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    both = [start_run(out, "--backend", "process", "--jobs", "1", before=before) for _ in range(2)]
    for process in both:
        end_well(process)
    start_run.whole(tmp_path / "whole")
    assert numbers(out) == numbers(tmp_path / "whole")
    assert set(times_done(out).values()) == {1}
    assert times_done(out).keys() == times_done(tmp_path / "whole").keys()
    assert not list((out / ".store" / "tmp").iterdir())


def test_two_methods_at_once_share_the_work_on_the_originals(start_run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for process in [start_run(out, "--backend", "serial", method=each) for each in ("identity", "toy_noise", "")]:
        end_well(process)
    assert len(numbers(out)) == 3
    assert set(times_done(out).values()) == {1}


SLOW_DATASET = """
import time
from deid_bench_toy.toys import ToyHands

class SlowHands(ToyHands):
    def prepare(self, jobs=1, progress=None):
        self._folder.mkdir(parents=True, exist_ok=True)
        for identity in range(self._identities):
            for sample in range(self._samples):
                self._write(self._path(identity, sample), identity, sample)

    def _write(self, path, identity, sample):
        from deid_bench.datasets.images import write_png

        if not path.exists():
            data = write_png(self._draw(identity, sample))
            with path.open("wb", buffering=0) as file:
                file.write(data[:100])
                time.sleep(0.05)
                file.write(data[100:])
"""


def test_runs_that_start_together_list_no_half_written_files(tmp_path: Path) -> None:
    """A dataset writes its files in place while another run lists them: one of the two has to wait."""
    file = tmp_path / "slow_hands.py"
    file.write_text(SLOW_DATASET)
    dataset = f"{file}:SlowHands:folder={tmp_path / 'hands'},identities=4"
    command = [sys.executable, "-P", "-m", "deid_bench", "data", "verify", dataset]
    paths = os.pathsep.join([str(TOYS.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, **streams) for _ in range(3)]  # type: ignore[call-overload]
    heard = {process.communicate(timeout=120) for process in runs}
    assert {process.returncode for process in runs} == {0}, heard
    assert len({out for out, _ in heard}) == 1, heard


def test_a_cell_that_another_run_works_on_is_left_out_or_waited_for(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options, out = toy_options("masking", "toy_noise"), tmp_path / "out"
    names = [each.folder.name for each in run(options, Execution(out=out, backend="serial"))]
    shutil.rmtree(out)
    with hold(out / ".store" / "locks" / f"{names[0]}.lock", "a cell"):
        left_out: list[str] = []
        execution = Execution(out=out, backend="serial", wait=False)
        outcomes = run(options, execution, on_busy=left_out.append)
        assert [each.folder.name for each in outcomes] == names[1:]
        assert f"process {os.getpid()} works on masking on toy-hands" in left_out[0]
        with pytest.raises(Busy):
            run(options, execution)
    assert [each.folder.name for each in run(options, execution)] == names


def test_problems_of_a_cell_do_not_stand_in_its_neighbour(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    run(toy_options("toy_noise"), Execution(out=tmp_path / "alone", backend="serial"))
    run(toy_options("raises_on_some", "toy_noise"), Execution(out=tmp_path / "both", backend="serial"))
    (alone,) = numbers(tmp_path / "alone")
    assert alone in numbers(tmp_path / "both")
    assert alone["counts"]["retry"] == 0


def test_the_board_catches_up_with_a_run_that_was_killed_before_it(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(toy_options("masking"), Execution(out=out, backend="serial"))
    board = update_board(out)
    before = board.stat().st_mtime_ns
    assert update_board(out).stat().st_mtime_ns == before
    (outcome,) = run(toy_options("toy_noise"), Execution(out=out, backend="serial"))
    assert "toy_noise" not in board.read_text()
    assert run(toy_options("toy_noise"), Execution(out=out, backend="serial"))[0].from_store
    update_board(out)
    assert "toy_noise" in board.read_text()
    shutil.rmtree(outcome.folder)
    update_board(out)
    assert "toy_noise" not in board.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["serial", "process"])
def test_kills_cost_time_and_nothing_else(start_run: Any, tmp_path: Path, backend: str) -> None:
    """Kills the whole group, one worker or the parent alone, again and again, wherever the run happens to be."""
    out, rng = tmp_path / "out", random.Random(5)
    kills = int(os.environ.get("DEID_BENCH_TEST_KILLS", "4"))
    for number in range(kills):
        process = start_run(out, "--backend", backend, "--jobs", "2")
        wait_for_more(out, rng.randrange(1, 12), process)
        workers = children(process.pid)
        if number % 3 == 1 and workers:
            kill(rng.choice(workers))
            end_well(process)
        elif number % 3 == 2:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=120)
        if number % 3 == 1 or list(out.rglob("run.json")):
            shutil.rmtree(out, ignore_errors=True)
    end_well(start_run(out, "--backend", backend, "--jobs", "2"))
    start_run.whole(tmp_path / "whole")
    assert numbers(out) == numbers(tmp_path / "whole")
    assert "slow" in (out / "board.html").read_text()


def wait_for_more(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    wanted = len(list((out / ".store").rglob("*.zip"))) + count
    while process.poll() is None and len(list((out / ".store").rglob("*.zip"))) < wanted:
        time.sleep(0.005)


def children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
