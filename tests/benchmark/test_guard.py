"""The fence: time limits and exceptions become reasons."""

from __future__ import annotations

import time

import pytest

from deid_bench.benchmark.stages.guard import Crash, guarded, time_limit


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


def test_the_limit_ends_with_the_block() -> None:
    with time_limit(0.1):
        pass
    time.sleep(0.2)


def test_ctrl_c_is_not_swallowed() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupt, 5)
