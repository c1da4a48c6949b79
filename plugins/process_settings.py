"""What holds for a whole process, besides the functions of its libraries: how it is read and set (floor 0)."""

from __future__ import annotations

import contextlib
import decimal
import gc
import locale
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import Any

from .own import is_own
from .setting import Setting
from .torch_settings import TORCH

try:
    import resource
except ImportError:  # not POSIX
    resource = None  # type: ignore[assignment]


class Kept(dict[Any, Any]):
    """Entries of a register that others add to: as long as they are there, a longer one is the same."""

    def __eq__(self, later: object) -> bool:
        return isinstance(later, dict) and all(later.get(each, self) is value for each, value in self.items())

    def __ne__(self, later: object) -> bool:
        return not self == later

    __hash__ = None


# ------------------------------------------------------------------------------------------------ Python's own


def _environment() -> dict[Any, Any]:
    """As it lies in memory: decoding all of it takes longer than everything else here."""
    return dict(os.environ._data)  # type: ignore[attr-defined]


def _write_environment(before: Mapping[Any, Any]) -> None:
    now = _environment()
    for name in now.keys() - before.keys():
        del os.environ[os.environ.decodekey(name)]
    for name, value in before.items():
        if now.get(name) != value:
            os.environ[os.environ.decodekey(name)] = os.environ.decodevalue(value)


def _list_of(owner: Any, name: str) -> Setting:
    """A list that belongs to a module, which may be another one, too."""

    def write(before: tuple[int, tuple[Any, ...]]) -> None:
        getattr(owner, name)[:] = before

    return Setting(f"{owner.__name__}.{name}", lambda: tuple(getattr(owner, name)), write)


class _Finders(tuple[Any, ...]):
    """Finders down to the last of Python's own, which are compared; the others are kept beside them."""

    behind: tuple[Any, ...] = ()
    """Added by libraries that need them, to find what is theirs."""


def _finders() -> _Finders:
    """As they stand; the one that finds what lies beside plug-in files is everybody's."""
    others = [each for each in sys.meta_path if not is_own(_module_of(each))]
    last = max((at for at, each in enumerate(others) if _module_of(each) in _PYTHONS), default=-1)
    found = _Finders(others[: last + 1])
    found.behind = tuple(others[last + 1 :])
    return found


def _write_finders(before: _Finders) -> None:
    """Those that were there come first again, in their order, and nobody's comes before them."""
    now, there = list(sys.meta_path), {id(each) for each in _finders()}
    ours = [each for each in now if is_own(_module_of(each))]
    known = {id(each) for each in (*ours, *before, *before.behind)}
    new = [each for each in now if id(each) not in known and id(each) not in there]
    sys.meta_path[:] = [*ours, *before, *before.behind, *new]


def _module_of(finder: Any) -> str:
    return str(getattr(finder, "__module__", None) or type(finder).__module__)


_PYTHONS = ("_frozen_importlib", "_frozen_importlib_external")


