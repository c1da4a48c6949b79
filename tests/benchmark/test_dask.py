"""The Dask back-end: the same store, whatever dies, and sentences for what cannot work."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark.planning.cells import RunOptions

pytest.importorskip("distributed", reason="the extra deid-bench[dask] is not installed")

from deid_bench.benchmark.engine.backends import BackendError, Cluster, Needs, Settings, dask_cluster, make_backend
from deid_bench.benchmark.engine.backends.dask_cluster import check_address
from deid_bench.benchmark.engine.backends.handshake import Report, difference
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.stages.witness import ELSEWHERE
from deid_bench.benchmark.storage.store import Store
from deid_bench.plugins.entries import Kind, registry


def numbers(record: RunRecord) -> dict[str, Any]:
    return record.model_dump(exclude={"host"})


def objects(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / ".store" / "objects").rglob("*.zip")}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster that is not ours to end: two workers, each a process with a nanny."""
    import dask
    import distributed

    with dask.config.set({"distributed.worker.daemon": False}):
        made = distributed.LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=":0")
        yield made
        made.close()


@pytest.fixture
def on_cluster(cluster: Any, tmp_path: Path) -> Callable[..., Execution]:
    def make(out: str = "out", **changes: Any) -> Execution:
        return Execution(tmp_path / out, "dask", cluster=Cluster(cluster.scheduler_address), **changes)

    return make


@pytest.mark.slow
def test_the_store_is_that_of_a_serial_run(
    toy_options: Callable[..., RunOptions], on_cluster: Callable[..., Execution], cluster: Any, tmp_path: Path
) -> None:
    options = toy_options("toy_noise", "refuses_some")
    serial = run(options, Execution(tmp_path / "serial", "serial"))
    spread = run(options, on_cluster())
    assert [numbers(each.record) for each in spread] == [numbers(each.record) for each in serial]
    assert objects(tmp_path / "out") == objects(tmp_path / "serial")
    assert cluster.status.name == "running"


@pytest.mark.slow
def test_hung_and_dying_methods_cost_their_images(
    toy_options: Callable[..., RunOptions], on_cluster: Callable[..., Execution], tmp_path: Path
) -> None:
    options = toy_options("dies_on_some", "hangs_on_some")
    serial = run(toy_options("raises_on_some"), Execution(tmp_path / "serial", "serial"))[0].record
    dies, hangs = (each.record for each in run(options, on_cluster(seconds_per_image=0.5)))
    assert dies.counts.failed == hangs.counts.failed == serial.counts.failed
    assert any("worker process died" in each for each in dies.counts.reasons)
    assert any("longer than the limit" in each for each in hangs.counts.reasons)


@pytest.mark.slow
def test_a_killed_worker_costs_time_alone(
    toy_options: Callable[..., RunOptions], on_cluster: Callable[..., Execution], cluster: Any, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import time\n"
        "from deid_bench.deidentifiers.base import MethodInfo\n"
        "class Slow:\n"
        "    info = MethodInfo(name='slow', version='1', modality=('palm',), description='Slow')\n"
        "    def deidentify(self, batch):\n"
        "        time.sleep(0.1 * len(batch))\n"
        "        return [255 - request.image for request in batch]\n"
    )
    killed: list[int] = []

    def kill_one() -> None:
        while not objects(tmp_path / "out"):
            time.sleep(0.05)
        worker = next(iter(cluster.workers.values()))
        killed.append(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill_one)
    thread.start()
    spread = run(toy_options(f"{slow}:Slow"), on_cluster())[0].record
    thread.join()
    assert killed
    assert spread.counts.retry == 0
    assert numbers(spread) == numbers(
        run(toy_options(f"{slow}:Slow"), Execution(tmp_path / "serial", "serial"))[0].record
    )


@pytest.mark.slow
def test_a_gpu_that_nobody_has_ends_the_run_with_a_sentence(
    toy_options: Callable[..., RunOptions],
    on_cluster: Callable[..., Execution],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_cluster, "NO_WORKERS_SECONDS", 1.0)
    painter = tmp_path / "painter.py"
    painter.write_text(
        "from deid_bench.deidentifiers.base import MethodInfo\n"
        "class OnGpu:\n"
        "    info = MethodInfo(name='on_gpu', version='1', modality=('palm',), description='Wants a GPU')\n"
        "    def __init__(self, device: str = 'cpu') -> None:\n"
        "        self.device = device\n"
        "    def deidentify(self, batch):\n"
        "        return [request.image for request in batch]\n"
    )
    with pytest.raises(BackendError, match="no worker with GPU 1"):
        run(toy_options(f"{painter}:OnGpu:device=cuda"), on_cluster())


