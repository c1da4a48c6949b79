"""A real browser for tests: headless Chromium, from disk, with no network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 120_000
"""Milliseconds: a busy machine is no failure."""
NARROW, LANDSCAPE = 390, 1047
"""Pixels across a phone, and across A4 on its side between margins of a centimetre."""


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium; where there is none, the test is skipped with the reason."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = os.environ.get("DEID_BENCH_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if binary is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    with api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=binary, args=list(FLAGS), timeout=PATIENCE)
        yield found
        found.close()


class Watched:
    """A page, and everything that went wrong or left it."""

    def __init__(self, browser: Any, page: Path, state: str = "", **options: Any) -> None:
        self.problems: list[str] = []
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda message: self.problems.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.goto(page.as_uri() + (f"#{state}" if state else ""))

    def _dialog(self, dialog: Any) -> None:
        self.problems.append("alert")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.problems.append(f"request: {request.url}")

    @property
    def across(self) -> int:
        """Pixels that the page takes across, what runs out of it included."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth")
        return found

    def serious(self) -> list[tuple[str, str]]:
        """What axe holds for serious or critical, with the first place of each."""
        axe = pytest.importorskip(
            "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
        )
        return [
            (each["id"], each["nodes"][0]["html"][:200])
            for each in axe.Axe().run(self.page).response["violations"]
            if each["impact"] in ("serious", "critical")
        ]
