"""Every test has a cache and a registry of its own."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deid_bench import files
from deid_bench.weights import files as weights


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, an empty registry, no folder of the user's, and downloads allowed."""
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    monkeypatch.delenv("DEID_BENCH_OFFLINE", raising=False)
    monkeypatch.setattr(weights, "_SPECS", {})
    monkeypatch.setattr(files, "_hashes", {})


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str, bytes], str]]:
    """Puts bytes on a local web server and returns their address."""
    root = tmp_path / "www"
    root.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self: Any, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

        def log_message(self: Any, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def put(name: str, data: bytes) -> str:
        (root / name).write_bytes(data)
        return f"http://127.0.0.1:{server.server_port}/{name}"

    yield put
    server.shutdown()
    server.server_close()
