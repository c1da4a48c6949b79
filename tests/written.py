"""Records written as a run writes them."""

from __future__ import annotations

from pathlib import Path

from deid_bench.benchmark.records.record import FILE_NAME, RunRecord, record_bytes


def save_record(record: RunRecord, folder: Path) -> Path:
    """Write `run.json` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    path.write_bytes(record_bytes(record))
    return path
