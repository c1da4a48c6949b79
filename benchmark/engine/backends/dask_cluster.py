"""Chunks on the workers of a Dask cluster, on this machine or on many that share the results folder.

Dask is the courier, not the executor: a Dask task hands its chunk to a process back-end of one worker process, which
the Dask worker keeps. So time limits, hung and dying plug-ins go the same way as on one machine, and results do not
pass through the scheduler, which sees digests and reasons alone. Dask runs whatever reaches it: an address that is open
to others and not encrypted is refused.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...planning.tasks import Stage, TaskResult
from ...stages.witness import Seen, Witnesses
from ...storage.digest import digest
from ...storage.owner import Owner
from ...storage.store import Store
from . import BackendError, Chunk, Cluster, Needs, Settings
from .handshake import Report, difference, expected, report, report_of_latecomer
from .process import ProcessBackend

_WINDOW = 4
"""Chunks under way for each thread of the cluster."""
_CONNECT_SECONDS = 30
NO_WORKERS_SECONDS = 60.0
"""So long a chunk waits for a worker that could take it; a network's hiccup is shorter."""
VISIBLE_SECONDS = 60.0
"""Network file systems remember for a while that a file was not there."""
_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.02
_DEATHS = 2
"""So many Dask workers may die of one task; the first may have been killed from outside."""


_couriers: dict[tuple[str, int], ProcessBackend] = {}
"""On a worker: the process that works for a client, for each thread of the worker."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a worker made."""

    worker: str
    """Its address."""
    results: list[TaskResult]
    """Of a chunk."""
    seen: Seen
    """Of tasks of another worker."""


def carry(
    chunk: Chunk, again: Chunk, store: str, seconds_per_image: float, owner: str, needs: Needs, own: Report,
    first: Report,
) -> Carried:  # fmt: skip
    """Let the worker's own process carry out a chunk, or tasks of another worker again.

    Called on a worker, in one of its threads.

    Raises:
        BackendError: the worker, which came after hands were shaken, cannot work with the others.
    """
    from distributed import get_worker

    problem = difference(own, first, report_of_latecomer(owner, needs))
    if problem:
        raise BackendError(problem)
    key = owner, threading.get_ident()
    if key not in _couriers:
        _couriers[key] = ProcessBackend(Settings(Path(store), seconds_per_image, 1))
    courier = _couriers[key]
    return Carried(
        get_worker().address, list(courier.run([chunk])) if chunk else [], courier.again(again) if again else {}
    )


def dismiss(owner: str) -> None:
    """End a client's processes; called on every worker when the client leaves."""
    for key in [each for each in _couriers if each[0] == owner]:
        _couriers.pop(key).close()


