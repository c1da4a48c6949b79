"""What a plug-in sets for the whole process is put back, and the next one finds the process as it was."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from deid_bench.plugins.process_state import own_process


def _hook() -> None:
    torch.nn.modules.module.register_module_forward_hook(lambda module, given, found: found * 0)


def _backend(name: str, value: Any) -> Callable[[], None]:
    owner, _, last = f"backends.{name}".rpartition(".")
    return lambda: setattr(operator.attrgetter(owner)(torch), last, value)


HAS_PRECISIONS = hasattr(torch.backends, "fp32_precision")
PRECISION = "torch's precision of products"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda: torch.set_autocast_enabled("cpu", True), "torch's autocast"),
        (lambda: torch.set_autocast_dtype("cpu", torch.float16), "torch's autocast"),
        (_hook, "hooks of all torch's modules"),
        (_backend("mkldnn.enabled", False), "torch's back-ends"),
        (lambda: torch.set_flush_denormal(True), "the flushing of denormal numbers"),
        (lambda: np.seterr(all="raise"), "numpy's floating-point errors"),
        *(
            [
                (_backend("fp32_precision", "ieee"), PRECISION),
                (_backend("fp32_precision", "tf32"), PRECISION),
                (_backend("cuda.matmul.fp32_precision", "tf32"), PRECISION),
                (_backend("cudnn.conv.fp32_precision", "ieee"), PRECISION),
            ]
            if HAS_PRECISIONS
            else []
        ),
        (lambda: torch.set_float32_matmul_precision("medium"), PRECISION),
    ],
)
def test_it_is_put_back_and_told(change: Callable[[], Any], name: str) -> None:
    network = torch.nn.Conv2d(3, 4, 3)
    image = torch.rand(1, 3, 8, 8)
    before, errors = network(image), np.geterr()
    with own_process() as changed:
        change()
    assert [each.what for each in changed] == [name]
    after = network(image)
    assert after.dtype == before.dtype
    assert torch.equal(after, before)
    assert np.geterr() == errors
    assert torch.tensor(5e-324, dtype=torch.float64) * 2.0**100 > 0
    with own_process() as changed:
        pass
    assert changed == []
