"""One TensorFlow Lite model, run by LiteRT."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LiteRtNetwork:
    """A TensorFlow Lite model, on one thread so that results do not depend on the machine's load."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with _quiet_stderr():  # the runtime announces its CPU kernels there, across any progress bar
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda detail: detail["name"])
        self._outputs = [detail["index"] for detail in outputs]

    def __call__(self, pixels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs in the order of their names, each without the batch axis."""
        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0].copy() for index in self._outputs]


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Send what native code writes to the standard error stream nowhere; Python exceptions pass."""
    try:
        saved = os.dup(2)
    except OSError:  # no such stream
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
