"""A plug-in in its own state: what it does to the process is taken back, what it prints is kept apart (floor 0)."""

from __future__ import annotations

import contextlib
import ctypes
import io
import itertools
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

# ------------------------------------------------------------------------------------------------ working directory


@contextmanager
def own_folder() -> Iterator[None]:
    """Whoever changes the working directory inside changes it for itself alone."""
    before = _folder()
    try:
        yield
    finally:
        if before and _folder() != before:
            with contextlib.suppress(OSError):
                os.chdir(before)


def _folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return None


# ------------------------------------------------------------------------------------------------ random generators


class Generators:
    """The global generators of Python, NumPy and torch: set for a plug-in, and as they were afterwards.

    So are NumPy's answers to floating-point errors, which would else end somebody else's work.

    What a plug-in draws from them then depends on the seed that they were set from, and on nothing that ran before.
    """

    def __init__(self) -> None:
        self.drawn = False
        """Whether something was drawn since they were last set."""
        self.replaced = False
        """Whether NumPy's was exchanged for another one since then."""

    @contextmanager
    def set_from(self, seed: int) -> Iterator[None]:
        """Set them; afterwards `drawn` says whether they were used, and they are what they were."""
        import numpy as np

        numpy: Any = np.random
        bits = numpy.get_bit_generator()
        saved = random.getstate(), numpy.get_state(legacy=False), _torch_state()
        if not isinstance(bits, np.random.MT19937):  # one that somebody has put there cannot be set from a number
            numpy.set_bit_generator(np.random.MT19937())
        _seed(seed)
        start, set_bits = _states(), numpy.get_bit_generator()
        try:
            with np.errstate():  # a plug-in's np.seterr is its own, too
                yield
        finally:
            self.drawn = self.replaced = True  # unless it can be told that they were not
            with contextlib.suppress(Exception):
                self.replaced = numpy.get_bit_generator() is not set_bits
                end = _states()
                # torch may have been imported inside: then it starts from its own seed, always the same.
                end_torch, start_torch = end[2], start[2] if start[2] is not None else _fresh_torch_state()
                self.drawn = end[:2] != start[:2] or (end_torch is not None and end_torch != start_torch)
            # Each by itself: one that cannot be put back costs nobody else.
            with contextlib.suppress(Exception):
                random.setstate(saved[0])
            with contextlib.suppress(Exception):
                numpy.set_bit_generator(bits)
                numpy.set_state(saved[1])
            if saved[2] is not None:
                with contextlib.suppress(Exception):
                    sys.modules["torch"].set_rng_state(saved[2])


def _seed(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if (torch := _torch()) is not None:
        torch.default_generator.manual_seed(seed % 2**63)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed % 2**63)


def _states() -> tuple[Any, Any, bytes | None]:
    import numpy as np

    torch_state = _torch_state()
    kept = _plain(np.random.get_state(legacy=False))  # noqa: NPY002
    return random.getstate(), kept, None if torch_state is None else torch_state.numpy().tobytes()


