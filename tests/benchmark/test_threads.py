"""One thread in every pool where tasks run and scores are computed, whatever the environment asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.stages.threads import VARIABLES, single_threaded
from deid_bench.benchmark.storage.host import machine

POOLS = """
import json, re, sys
if sys.argv[1] == "before":
    import torch
from deid_bench.benchmark.stages.threads import single_threaded
import cv2, numpy, scipy.linalg
from threadpoolctl import threadpool_info
with single_threaded():
    import torch
    torch.ones(8, 8) @ torch.ones(8, 8)
    with single_threaded():
        text = torch.__config__.parallel_info()
        found = {name: int(re.search(pattern + r"\\(\\) : (\\d+)", text)[1]) for name, pattern in
                 (("mkl", "mkl_get_max_threads"), ("openmp", "omp_get_max_threads"), ("torch", "get_num_threads"))}
        found |= {each["filepath"]: each["num_threads"] for each in threadpool_info()}
        found["between operations"] = torch.get_num_interop_threads()
        found["opencv"] = cv2.getNumThreads()
print(json.dumps(found))
"""


@pytest.mark.parametrize("torch_loaded", ["before", "within"])
def test_every_pool_has_one_thread(torch_loaded: str) -> None:
    asked = {**os.environ, **dict.fromkeys(VARIABLES, "3"), "MKL_DOMAIN_NUM_THREADS": "MKL_BLAS=2"}
    command = [sys.executable, "-P", "-c", POOLS, torch_loaded]
    said = subprocess.run(command, env=asked, capture_output=True, text=True, check=True).stdout
    found = json.loads(said)
    assert len(found) > 5
    assert set(found.values()) == {1}, found


def test_threads_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        with single_threaded():
            assert os.environ["MKL_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
    assert os.environ["MKL_NUM_THREADS"] == "3"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("backend", ["serial", "process"])
def test_tasks_see_one_thread(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """A method that paints how many threads it has."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "2")
    painter = tmp_path / "painter.py"
    painter.write_text(
        "import os\n"
        "import cv2, numpy as np\n"
        "from threadpoolctl import threadpool_info\n"
        "from deid_bench.deidentifiers.base import MethodInfo\n"
        "class Painter:\n"
        "    info = MethodInfo(name='painter', version='1', modality=('palm',), description='Paints threads')\n"
        "    def deidentify(self, batch):\n"
        "        pools = [each['num_threads'] for each in threadpool_info()] + [cv2.getNumThreads()]\n"
        f"        asked = [int(os.environ[name]) for name in {VARIABLES!r}]\n"
        "        if max(pools + asked) > 1:\n"
        "            raise RuntimeError(f'{pools} {asked}')\n"
        "        return [request.image for request in batch]\n"
    )
    execution = Execution(out=tmp_path / "out", backend=backend, jobs=1)
    (outcome,) = run(toy_options(f"{painter}:Painter"), execution)
    assert outcome.record.counts.done == 18, outcome.record.counts.reasons
    assert outcome.record.host.machine["kernels"]


def test_the_kind_of_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = machine()
    assert "MKL_CBWR=COMPATIBLE" in found["kernels"]
    assert "numpy" in found["kernels"]
    assert found["processor"]


SUM = """
import hashlib
import numpy as np
from deid_bench.benchmark.stages.threads import single_threaded
from deid_bench.plugins.entries import Kind, registry
with single_threaded():
    import torch
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(48, 48, 3, padding=1)
    linear = torch.nn.Linear(768, 768)
    found = linear(torch.randn(37, 768)).detach().numpy().tobytes()
    found += convolution(torch.randn(2, 48, 37, 41)).detach().numpy().tobytes()
    rng = np.random.default_rng(0)
    found += (rng.normal(size=(131, 1999)) @ rng.normal(size=(1999, 57))).tobytes()
print(hashlib.sha256(found).hexdigest())
"""


def test_sums_do_not_follow_the_environment() -> None:
    """What networks are made of; whole methods under several environments are in docs/performance.md."""
    plain = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environments = [plain, plain | {"MKL_NUM_THREADS": "2"}, plain | dict.fromkeys(VARIABLES, "2")]
    command = [sys.executable, "-P", "-c", SUM]
    found = {subprocess.run(command, env=each, capture_output=True, check=True).stdout for each in environments}
    assert len(found) == 1
