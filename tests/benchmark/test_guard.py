"""The fence: time limits and exceptions become reasons."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deid_bench.benchmark.engine.backends import Settings
from deid_bench.benchmark.engine.backends.process import ProcessBackend
from deid_bench.benchmark.planning.tasks import Stage, Task
from deid_bench.benchmark.stages.guard import Crash, TimeLimitExceeded, guarded, time_limit, time_limit_reason
from deid_bench.plugins.failures import said


def test_a_result_passes_through() -> None:
    assert guarded(lambda: 42, 5) == 42


def test_an_exception_becomes_its_text() -> None:
    def fail() -> None:
        raise KeyError("a\nb")

    assert guarded(fail, 5) == Crash(r"KeyError: 'a\nb'")


def test_a_long_message_is_cut() -> None:
    def fail() -> None:
        raise ValueError("x" * 10_000)

    crash = guarded(fail, 5)
    assert isinstance(crash, Crash)
    assert len(crash.reason) < 400


def test_a_call_that_swallows_exceptions_is_still_stopped() -> None:
    def stubborn() -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    start = time.monotonic()
    crash = guarded(stubborn, 0.2)
    assert isinstance(crash, Crash)
    assert "limit of 0.2 s" in crash.reason
    assert time.monotonic() - start < 5


def _swallow(left: int) -> None:
    """Wait until it was interrupted that often, and say nothing of it."""
    until = time.monotonic() + 60
    while left and time.monotonic() < until:
        try:
            time.sleep(60)
        except BaseException:
            left -= 1
    assert not left


@pytest.mark.parametrize("error", [None, ValueError, SystemExit])
def test_what_a_call_makes_of_its_interruption_does_not_count(error: type[BaseException] | None) -> None:
    def refused() -> str:
        _swallow(1)
        if error:
            raise error
        return "network failed"

    assert guarded(refused, 0.1) == Crash(time_limit_reason(0.1))


def test_the_limit_comes_again_for_what_swallows_it() -> None:
    def stubborn() -> None:
        _swallow(2)

    assert guarded(stubborn, 0.1) == Crash(time_limit_reason(0.1))


def test_the_limit_ends_with_the_block() -> None:
    with time_limit(0.1):
        pass
    time.sleep(0.2)


@pytest.mark.parametrize("swallowed", [False, True])
def test_ctrl_c_is_not_swallowed(swallowed: bool) -> None:
    def interrupted() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not swallowed:
                raise ValueError("something else") from None

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, 5)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_keyboard_interrupt_that_nobody_sent_is_a_failure_of_the_call() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert guarded(interrupt, 5) == Crash("KeyboardInterrupt")


def _leave(_: object) -> str:
    sys.exit(0)


def _never(_: object) -> str:
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("say", "reason"), [(_leave, "Speaks"), (_never, "took longer than the limit of 0.3 s for an image")]
)
def test_what_an_exception_says_is_asked_inside_the_fence(say: Callable[[object], str], reason: str) -> None:
    error = type("Speaks", (Exception,), {"__str__": say, "__repr__": say})

    def fail() -> None:
        raise error

    assert guarded(fail, 0.3) == Crash(reason)
    if say is _leave:
        assert said(error()) == "Speaks"


def test_an_exit_code_that_shows_itself_in_a_way_of_its_own_is_not_asked() -> None:
    code = type("Speaks", (), {"__repr__": _leave, "__str__": _leave})()
    assert "it called sys.exit(…)" in str(guarded(lambda: sys.exit(code), 5))


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [
        (Stage.COMPARE, 3600.0),
        (Stage.MATCH, 3600.0),
        (Stage.FIT, 3600.0),
        (Stage.ADAPT, 3600.0),
        (Stage.PERCEIVE, 600.0),
        (Stage.DEIDENTIFY, 7.0),
    ],
)
def test_a_worker_may_take_what_the_stage_may_take_and_not_for_ever(
    stage: Stage, seconds: float, tmp_path: Path
) -> None:
    backend = ProcessBackend(Settings(tmp_path, 7.0, 1))
    task = Task(stage, "x", "x")
    assert 2 * 2 * seconds < backend._limit((task, task)) < 2 * 2 * seconds + 600
    assert f"limit of {seconds:g} s for" in backend._too_long(stage)


def test_a_limit_goes_on_around_another_one() -> None:
    """Scoring a stranger's record has a limit, in which each of its metrics has one of its own."""

    def wait(inside: bool) -> None:
        with time_limit(600):
            if inside:
                time.sleep(60)
        time.sleep(60)

    for inside in (True, False):
        with pytest.raises(TimeLimitExceeded), time_limit(0.3):
            wait(inside)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_a_worker_that_does_not_read_does_not_stop_the_run(tmp_path: Path) -> None:
    backend = ProcessBackend(Settings(tmp_path, 7.0, 1))
    try:
        assert backend.again(()) == {}  # it has started, and is idle
        (worker,) = backend._workers
        os.kill(worker.process.pid, signal.SIGSTOP)
        big = Task(Stage.MEASURE, "0" * 64, "x" * 10_000_000)  # much more than a pipe holds
        worker.give((big,), (), 0.0)
        (result,) = backend.run([])
        assert (result.digest, result.problem) == (big.digest, time_limit_reason(7.0))
    finally:
        backend.close()
    assert worker.connection.closed