def _plain(state: Any) -> Any:
    """A state of whichever generator, as something that can be compared."""
    if isinstance(state, Mapping):
        return {name: _plain(each) for name, each in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state


def _torch() -> Any:
    """torch, if somebody has imported all of it."""
    module = sys.modules.get("torch")
    return module if hasattr(module, "default_generator") and hasattr(module, "cuda") else None


def _torch_state() -> Any:
    torch = _torch()
    return None if torch is None else torch.get_rng_state()


def _fresh_torch_state() -> bytes | None:
    torch = _torch()
    return None if torch is None else torch.Generator().get_state().numpy().tobytes()


# ------------------------------------------------------------------------------------------------ output


class _Printed(io.FileIO):
    """Closes itself without a warning when nobody holds it any more."""

    def __del__(self) -> None:
        self.close()


class _Unclosed(io.TextIOWrapper):
    """A stream that several plug-ins print to, so that none of them may close it."""

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.flush()


@contextmanager
def own_output(target: int) -> Iterator[None]:
    """Standard output and error of everything inside, compiled code included, go to a file descriptor."""
    saved = [(number, _duplicate(number)) for number in (1, 2)]
    stream = _Unclosed(_Printed(os.dup(target), "w"), "utf-8", errors="backslashreplace", write_through=True)
    _flush()
    try:
        for number, copy in saved:
            if copy is not None:
                os.dup2(target, number)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        _flush()
        for number, copy in saved:
            if copy is not None:
                os.dup2(copy, number)
                os.close(copy)
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
        # Not closed: a logger that the plug-in made may go on writing to it.


@contextmanager
def output_on_stderr() -> Iterator[None]:
    """What is printed inside goes to standard error: standard output holds what a command answers."""
    saved = [(number, _duplicate(number)) for number in (1, 2)]
    _flush()
    try:
        if saved[0][1] is not None:
            _duplicate_onto(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _flush()
        for number, copy in saved:
            if copy is not None:
                os.dup2(copy, number)
                os.close(copy)


def _duplicate(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # it is closed
        return None


def _duplicate_onto(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        os.dup2(source, target)


def _flush() -> None:
    """Nothing that was printed before may come out later, elsewhere."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    if (flush := _c_flush()) is not None:
        flush(None)


def _c_flush() -> Any:
    try:
        return ctypes.CDLL(None).fflush
    except (OSError, TypeError, AttributeError):  # not POSIX
        return None


# ------------------------------------------------------------------------------------------------ ending the process

end_at_once = os._exit
"""The real one, whatever stands in its place while plug-ins run."""


class ProcessEnd(SystemExit):
    """A plug-in called `os._exit`, which would have ended everything without a word."""


@contextmanager
def no_end() -> Iterator[None]:
    """`os._exit` inside raises `ProcessEnd`; that of child processes, which have to end by it, is the real one.

    A forked child that comes back from the block in place of ending is ended: it would do the rest of the work again.

    Raises:
        ProcessEnd: it was called inside, also where somebody has swallowed that.
    """
    before, owner, codes = os._exit, os.getpid(), []

    def refuse(status: int) -> NoReturn:
        if os.getpid() != owner:
            end_at_once(status)
        codes.append(status)
        raise ProcessEnd(status)

    os._exit = refuse
    try:
        with _files_kept():
            yield
    finally:
        if os.getpid() != owner:
            _say("a forked child process came back from the call that forked it, in place of ending; it was ended")
            end_at_once(1)
        os._exit = before
    if codes:
        raise ProcessEnd(codes[0])


@contextmanager
def _files_kept() -> Iterator[None]:
    """`os.closerange` inside spares what was open before: locks, logs and pipes that belong to others."""
    before, owner = os.closerange, os.getpid()

    def spare(low: int, high: int) -> None:
        if os.getpid() != owner:
            return before(low, high)
        kept = sorted({low - 1, high, *(each for each in spared if low <= each < high)})
        for start, end in itertools.pairwise(kept):
            before(start + 1, end)
        if len(kept) > _ENDS:
            _say(f"os.closerange({low}, {high}) left {len(kept) - _ENDS} files open that were open before the call")
        return None

    spared = _open_files()
    os.closerange = spare
    try:
        yield
    finally:
        os.closerange = before


_ENDS = 2


def _open_files() -> frozenset[int]:
    """File descriptors of this process; empty where they cannot be told."""
    try:
        listed = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd").iterdir()
        return frozenset(int(each.name) for each in listed)
    except (OSError, ValueError):
        return frozenset()


def _say(text: str) -> None:
    """Beside what the plug-in prints."""
    with contextlib.suppress(OSError):
        os.write(2, f"deid-bench: {text}\n".encode())


_CODES = 2**32
"""More than there are exit codes anywhere."""


def way_out(error: SystemExit) -> str:
    """How a plug-in has tried to end the process."""
    code: Any = error.code
    # What shows itself in a way of its own may do anything then.
    shown = repr(code) if code is None or (type(code) is int and abs(code) < _CODES) or type(code) is str else "…"
    return f"it called {'os._exit' if isinstance(error, ProcessEnd) else 'sys.exit'}({shown})"


# ------------------------------------------------------------------------------------------------ threads


def lingering_threads(seconds: float = 0.5) -> list[str]:
    """Names of threads that would keep the process from ending, after they had a moment to finish."""
    until = time.monotonic() + seconds
    while threads := [
        each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()
    ]:
        left = until - time.monotonic()
        if left <= 0:
            break
        threads[0].join(left)
    return [each.name for each in threads]
