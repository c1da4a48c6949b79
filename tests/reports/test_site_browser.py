"""The static leaderboard in a real browser: it can be read by everybody, on a phone, in the dark and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from written import save_record

from deid_bench.benchmark.submission.stamp import Stamp, write_stamp
from deid_bench.reports.site.pages import site_files, slug

from .browsing import LANDSCAPE, NARROW, Watched
from .made_up_records import made_up

pytestmark = pytest.mark.slow

ROWS = made_up(8)
PAGES = {
    "index": "index.html",
    "protocol": f"protocols/{slug('palm/1.0')}.html",
    "row": f"rows/{ROWS[3].digest[:12]}.html",
    "method": f"methods/{slug(ROWS[3].method.name)}.html",
    "dataset": f"datasets/{slug('palm-mini')}.html",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight rows, of which one has a long name, one a stamp and alarms, and one a stamp that does not count."""
    folder = tmp_path_factory.mktemp("site")
    rows = list(ROWS)
    citation = "Doe, Hiding, arXiv:2101.00001, 2021; https://github.com/doe/hiding"
    method = rows[3].method.model_copy(update={"citation": citation})
    rows[3] = rows[3].model_copy(update={"method": method, "alarms": ["mtcc: far too good"]})
    rows[4] = rows[4].model_copy(update={"method": rows[4].method.model_copy(update={"spec": "x" * 300})})
    places = [save_record(each, folder / "results" / each.digest[:12]) for each in rows]
    for place in places[3:5]:
        write_stamp(Stamp("verified", "all", "2026-11-22", ["rr mtcc"], submitter="A. Author", words=["host"]), place)
    places[4].write_text(places[4].read_text() + "\n")
    for name, data in site_files([(row, place.parent) for row, place in zip(rows, places, strict=True)]):
        path = folder / "public" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "public"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_read_by_everybody_everywhere(browser: Any, site: Path, page: str) -> None:
    here = Watched(browser, site / PAGES[page])
    for scheme in ("light", "dark"):
        here.page.emulate_media(color_scheme=scheme)
        assert here.serious() == [], scheme
    ground = here.page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == "rgb(23, 25, 28)"
    assert here.page.locator("nav").is_visible()
    here.page.set_viewport_size({"width": NARROW, "height": 800})
    assert here.across == NARROW
    here.page.set_viewport_size({"width": LANDSCAPE, "height": 700})
    here.page.emulate_media(media="print", color_scheme="dark")
    assert here.across <= LANDSCAPE
    assert not here.page.locator("nav").is_visible()
    colours = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    assert here.page.locator("body").evaluate(colours) == ["rgb(26, 26, 26)", "rgb(255, 255, 255)"]
    here.context.close()
    assert here.problems == []
