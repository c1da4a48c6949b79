"""How quick boards are: `python speed/bench_board.py [--rows 500] [--chromium /usr/bin/chromium]`.

Made-up records with about sixty columns. Building is timed from records in memory and from files, as wall and CPU time;
sorting and filtering are timed in headless Chromium with layout, where playwright and Chromium are there.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from deid_bench.reports.board.page import render_board, write_board

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

RECORDS = Path(__file__).parent.parent / "tests" / "reports" / "made_up_records.py"


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description="Speed and size of a board.")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--replicates", action="store_true", help="with replicates, so that ranks are computed")
    options = parser.parse_args()
    made_up = _load(RECORDS)
    table = Table("step", "wall s", "CPU s")
    rows = made_up.made_up(options.rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folders = made_up.write_results(folder, rows, replicates=options.replicates)
        render_board(list(zip(rows[:2], folders[:2], strict=True)))  # imports
        _timed(table, "render", lambda: render_board(list(zip(rows, folders, strict=True))))
        _timed(table, "load and write", lambda: write_board([folder], folder / "board.html"))
        size = (folder / "board.html").stat().st_size
        console = Console()
        console.print(table)
        console.print(f"{options.rows} rows, {size / 1e6:.2f} MB")
        if options.chromium:
            for step, milliseconds in _browse(folder / "board.html", options.chromium, made_up.TIMING).items():
                console.print(f"{step}: {milliseconds:.0f} ms")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _timed(table: Table, step: str, work: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    table.add_row(step, f"{time.perf_counter() - wall:.2f}", f"{time.process_time() - cpu:.2f}")


def _browse(board: Path, chromium: str, script: str) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(board.as_uri(), timeout=120_000)
        page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
        protocol = page.context.new_cdp_session(page)
        protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
        found: dict[str, float] = page.evaluate(script)
        before = _busy(protocol)
        for place in range(4, 12):
            page.evaluate("place => {document.querySelectorAll('tr.columns button')[place].click()}", place)
            page.evaluate("document.body.offsetHeight")
        found["sort, all columns, CPU of the page's thread"] = (_busy(protocol) - before) / 8
        browser.close()
    return found


def _busy(protocol: CDPSession) -> float:
    """Milliseconds that the page's main thread has been computing: what a busy machine does not lengthen."""
    found = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
    return 1000 * float(found["TaskDuration"])


if __name__ == "__main__":
    main()