class DaskBackend:
    """A client of a cluster, which is started here for `local:N` and never ended where it was not.

    Raises:
        BackendError: the cluster cannot be reached, is open to strangers, or has workers that differ.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            import distributed
        except ImportError as error:
            raise BackendError("the dask back-end needs the extra deid-bench[dask]") from error
        self._settings, self._own, self._config = settings, None, ExitStack()
        self._distributed: Any = distributed
        address = settings.cluster.address
        if address.startswith("local:"):
            self._own = self._start(address)
            address = self._own.scheduler_address
        else:
            check_address(settings.cluster)
        try:
            self._client: Any = self._distributed.Client(
                address, timeout=_CONNECT_SECONDS, security=_security(settings.cluster), set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            self._end_own()
            raise BackendError(f"cannot reach the scheduler at {address}: {error}") from error
        self._name = f"{Owner.here().mark}-{secrets.token_hex(4)}"
        self._tries = 0
        self._witnesses = Witnesses()
        self._asked: dict[Any, str] = {}
        """Second askings under way, and the worker that each is for."""
        try:
            self._shake_hands()
        except BaseException:
            self.close()
            raise
        count = len(self._workers())
        alone = "; with one alone, no second process is asked what a plug-in made of the same input" * (count == 1)
        self.about = f"Dask: {count} workers{alone}; dashboard {self._client.dashboard_link or 'none'}"

    def _start(self, address: str) -> Any:
        import dask

        number = address.removeprefix("local:")
        if not number.isdecimal() or not int(number):
            raise BackendError(f"expected --scheduler local:N with N workers, got {address!r}")
        # For as long as the cluster lives: a worker that is started again asks for it, too.
        self._config.enter_context(dask.config.set({"distributed.worker.daemon": False}))
        return self._distributed.LocalCluster(
            n_workers=int(number), threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=":0"
        )

    def _workers(self) -> dict[str, Any]:
        return dict(self._client.scheduler_info(n_workers=-1)["workers"])

    def _shake_hands(self) -> None:
        """Hold every worker against this process, before any chunk."""
        with suppress(TimeoutError, self._distributed.TimeoutError):
            self._client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        if not self._workers():
            raise BackendError("the cluster has no workers; start some, or use --scheduler local:N")
        token = Store(self._settings.store).scratch / f"{self._name}-token"
        token.write_text(self._name, encoding="ascii")
        try:
            own, needs = expected(self._name, self._settings.needs), self._settings.needs
            found: dict[str, Report | str] = self._client.run(report, str(token), needs, on_error="return")
        finally:
            token.unlink(missing_ok=True)
        first = next(iter(found.values()))
        self._about: Any = needs, own, first
        for worker, each in found.items():
            if not isinstance(each, Report) or not isinstance(first, Report):
                raise BackendError(f"worker {worker} cannot work with this one: {each!r:.300}")
            problem = difference(own, first, each)
            if problem:
                raise BackendError(f"worker {worker} {problem}")

    def run(self, chunks: Sequence[Chunk]) -> Iterator[TaskResult]:
        waiting = deque(chunks)
        under_way: dict[Any, Chunk] = {}
        deaths: dict[str, int] = {}
        idle_since = time.monotonic()
        try:
            while waiting or under_way or self._asked:
                window = _WINDOW * max(1, sum(each["nthreads"] for each in self._workers().values()))
                while waiting and len(under_way) < window:
                    chunk = waiting.popleft()
                    under_way[self._submit(chunk)] = chunk
                for future in self._done(under_way):
                    idle_since = time.monotonic()
                    yield from self._results(future, under_way.pop(future), waiting, deaths)
                yield from self._witnessed()
                if time.monotonic() - idle_since > NO_WORKERS_SECONDS:
                    self._check_workers(list(under_way.values()))
        finally:
            if left := [*under_way, *self._asked]:
                self._asked.clear()
                with suppress(Exception):
                    self._client.cancel(left, force=True)

    def _submit(self, chunk: Chunk, again: Chunk = (), worker: str = "") -> Any:
        self._tries += 1
        given = chunk or again
        return self._client.submit(
            carry,
            chunk,
            again,
            str(self._settings.store),
            self._settings.seconds_per_image,
            self._name,
            *self._about,
            key=f"{given[0].stage.value}-{digest([each.digest for each in given])[:24]}-{self._name}-{self._tries}",
            pure=False,
            retries=2 if chunk else 0,
            priority=list(Stage).index(given[0].stage),
            resources=_resources(given),
            **({"workers": [worker], "allow_other_workers": False} if worker else {}),
        )

    def _ask_again(self, worker: str, chunk: Chunk) -> None:
        """Give a worker, which has carried out a chunk, the tasks of another one that are due there."""
        again = self._witnesses.due(worker, chunk)
        if again:
            self._asked[self._submit((), again, worker)] = worker

    def _witnessed(self) -> Iterator[TaskResult]:
        """What came of second askings; one whose worker is gone has nothing to say."""
        if not self._asked:
            return
        there = self._workers()
        for future, worker in list(self._asked.items()):
            if future.status == "finished":
                for task, remarks in self._witnesses.told(future.result().seen, Store(self._settings.store)):
                    yield TaskResult(task.digest, None, 0.0, remarks=remarks, again=True)
            elif not future.done() and future.status == "pending" and _is_running(there.get(worker)):
                continue
            del self._asked[future]
            future.release()

    def _done(self, under_way: Mapping[Any, Chunk]) -> list[Any]:
        """Chunks that came to an end, of whatever kind; none where none does for a while."""
        end = time.monotonic() + _LOOK_SECONDS
        while True:
            found = [each for each in under_way if each.done() or each.status in ("lost", "cancelled")]
            if found or any(each.done() for each in self._asked) or time.monotonic() > end:
                return found
            time.sleep(_POLL_SECONDS)

    def _results(
        self, future: Any, chunk: Chunk, waiting: deque[Chunk], deaths: dict[str, int]
    ) -> Iterator[TaskResult]:
        """What a chunk gave; where a worker died of it, image by image, as in the process back-end."""
        if future.status == "finished":
            carried: Carried = future.result()
            future.release()
            self._wait_until_visible([each.digest for each in carried.results if each.problem is None])
            yield from carried.results
            self._ask_again(carried.worker, chunk)
            return
        gone = future.status in ("lost", "cancelled")
        error = None if gone else future.exception()
        if isinstance(error, BackendError):
            raise BackendError(f"a worker that came later {error}")
        reason = "its worker went away" if gone else repr(error)[:300]
        future.release()
        if len(chunk) > 1:
            waiting.extend((task,) for task in chunk)
            return
        name = chunk[0].digest
        deaths[name] = deaths.get(name, 0) + 1
        if deaths[name] < _DEATHS:
            waiting.append(chunk)
        else:
            yield TaskResult(name, f"the worker process died ({reason})", 0.0)

    def _wait_until_visible(self, digests: Sequence[str]) -> None:
        """An object that another machine wrote may not be seen here at once; what never comes is made again."""
        store, end = Store(self._settings.store), time.monotonic() + VISIBLE_SECONDS
        for each in digests:
            while not store.has(each) and time.monotonic() < end:
                time.sleep(0.1)

    def _check_workers(self, chunks: Sequence[Chunk]) -> None:
        """Nothing came for a while: is there still a worker that could take these chunks?"""
        workers = self._workers().values()
        for chunk in chunks:
            needed = _resources(chunk)
            if not any(all(each["resources"].get(name, 0) >= n for name, n in needed.items()) for each in workers):
                what = " with ".join(["no worker", *(f"{name} {n}" for name, n in needed.items())])
                raise BackendError(
                    f"the cluster has {what}, for {NO_WORKERS_SECONDS:.0f} s; start one and run the same command again"
                )

    def _end_own(self) -> None:
        if self._own is not None:
            self._own.close()
        self._config.close()

    def close(self) -> None:
        with suppress(Exception):  # a cluster that is gone cannot be left
            self._client.run(dismiss, self._name, on_error="ignore")
        with suppress(Exception):
            self._client.close()
        self._end_own()


def check_address(cluster: Cluster) -> None:
    """Whether a scheduler's address is one that strangers cannot reach or read.

    Raises:
        BackendError: it is open and not encrypted, or no address at all.
    """
    parts = urlsplit(cluster.address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise BackendError(f"expected --scheduler tcp://HOST:PORT, tls://HOST:PORT or local:N, got {cluster.address!r}")
    if parts.scheme == "tls":
        if not cluster.tls_ca or not cluster.tls_cert:
            raise BackendError("a tls:// scheduler needs --tls-ca and --tls-cert, and --tls-key if it is not in there")
        return
    if not cluster.insecure and not _is_loopback(parts.hostname):
        raise BackendError(
            f"{cluster.address} is not encrypted, and Dask runs whatever reaches it: use tls://, or say --insecure if "
            "nobody else is on that network"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _security(cluster: Cluster) -> Any:
    if not cluster.tls_ca:
        return None
    from distributed.security import Security

    kind: Any = Security
    return kind(
        tls_ca_file=cluster.tls_ca,
        tls_client_cert=cluster.tls_cert,
        tls_client_key=cluster.tls_key or cluster.tls_cert,
        require_encryption=True,
    )


def _is_running(worker: Mapping[str, Any] | None) -> bool:
    """Whether a worker takes tasks; one that is paused may be so for good."""
    return worker is not None and worker.get("status", "running") == "running"


def _resources(chunk: Chunk) -> dict[str, float]:
    """What a worker has to offer: a GPU where the plug-in is set to one."""
    plugin = chunk[0].plugin
    devices = [value for name, value in plugin.spec.params if name == "device"] if plugin else []
    return {"GPU": 1.0} if any(each.startswith("cuda") for each in devices) else {}
