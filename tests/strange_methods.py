# ruff: noqa: T201, NPY002
"""Methods that treat the process as their own, as wrapped research code does."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_bench.datasets.types import Failure, Image
from deid_bench.deidentifiers.base import MethodInfo, Request


def _info(name: str, **more: Any) -> MethodInfo:
    return MethodInfo(name=name, version="1", modality=("palm",), description="Thinks it is alone", **more)


class ChangesFolder:
    info = _info("changes_folder")

    def __init__(self) -> None:
        os.chdir("/")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        os.chdir("/")
        return [255 - each.image for each in batch]


class Talks:
    info = _info("talks")

    def __init__(self) -> None:
        print("built")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        print("Applied providers: ['CPUExecutionProvider']")
        print("warned", file=sys.stderr)
        os.write(1, b"from compiled code\n")
        return [255 - each.image for each in batch]


class DrawsGlobally:
    """Never seeds anything."""

    info = _info("draws_globally", stochastic=True)

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [_noisy(each.image, np.random.normal(0, 40, each.image.shape) + random.random()) for each in batch]


class DrawsWhileLoading:
    """As a network does that draws weights before it reads them."""

    info = _info("draws_while_loading")
    loaded = False

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if not self.loaded:
            np.random.random(5)
            self.loaded = True
        return [255 - each.image for each in batch]


def _noisy(image: Image, noise: NDArray[Any]) -> Image:
    return np.asarray(np.clip(image + noise, 0, 255).astype(np.uint8))


class SpoilsAndRaises:
    """Works in place on the memory behind the arrays, and cannot do more than one image."""

    info = _info("spoils_and_raises")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        import torch

        for each in batch:
            torch.from_numpy(each.image).fill_(0)
            torch.from_numpy(each.analysis.mask).fill_(False)
            if len(batch) > 1:
                raise RuntimeError("one at a time")
        return [np.full_like(each.image, 9) for each in batch]


class KeepsWhatItSaw:
    """Gives back what it got; fails on batches after spoiling them."""

    info = _info("keeps_what_it_saw")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        import torch

        if len(batch) > 1:
            for each in batch:
                torch.from_numpy(each.image).fill_(0)
            raise RuntimeError("one at a time")
        return [each.image.copy() for each in batch]


class Unlocks:
    info = _info("unlocks")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        for each in batch:
            each.image.flags.writeable = True
        return [each.image for each in batch]


_DAEMON = "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); {then}; time.sleep(3600)"


class LeavesThingsRunning:
    """A thread that never ends, and a child that would outlive the run; the child's number goes into a file.

    A daemon has left its parent and its session, so that it belongs to nobody.
    """

    info = _info("leaves_things_running")

    def __init__(self, note: str = "note.txt", daemon: bool = False, dies: bool = False, thread: bool = True) -> None:
        self.note, self.daemon, self.dies = Path(note), daemon, dies  # no file that the digest would cover
        self.thread = thread

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if not self.note.exists():
            if self.thread:
                threading.Thread(target=time.sleep, args=(3600,), name="forgotten").start()
            if self.daemon:
                then = f"open({str(self.note)!r} + '~', 'w').write(str(os.getpid()))"
                subprocess.run([sys.executable, "-c", _DAEMON.format(then=then)], check=True)
                while not (written := self.note.with_name(f"{self.note.name}~")).exists() or not written.read_text():
                    time.sleep(0.01)
                written.rename(self.note)
            else:
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
                self.note.write_text(str(child.pid))
            if self.dies:
                os.kill(os.getpid(), signal.SIGKILL)
        return [255 - each.image for each in batch]


class Exits:
    """Ends the interpreter, politely, not, or from compiled code, on images that are dark in a corner."""

    info = _info("exits")

    def __init__(self, how: str = "sys") -> None:
        self.how = how

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if any(int(each.image[28:32, 20:24].mean()) < 120 for each in batch):
            nothing: tuple[type[BaseException], ...] = ()
            with contextlib.suppress(*((BaseException,) if self.how == "swallowed" else nothing)):
                leave: Any = {
                    "sys": sys.exit,
                    "os": os._exit,
                    "swallowed": os._exit,
                    "compiled": ctypes.CDLL(None)._exit,
                }
                leave[self.how](0)
        return [255 - each.image for each in batch]


class SaysNothing:
    info = _info("says_nothing")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [Failure(None) for _ in batch]  # type: ignore[arg-type]


class EmptyBatches:
    info = _info("empty_batches", batch_size=0)

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [255 - each.image for each in batch]


class ForgetsItsRegion:
    """Makes its images, and fails where it is asked what it may repaint."""

    info = _info("forgets_its_region")

    def deidentify(self, batch: Sequence[Request]) -> Any:
        return [255 - each.image for each in batch]

    def repaints(self, request: Any) -> None:
        sys.exit(0)


class SharesItsBuffer:
    """Paints every image of a batch into one piece of memory, which it also keeps between calls."""

    info = _info("shares_its_buffer")

    def __init__(self, how: str = "list") -> None:
        self.how, self._buffer = how, np.zeros(0, np.uint8)
        self._folder = tempfile.TemporaryDirectory()

    def _paint(self, batch: Sequence[Request]) -> Iterator[Any]:
        for each in batch:
            if self.how == "file":
                self._buffer = np.memmap(Path(self._folder.name, "images"), np.uint8, "w+", shape=each.image.shape)
            elif self._buffer.shape != each.image.shape:
                self._buffer = np.zeros_like(each.image)
            self._buffer[:] = 255 - each.image if self.how != "blank" else 9
            yield self._buffer

    def deidentify(self, batch: Sequence[Request]) -> Any:
        return self._paint(batch) if self.how == "generator" else list(self._paint(batch))


class BlendsItsBatch:
    """Lays every image over the mean of those it is given with, as a network with batch statistics does."""

    info = _info("blends_its_batch")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        mean = np.mean([each.image for each in batch], axis=0)
        return [(255 - each.image // 2 - mean / 2).clip(0, 255).astype(np.uint8) for each in batch]


class BlendsNothing(BlendsItsBatch):
    info = _info("blends_nothing", batch_size=1)


class Inverts:
    """What the one above is meant to do."""

    info = _info("inverts")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [255 - each.image for each in batch]


class DrawsElsewhere:
    """Takes its noise from where no seed reaches."""

    info = _info("draws_elsewhere")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [
            each.image ^ np.frombuffer(os.urandom(each.image.size), np.uint8).reshape(each.image.shape)
            for each in batch
        ]


class DrawsElsewhereToo(DrawsElsewhere):
    """And says that it has a seed."""

    info = _info("draws_elsewhere_too", stochastic=True)


class GivesOddArrays:
    """What looks like an image and is none, and answers of other lengths."""

    info = _info("gives_odd_arrays")

    def __init__(self, how: str = "masked") -> None:
        self.how = how

    def deidentify(self, batch: Sequence[Request]) -> Any:
        images = [255 - each.image for each in batch]
        if self.how == "too many":
            return (images[0] for _ in iter(int, 1))
        if self.how == "midway":
            return _midway(images)
        odd: dict[str, Any] = {
            "masked": lambda image: np.ma.masked_array(image, image > 9),
            "record": lambda image: image.view(np.recarray),
            "objects": lambda image: image.astype(object),
            "floats": lambda image: image / 255,
        }
        return [odd[self.how](each) for each in images]


def _midway(images: Sequence[Any]) -> Iterator[Any]:
    yield images[0]
    raise BaseException("midway")


class RefusesInManyWords:
    """No reason is like another."""

    info = _info("refuses_in_many_words")

    def __init__(self, how: str = "object") -> None:
        self.how = how

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        reasons: dict[str, Any] = {
            "object": object,
            "long": lambda: "x" * 10**6,
            "many": lambda: f"at {random.random()}",
        }
        return [Failure(reasons[self.how]()) for _ in batch]


def _patch() -> None:
    np.mean = lambda *_, **__: 0.0  # type: ignore[assignment]
    np.linalg.norm = lambda *_, **__: 0.0  # type: ignore[assignment]
    Path.is_file = lambda self: False  # type: ignore[method-assign]


def _set() -> None:
    import decimal
    import gc
    import locale
    import signal
    import socket
    import warnings

    import torch

    warnings.simplefilter("error")
    os.environ["STRANGE"] = "1"
    del os.environ["PATH"]
    sys.path.insert(0, "/strange")
    os.umask(0o777)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    np.set_printoptions(precision=1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    decimal.getcontext().prec = 2
    socket.setdefaulttimeout(0.5)
    sys.setrecursionlimit(5000)
    gc.disable()
    sys.stdout = sys.stderr
    locale.setlocale(locale.LC_ALL, "C")


class ChangesTheProcess:
    """Replaces what others use, or sets what holds for everybody: in the constructor, or while it works."""

    info = _info("changes_the_process")

    def __init__(self, what: str = "patch", when: str = "call") -> None:
        self._change = _patch if what == "patch" else _set
        self._when = when
        if when == "built":
            self._change()

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if self._when == "call":
            self._change()
        elif self._change is _patch:
            assert np.mean([1]) == 0, "what was set up in the constructor is in force"
        else:
            assert os.environ["STRANGE"] == "1", "what was set up in the constructor is in force"
        return [255 - each.image for each in batch]


class ClosesItsOutput:
    """Closes what everybody prints to."""

    info = _info("closes_its_output")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        print("before")
        sys.stdout.close()
        for number in (1, 2):
            with contextlib.suppress(OSError):
                os.close(number)
        print("after")
        return [255 - each.image for each in batch]


class SpoilsTheProcess:
    """Lowers what the process may have, closes what is open, or forks and lets both go on."""

    info = _info("spoils_the_process")

    def __init__(self, how: str = "fork") -> None:
        self.how = how

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if self.how == "limits":
            for which, soft in ((resource.RLIMIT_FSIZE, 10), (resource.RLIMIT_NOFILE, 5)):
                resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))
        elif self.how == "closes":
            os.closerange(3, 256)
        elif (child := os.fork()) != 0:
            os.waitpid(child, 0)
        return [255 - each.image for each in batch]
