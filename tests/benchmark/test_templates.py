"""Templates are read once a process while they fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deid_bench.benchmark.planning import tasks
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.stages import templates
from deid_bench.benchmark.stages.inputs import WatchedStore
from deid_bench.benchmark.storage.digest import digest
from deid_bench.benchmark.storage.store import Payload, Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedStore:
    monkeypatch.setattr(templates, "_kept", templates._Kept())
    made = WatchedStore(tmp_path)
    made.open()
    return made


def test_what_was_read_is_kept_and_cannot_be_written_into(store: WatchedStore) -> None:
    key = digest({"a": 1})
    store.write(key, Payload({}, {"template": np.arange(6.0)}))
    first = templates.template(key, store)
    assert first is not None
    assert templates.template(key, store) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1
    assert templates.template(None, store) is None
    assert templates.template(digest({"a": 2}), store) is None
    assert store.lost == {digest({"a": 2})}


def test_what_is_kept_has_a_limit(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "BUDGET", 10 * 8 * 100)
    keys = [digest({"a": number}) for number in range(25)]
    for key in keys:
        store.write(key, Payload({}, {"template": np.zeros(100)}))
        assert templates.template(key, store) is not None
    assert list(templates._kept._arrays) == [(str(store.root), key) for key in keys[-10:]]
    assert templates._kept._bytes == 10 * 8 * 100


def test_blocks_share_their_columns(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small blocks as in one: the same distances, and every template read once by the stage."""
    whole = run(toy_options("toy_noise"), Execution(out=tmp_path / "a", backend="serial"))[0].record
    monkeypatch.setattr(tasks, "COMPARE_ROWS", 4)
    monkeypatch.setattr(templates, "_kept", templates._Kept())
    read: Counter[str] = Counter()
    real = templates.template

    def watch(self: Any, key: Any) -> Any:
        read[key] += 1
        return Store.read(self, key)

    def counted(item: Any, store: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(WatchedStore, "read", watch)
            return real(item, store)

    monkeypatch.setattr("deid_bench.benchmark.stages.distances.template", counted)
    parts = run(toy_options("toy_noise"), Execution(out=tmp_path / "b", backend="serial"))[0].record
    assert parts.values == whole.values
    assert len(read) == 36
    assert set(read.values()) == {1}
