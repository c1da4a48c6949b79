"""A whole run of the size of IITD: `python speed/bench_run_large.py [--identities 434] [--samples 6]`.

Renders the images (kept in the cache for the next time), then runs `blurring` on them with the protocol's recognisers,
into a new folder. Shows wall time by stage and the largest process. The default has 2 604 images; IITD has 2 601.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, run


class Stopwatch:
    """Wall seconds by stage, in the order in which stages were first met."""

    def __init__(self, console: Console) -> None:
        self.seconds: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self._console = console
        self._title = ""
        self._begun = self._since = time.perf_counter()

    def start(self, title: str, total: int) -> None:
        """A stage begins."""
        self.counts[title] = self.counts.get(title, 0) + total
        self._title, self._since = title, time.perf_counter()
        self._console.print(f"{self._since - self._begun:7.0f} s  {title}: {total}")

    def note(self, text: str) -> None:
        """Nobody else works here."""

    def advance(self, count: int) -> None:
        """Only whole stages are timed."""

    def stop(self) -> None:
        """The stage has ended."""
        self.seconds[self._title] = self.seconds.get(self._title, 0.0) + time.perf_counter() - self._since

    def prepared(self, _dataset: str, _done: int, total: int) -> None:
        """An image of the dataset is there."""
        self.counts["render"], self.seconds["render"] = total, time.perf_counter() - self._begun


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="A run of the size of a published dataset, end to end.")
    parser.add_argument("--identities", type=int, default=434, help="palms (default 434)")
    parser.add_argument("--samples", type=int, default=6, help="images of each (default 6)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--method", default="blurring")
    parser.add_argument("--out", type=Path, help="results folder (default: a new one, removed afterwards)")
    parser.add_argument("--max-mb", type=float, default=3 * 1024, help="fail if a process was larger (default 3072)")
    options = parser.parse_args()
    dataset = f"synthetic-palm:identities={options.identities},samples={options.samples}"
    console = Console(width=100)
    watch = Stopwatch(console)
    start, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        execution = Execution(out=options.out or Path(folder), backend="process", jobs=options.jobs)
        chosen = RunOptions(methods=(options.method,), datasets=(dataset,))
        (outcome,) = run(chosen, execution, watch, prepare_progress=watch.prepared)
    wall = time.perf_counter() - start
    table = Table("stage", "items", "wall s", title=f"{options.method} on {dataset}, {options.jobs} processes")
    for title, seconds in watch.seconds.items():
        table.add_row(title, f"{watch.counts[title]:,}", f"{seconds:.1f}")
    table.add_row("all the rest (reading, scoring, intervals, record)", "", f"{wall - sum(watch.seconds.values()):.1f}")
    table.add_row("all", "", f"{wall:.1f}")
    console.print(table)
    peak, counts = outcome.record.host.peak_memory_mb, outcome.record.counts
    console.print(f"{counts.done} of {counts.planned} done, largest process {peak:,.0f} MiB; load before: {load:.1f}")
    if peak > options.max_mb:
        raise SystemExit(f"the largest process took {peak:,.0f} MiB, more than {options.max_mb:,.0f}")


if __name__ == "__main__":
    main()