def _write_filters(before: tuple[Any, ...]) -> None:
    warnings.filters[:] = before  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _umask() -> int:
    """It can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_NAMES = ("INT", "TERM", "HUP", "QUIT", "ALRM", "CHLD", "PIPE", "USR1", "USR2", "SEGV", "ABRT", "FPE", "BUS")
_SIGNALS = tuple(getattr(signal, f"SIG{name}") for name in _NAMES if hasattr(signal, f"SIG{name}"))


def _write_handlers(before: tuple[Any, ...]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(_SIGNALS, before, strict=True):
            if handler is not None and signal.getsignal(number) is not handler:
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, handler)


def _decimals() -> tuple[Any, ...]:
    now = decimal.getcontext()
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp, tuple(now.traps.values())


def _write_decimals(before: tuple[Any, ...]) -> None:
    now = decimal.getcontext()
    now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp = before[:6]
    now.traps.update(dict(zip(now.traps, before[6], strict=True)))


def _write_collector(before: tuple[Any, ...]) -> None:
    gc.set_threshold(*before[1])
    (gc.enable if before[0] else gc.disable)()


def _loggers() -> tuple[Any, ...]:
    return logging.root.level, logging.root.manager.disable, tuple(logging.root.handlers)


def _write_loggers(before: tuple[Any, ...]) -> None:
    logging.root.setLevel(before[0])
    logging.disable(before[1])
    logging.root.handlers[:] = before[2]


def _streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr


def _write_streams(before: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = before


def _descriptors() -> tuple[tuple[int, int] | None, ...]:
    """What lies behind standard output and error."""
    found: list[tuple[int, int] | None] = []
    for number in (1, 2):
        try:
            status = os.fstat(number)
            found.append((status.st_dev, status.st_ino))
        except OSError:  # it is closed
            found.append(None)
    return tuple(found)


def _write_descriptors(before: tuple[tuple[int, int] | None, ...]) -> None:
    """While tasks are carried out, both streams have descriptors of their own to the same file."""
    for number, stream, was, now in zip((1, 2), (sys.stdout, sys.stderr), before, _descriptors(), strict=True):
        if was != now and was is not None:
            status = os.fstat(stream.fileno())
            if (status.st_dev, status.st_ino) == was:
                os.dup2(stream.fileno(), number)


# ------------------------------------------------------------------------------------------------ libraries


def _numpy() -> Any:
    return sys.modules["numpy"]


_REGISTERS = ("OPEN", "MIME", "SAVE", "SAVE_ALL", "EXTENSION", "DECODERS", "ENCODERS")


def _formats() -> tuple[Kept, ...]:
    """What Pillow reads and writes by which function; it learns more of them as it goes."""
    image = sys.modules["PIL.Image"]
    tables = [Kept(getattr(image, each)) for each in _REGISTERS if isinstance(getattr(image, each, None), dict)]
    return (*tables, Kept(dict.fromkeys(image.ID, True)))


def _write_formats(before: tuple[Kept, ...]) -> None:
    image = sys.modules["PIL.Image"]
    tables = [getattr(image, each) for each in _REGISTERS if isinstance(getattr(image, each, None), dict)]
    for table, kept in zip(tables, before[:-1], strict=True):
        table.update(kept)
    image.ID[:] = [*before[-1], *(each for each in image.ID if each not in before[-1])]


def _limits() -> tuple[tuple[int, int], ...]:
    return tuple(map(resource.getrlimit, _LIMITS)) if resource else ()


def _write_limits(before: tuple[tuple[int, int], ...]) -> None:
    """As far as may be: a hard limit that was lowered stays."""
    for which, (soft, hard), now in zip(_LIMITS, before, _limits(), strict=True):
        if (soft, hard) != now and resource:
            try:
                resource.setrlimit(which, (soft, hard))
            except (OSError, ValueError):
                with contextlib.suppress(OSError, ValueError):
                    resource.setrlimit(which, (min(soft, now[1]) if min(soft, now[1]) >= 0 else now[1], now[1]))


_LIMITS = tuple(sorted({getattr(resource, each) for each in dir(resource) if each.startswith("RLIMIT_")}))
LIMITS = Setting("the limits of resources", _limits, _write_limits)
"""Put back before all others, which may need memory or files."""

SETTINGS: tuple[Setting, ...] = (
    LIMITS,
    Setting("os.environ", _environment, _write_environment),
    _list_of(sys, "path"),
    _list_of(sys, "path_hooks"),
    _list_of(sys, "argv"),
    Setting("sys.meta_path", _finders, _write_finders),
    Setting("the filters of warnings", lambda: tuple(warnings.filters), _write_filters),
    Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda value: _set_locale(value)),
    Setting("the umask", _umask, lambda value: _set_umask(value)),
    Setting("handlers of signals", lambda: tuple(map(signal.getsignal, _SIGNALS)), _write_handlers),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Setting("the garbage collector", lambda: (gc.isenabled(), gc.get_threshold()), _write_collector),
    Setting("the tracer", sys.gettrace, sys.settrace),
    Setting("the profiler", sys.getprofile, sys.setprofile),
    Setting("decimal's context", _decimals, _write_decimals),
    Setting("socket's time-out", socket.getdefaulttimeout, socket.setdefaulttimeout),
    Setting("the root logger", _loggers, _write_loggers),
    Setting("sys.stdin, sys.stdout and sys.stderr", _streams, _write_streams),
    Setting("standard output and error", _descriptors, _write_descriptors),
    Setting(
        "numpy.random's bit generator",
        lambda: _numpy().random.get_bit_generator(),
        lambda value: _numpy().random.set_bit_generator(value),
        "numpy",
        "random",
    ),
    Setting(
        "numpy's way of printing",
        lambda: _numpy().get_printoptions(),
        lambda value: _numpy().set_printoptions(**value),
        "numpy",
        "set_printoptions",
    ),
    Setting(
        "numpy's floating-point errors",
        lambda: tuple(_numpy().geterr().items()),
        lambda value: _numpy().seterr(**dict(value)),
        "numpy",
        "geterr",
    ),
    Setting(
        "cv2's threads and optimisation",
        lambda: (sys.modules["cv2"].getNumThreads(), sys.modules["cv2"].useOptimized()),
        lambda value: _set_cv2(*value),
        "cv2",
        "useOptimized",
    ),
    Setting("Pillow's formats", _formats, _write_formats, "PIL.Image", "ID"),
    *TORCH,
)


def _set_cv2(threads: int, optimised: bool) -> None:
    sys.modules["cv2"].setNumThreads(threads)
    sys.modules["cv2"].setUseOptimized(optimised)


def _set_locale(value: str) -> None:
    locale.setlocale(locale.LC_ALL, value)


def _set_umask(value: int) -> None:
    os.umask(value)