@pytest.mark.slow
def test_a_worker_that_does_not_see_the_folder_is_named(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_text", lambda self, *_, **__: None)
    store = Store(tmp_path)
    store.open()
    with pytest.raises(BackendError, match=r"worker tcp://127\.0\.0\.1:\d+ does not see the results folder"):
        make_backend("dask", Settings(tmp_path, 60.0, 1, Cluster(cluster.scheduler_address)))


@pytest.mark.slow
def test_a_worker_with_other_code_is_named_before_any_work(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from deid_bench.deidentifiers.base import MethodInfo\n"
        "class Mine:\n"
        "    info = MethodInfo(name='mine', version='1', modality=('palm',), description='Nothing')\n"
        "    def deidentify(self, batch):\n"
        "        return [request.image for request in batch]\n"
    )
    Store(tmp_path / "out").open()
    meant = registry().resolve(Kind.DEIDENTIFIER, f"{tmp_path / 'mine.py'}:Mine").ref
    where = Settings(tmp_path / "out", 60.0, 1, Cluster(cluster.scheduler_address), Needs((meant,)))
    make_backend("dask", where).close()
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace("request.image for", "None for"))
    with pytest.raises(BackendError, match=r"worker tcp://127\.0\.0\.1:\d+ has another deidentifier .*mine\.py:Mine"):
        make_backend("dask", where)


UNSTEADY = Path(__file__).parents[1] / "unsteady.py"


@pytest.mark.slow
def test_what_hangs_on_the_process_is_told_by_a_second_worker(
    toy_options: Callable[..., RunOptions],
    on_cluster: Callable[..., Execution],
    tmp_path: Path,
) -> None:
    options = toy_options(
        "toy_noise",
        recognizers=("toy_recognizer", f"{UNSTEADY}:Unsteady:where=process"),
        analyzer=f"{UNSTEADY}:AnalyzerOfItsProcess",
    )
    record = run(options, on_cluster())[0].record
    told = {(each.stage, each.by) for each in record.failures if each.reason == ELSEWHERE}
    assert told == {("analyze", "analyzer_of_its_process"), ("embed", "unsteady:where=process")}
    healthy = run(toy_options("toy_noise"), on_cluster("healthy"))[0].record
    assert not [each for each in healthy.failures if each.outcome == "irregular"]


def test_a_cluster_of_one_worker_says_that_nobody_is_asked_again(tmp_path: Path) -> None:
    Store(tmp_path).open()
    backend = make_backend("dask", Settings(tmp_path, 60.0, 1, Cluster("local:1")))
    try:
        assert "with one alone, no second process is asked" in backend.about  # type: ignore[attr-defined]
    finally:
        backend.close()


HAS = {"deidentifier masking": "ab", "weight file palm_detection": "cd"}
OWN = Report("0.1.0", {"analyze": 1}, {"numpy": "2.4.6"}, "a processor", "token", daemonic=False, has=HAS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"toolkit": "0.0.9"}, "has deid-bench 0.0.9, here it is 0.1.0"),
        ({"stages": {"analyze": 2}}, "other versions of the stages"),
        ({"packages": {"numpy": "2.0.0"}}, "has numpy 2.0.0, here it is 2.4.6"),
        ({"packages": {}}, "has numpy not at all, here it is 2.4.6"),
        ({"packages": {"numpy": "2.4.6", "torch": "1"}}, "has torch 1, here it is absent"),
        ({"processor": "another"}, "another kind of processor"),
        ({"has": HAS | {"deidentifier masking": "ef"}}, "has another deidentifier masking"),
        ({"lacks": {"weight file palm_detection": "no source"}}, "cannot have weight file palm_detection: no source"),
        ({"token": ""}, "does not see the results folder"),
        ({"daemonic": True}, "DASK_DISTRIBUTED__WORKER__DAEMON=False"),
    ],
)
def test_workers_that_differ_are_told_so(changes: dict[str, Any], said: str | None) -> None:
    found = difference(replace(OWN, processor="of the login node"), OWN, replace(OWN, **changes))
    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Cluster("tcp://10.1.2.3:8786"), "not encrypted"),
        (Cluster("tcp://scheduler:8786"), "not encrypted"),
        (Cluster("tls://scheduler:8786"), "needs --tls-ca"),
        (Cluster("http://127.0.0.1:8786"), "expected --scheduler"),
        (Cluster("scheduler"), "expected --scheduler"),
    ],
)
def test_open_and_malformed_addresses_are_refused(given: Cluster, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        check_address(given)


@pytest.mark.parametrize(
    "given",
    [
        Cluster("tcp://127.0.0.1:8786"),
        Cluster("tcp://[::1]:8786"),
        Cluster("tcp://localhost:8786"),
        Cluster("tcp://10.1.2.3:8786", insecure=True),
        Cluster("tls://scheduler:8786", tls_ca="ca.pem", tls_cert="cert.pem"),
    ],
)
def test_safe_addresses_are_taken(given: Cluster) -> None:
    check_address(given)


@pytest.mark.parametrize("address", ["local:0", "local:x", "local:"])
def test_a_local_cluster_has_workers(tmp_path: Path, address: str) -> None:
    with pytest.raises(BackendError, match="local:N"):
        make_backend("dask", Settings(tmp_path, 60.0, 1, Cluster(address)))
