"""The board in a real browser: headless Chromium, from disk, with no network. Without one these tests are skipped."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from narrowed import present

from deid_bench.characters import inert
from deid_bench.reports.board.page import write_board

from .browsing import LANDSCAPE, NARROW, Watched

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "=HYPERLINK(0)\\input{x}|`[x](javascript:alert(1))",
    "\u202eevil\u202c",
    "x" * 10_000,
)

pytestmark = pytest.mark.slow


def _made_up() -> ModuleType:
    spec = present(
        importlib.util.spec_from_file_location("made_up_records", Path(__file__).with_name("made_up_records.py"))
    )
    module = importlib.util.module_from_spec(spec)
    present(spec.loader).exec_module(module)
    return module


made_up_records = _made_up()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tabs: fourteen rows with everything beside them, and three of another protocol; and hostile names."""
    folder = tmp_path_factory.mktemp("board")
    rows = made_up_records.made_up(14)
    for index, text in enumerate(HOSTILE):
        method = rows[5 + index].method.model_copy(update={"spec": text, "description": text, "citation": text})
        rows[5 + index] = rows[5 + index].model_copy(update={"method": method})
    rows[1] = rows[1].model_copy(update={"alarms": ["mtcc: far too good"]})
    made_up_records.write_results(folder, rows, replicates=True, distances=True, previews=12)
    made_up_records.write_results(folder, made_up_records.made_up(3, "palm-paper/1.0"))
    write_board([folder], folder / "board.html")
    return folder / "board.html"


class Visit(Watched):
    """A board."""

    def __init__(self, browser: Any, board: Path, state: str = "", **options: Any) -> None:
        super().__init__(browser, board, state, **options)
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector("html[data-ready]", state="attached")

    def column(self, title: str) -> list[str]:
        """Texts of a visible column, in the order of the visible rows."""
        shown: list[str] = self.page.evaluate(
            """title => {
              const section = [...document.querySelectorAll("section.tab")].find((each) => !each.hidden);
              const heads = [...section.querySelectorAll("tr.columns th")];
              const place = heads.findIndex((each) => each.textContent.startsWith(title));
              const rows = [...section.querySelectorAll("tbody tr")].filter((row) => !row.hidden);
              return rows.map((row) => row.cells[place].firstChild.textContent.trim());
            }""",
            title,
        )
        return shown

    def names(self) -> list[str]:
        shown: list[str] = self.page.eval_on_selector_all(
            "section.tab:not([hidden]) table.board tbody tr:not([hidden]) button.open",
            "all => all.map(e => e.textContent)",
        )
        return shown


@pytest.fixture
def visit(browser: Any, board: Path) -> Iterator[Any]:
    """Opens the board; at the end nothing may have gone wrong."""
    visits = []

    def open_board(state: str = "", **options: Any) -> Visit:
        visits.append(Visit(browser, board, state, **options))
        return visits[-1]

    yield open_board
    for each in visits:
        each.context.close()
        assert each.problems == []


def test_sorting_goes_best_first_then_the_other_way_and_stands_in_the_address(visit: Any) -> None:
    here = visit()
    page = here.page
    fid = page.locator("section.tab:not([hidden]) tr.columns th", has_text=re.compile(r"^FID\s+↓"))
    fid.locator("button").click()
    assert fid.get_attribute("aria-sort") == "ascending"  # lower is better
    values = [float(each) for each in here.column("FID")]
    assert values == sorted(values)
    fid.locator("button").click()
    assert fid.get_attribute("aria-sort") == "descending"
    assert [float(each) for each in here.column("FID")] == sorted(values, reverse=True)
    assert page.locator("section.tab:not([hidden]) th[aria-sort]").count() == 1
    again = visit(page.url.partition("#")[2])
    assert again.column("FID") == here.column("FID")


def test_filters_facets_and_the_empty_table(visit: Any) -> None:
    here = visit()
    page, section = here.page, here.page.locator("section.tab:not([hidden])")
    section.locator("input[name=q]").fill("BLURRING")
    assert here.names()
    assert all("blurring" in each for each in here.names())
    assert "of 14 rows" in section.locator("output.count").inner_text()
    section.locator("input[name=q]").fill("no such method")
    assert here.names() == []
    assert section.locator(".empty").is_visible()
    section.locator(".empty button").click()
    assert len(here.names()) == 14
    section.locator("select[name=family]").select_option("sanity")
    assert sorted(here.names()) == ["identity", "other"]
    section.locator("input[name=ends]").uncheck(force=True)
    assert here.names() == []
    again = visit(page.url.partition("#")[2])
    assert again.names() == []


def test_column_sets_and_recognisers_decide_what_is_shown(visit: Any) -> None:
    here = visit("set=quality")
    heads = here.page.locator("section.tab:not([hidden]) tr.columns th:visible")
    shown = heads.all_inner_texts()
    assert any("SSIM" in each for each in shown)
    assert not any(each.startswith("RR") for each in shown)
    here.page.locator("section.tab:not([hidden]) input[name=recognizer][value=compcode]").check(force=True)
    here.page.locator("section.tab:not([hidden]) input[value=privacy]").check(force=True)
    groups = here.page.locator("section.tab:not([hidden]) tr.groups th:visible").all_inner_texts()
    assert any("compcode" in each for each in groups)
    assert not any("mtcc" in each for each in groups)


def test_intervals_places_and_the_full_number_are_there(visit: Any) -> None:
    here = visit("ci=1")
    page = here.page
    cell = page.locator("section.tab:not([hidden]) tbody tr:not(.sanity) td:nth-child(4)").first
    assert " to " in cell.locator(".ci").inner_text()
    assert cell.locator(".rank").inner_text().startswith("#")
    cell.hover()
    assert page.locator("#tip").is_visible()
    told = page.locator("#tip").inner_text()
    assert "95 % interval" in told
    assert all(len(each.replace(".", "").lstrip("-0")) <= 6 for each in re.findall(r"-?\d+\.\d+", told.splitlines()[1]))
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()


def test_keyboard_alone_sorts_opens_a_card_and_closes_it(visit: Any) -> None:
    here = visit()
    page = here.page

    def tab_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not reached by the keyboard")

    tab_to("tr.columns th:nth-child(4) button")
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Enter")
    sorted_by = page.locator("section.tab:not([hidden]) tr.columns th:nth-child(4)").get_attribute("aria-sort")
    assert sorted_by in ("ascending", "descending")  # what is best stands first
    tab_to("button.open")
    page.keyboard.press("Enter")
    assert page.locator("dialog").first.is_visible()
    assert "row=" in page.url
    page.keyboard.press("Escape")
    assert not page.locator("dialog").first.is_visible()
    page.wait_for_function("() => !location.hash.includes('row=')")  # a dialog tells that it closed a moment later


def test_a_card_holds_figures_images_worst_first_and_what_to_cite(visit: Any) -> None:
    here = visit()
    here.page.locator("button.open", has_text="blurring").first.click()
    dialog = here.page.locator("dialog").first.first
    assert dialog.locator("svg.distances").count() == 2
    assert dialog.locator("svg.det").count() == 2
    assert "@misc{" in dialog.locator("pre.bibtex").inner_text()
    assert dialog.locator(".pairs figure").count() == 12
    assert dialog.locator(".pairs .case").all_inner_texts() == ["best", "typical", "worst"]
    heads = dialog.locator(".card h3").all_inner_texts()
    assert heads.index("Images") < heads.index("mtcc")
    kind = dialog.locator("select option").nth(1).get_attribute("value")
    dialog.locator("select").select_option(kind)
    assert {each.strip() for each in dialog.locator(".pairs b").all_inner_texts()} == {kind}
    shots = dialog.locator(".pairs figure").first.locator(".shot span")
    dialog.locator(".pairs img").first.evaluate("e => e.complete || new Promise(then => (e.onload = then))")
    sizes = shots.evaluate_all("all => all.map(e => Math.round(e.getBoundingClientRect().width))")
    assert len(sizes) in (2, 3)
    assert max(sizes) - min(sizes) <= 2


def test_rows_are_compared_and_copied(visit: Any) -> None:
    here = visit()
    page = here.page
    for index in range(3):
        page.locator("section.tab:not([hidden]) input.pick").nth(index).check()
    page.locator("section.tab:not([hidden]) button.compare").click()
    assert page.locator("dialog table.numbers thead th").count() == 4
    assert page.locator("dialog .pairs .shot").count() == 9  # three images as three methods left them
    assert page.locator("dialog table.numbers b").count() > 20
    page.keyboard.press("Escape")
    for form, start in (("csv", '"'), ("latex", "\\begin{tabular}"), ("markdown", "| method")):
        page.locator("section.tab:not([hidden]) select.copy").select_option(form)
        text = page.locator("dialog textarea").input_value()
        assert text.startswith(start) or form == "csv"
        assert text.count("\n") >= 14
        page.keyboard.press("Escape")


def test_copied_csv_holds_the_numbers_to_the_last_digit_and_no_formulas(visit: Any) -> None:
    import csv
    import io

    here = visit()
    here.page.locator("section.tab:not([hidden]) select.copy").select_option("csv")
    # A text field turns every line end into \n.
    lines = list(csv.reader(io.StringIO(here.page.locator("dialog textarea").input_value())))
    rows = made_up_records.made_up(14)
    place = lines[0].index("RR (mtcc), %")
    by_name = {line[0]: line[place] for line in lines[1:]}
    assert float(by_name["identity"]) == rows[0].value("rr", "mtcc").value
    assert {len(line) for line in lines} == {len(lines[0])}
    assert not any(line[0].startswith(("=", "+", "@")) for line in lines)


def test_the_plot_follows_axes_and_filters(visit: Any) -> None:
    here = visit()
    section = here.page.locator("section.tab:not([hidden])")
    before = section.locator("svg.pareto").inner_html()
    section.locator("select[name=across]").select_option(label="FID")
    assert section.locator("svg.pareto").inner_html() != before
    assert "axis reversed" in section.locator("svg.pareto").text_content()
    assert section.locator("svg.pareto .point").count() == 14
    section.locator("input[name=q]").fill("blurring")
    assert section.locator("svg.pareto .point").count() == len(here.names())
    section.locator("svg.pareto .point circle").first.click()
    assert here.page.locator("dialog").first.is_visible()


def test_the_overview_changes_the_recogniser(visit: Any) -> None:
    here = visit()
    section = here.page.locator("section.tab:not([hidden])")
    groups = section.locator("tr.groups th:visible")
    assert section.locator("input[name=recognizer]:checked").get_attribute("value") == "mtcc"
    assert not any("compcode" in each for each in groups.all_inner_texts())
    section.locator("input[name=recognizer][value=compcode]").check(force=True)
    assert not any("mtcc" in each for each in groups.all_inner_texts())
    assert any("compcode" in each for each in groups.all_inner_texts())
    section.locator("input[name=recognizer][value=all]").check(force=True)
    assert {name for each in groups.all_inner_texts() for name in ("mtcc", "compcode") if name in each} == {
        "mtcc",
        "compcode",
    }


def test_pictures_stand_below_the_heading_and_are_enlarged_by_keyboard(visit: Any) -> None:
    here = visit()
    page, strip = here.page, here.page.locator("section.tab:not([hidden]) .strip")
    assert strip.locator("figure").count() == 12
    assert strip.locator("figcaption small").first.inner_text().strip() == "typical"
    strip.locator("input[value=worst]").check(force=True)
    assert {each.strip() for each in strip.locator("figcaption small").all_inner_texts()} == {"worst"}
    assert "case=worst" in page.url
    strip.locator("button.shot").first.focus()
    page.keyboard.press("Enter")
    large = page.locator("#large")
    assert large.is_visible()
    assert large.locator(".slide").count() == 2  # the whole image and the close-up
    before = large.locator(".frames").evaluate("e => e.style.getPropertyValue('--at')")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    after = large.locator(".frames").evaluate("e => e.style.getPropertyValue('--at')")
    assert (before, after) == ("50%", "53%")
    large.locator(".slide img").first.evaluate("e => e.complete || new Promise(then => (e.onload = then))")
    wide = large.locator(".slide").first.evaluate("e => e.getBoundingClientRect().width")
    assert wide == pytest.approx(160, abs=1)  # as it is stored
    page.keyboard.press("Escape")
    assert not large.is_visible()


def test_every_point_has_a_name_and_the_script_draws_as_the_page_did(visit: Any) -> None:
    texts = "all => all.map(e => [e.textContent, e.getAttribute('x'), e.getAttribute('y')])"
    still, live = visit(java_script_enabled=False), visit()
    drawn = still.page.locator("svg.pareto").first.locator(".point text").evaluate_all(texts)
    again = live.page.locator("section.tab:not([hidden]) svg.pareto .point text").evaluate_all(texts)
    assert len(again) == 14
    assert again == drawn
    boxes = live.page.locator("section.tab:not([hidden]) svg.pareto .point text").evaluate_all(
        "all => all.map(e => { const b = e.getBBox(); return [b.x, b.y + 2, b.x + b.width, b.y + b.height - 2]; })"
    )
    for index, a in enumerate(boxes):
        assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in boxes[:index])


def test_a_row_can_be_saved_as_its_record(visit: Any, board: Path, tmp_path: Path) -> None:
    here = visit()
    here.page.locator("button.open", has_text="identity").first.click()
    with here.page.expect_download() as waited:
        here.page.locator("dialog button.save").click()
    waited.value.save_as(tmp_path / "run.json")
    (folder,) = [each for each in board.parent.glob("identity__*") if "palm/1.0" in (each / "run.json").read_text()]
    assert (tmp_path / "run.json").read_bytes() == (folder / "run.json").read_bytes()


def test_alarms_are_told_by_keyboard_and_open_the_card(visit: Any) -> None:
    here = visit()
    alarm = here.page.locator("section.tab:not([hidden]) button.alarm").first
    alarm.focus()
    assert "far too good" in here.page.locator("#tip").inner_text()
    alarm.press("Enter")
    assert "far too good" in here.page.locator("dialog .about").inner_text()


def test_nothing_leaves_a_narrow_page(visit: Any) -> None:
    here = visit()
    here.page.set_viewport_size({"width": NARROW, "height": 800})
    assert here.across == NARROW
    heading = here.page.locator("tr.columns > :first-child").first
    assert heading.evaluate("e => e.getBoundingClientRect().width") > 100, "names are broken letter by letter"
    here.page.locator("button.open", has_text="identity").first.click()
    assert here.page.locator("dialog").first.evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_an_ablation_leaves_its_rows_and_draws_them(visit: Any) -> None:
    here = visit()
    section = here.page.locator("section.tab:not([hidden])")
    section.locator("select[name=sweep]").select_option(index=1)
    assert 2 <= len(here.names()) < 14
    assert section.locator(".ablation svg").count() >= 4
    assert section.locator(".ablation tbody tr").count() == len(here.names())


def test_the_plane_names_what_other_axes_leave_out(browser: Any, tmp_path: Path) -> None:
    rows = made_up_records.made_up(4)
    values = [
        each.model_copy(update={"value": None, "interval": None, "reason": "too small"})
        if each.metric == "ssim"
        else each
        for each in rows[3].values
    ]
    rows[3] = rows[3].model_copy(update={"values": values})
    made_up_records.write_results(tmp_path, rows)
    write_board([tmp_path], tmp_path / "board.html")
    here = Visit(browser, tmp_path / "board.html")
    section = here.page.locator("section.tab:not([hidden])")
    said = section.locator(".plot .rest")
    for across, lacking in (("SSIM", True), ("PSNR", False), ("SSIM", True)):
        section.locator("select[name=across]").select_option(label=across)
        text = said.inner_text()
        assert (f"Not drawn, for lack of one of the two numbers: {rows[3].method.name}" in text) is lacking
    here.context.close()
    assert here.problems == []


def test_tabs_never_mix_and_stand_in_the_address(visit: Any) -> None:
    here = visit()
    assert len(here.names()) == 14
    here.page.locator("nav.tabs a").nth(1).click()
    assert len(here.names()) == 3
    assert here.page.locator("section.tab:visible").count() == 1
    again = visit(here.page.url.partition("#")[2])
    assert len(again.names()) == 3


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_hostile_names_are_text_wherever_they_come_up(visit: Any, place: int) -> None:
    row = made_up_records.made_up(14)[5 + place].digest[:12]
    here = visit(f"row={row}")
    page = here.page
    assert page.locator("#dialog-title").inner_text() == page.locator("#dialog-title").text_content()
    assert page.locator("#dialog-title").text_content() == inert(HOSTILE[place])
    assert page.locator("img:not([src^='data:image/jpeg;base64,'])").count() == 0
    assert page.locator("script").count() == 3
    page.wait_for_timeout(50)


def test_the_page_is_complete_without_scripts(visit: Any) -> None:
    here = visit(java_script_enabled=False)
    page = here.page
    assert page.locator("section.tab:visible").count() == 2
    assert page.locator("table.board tbody tr:visible").count() == 17
    assert page.locator("svg.pareto .point").count() == 17
    assert page.locator("form.tools:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["set=all&ci=1", "row=card"])
def test_axe_finds_nothing_serious(visit: Any, scheme: str, state: str) -> None:
    card = made_up_records.made_up(14)[3].digest[:12]
    assert visit(state.replace("card", card), color_scheme=scheme).serious() == []


CONTROLS = "form.tools, nav, input, select, button.theme, button.compare, button.reset, details.reading, #tip"


@pytest.mark.parametrize("theme", ["", "dark"])
def test_a_printed_board_is_dark_on_white_without_controls_and_stays_on_its_page(visit: Any, theme: str) -> None:
    here = visit(color_scheme="dark")
    if theme:
        here.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    here.page.set_viewport_size({"width": LANDSCAPE, "height": 700})
    assert here.page.locator(CONTROLS).locator("visible=true").count() > 0
    here.page.emulate_media(media="print")
    assert here.page.locator(CONTROLS).locator("visible=true").count() == 0
    assert here.across <= LANDSCAPE
    colours = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    assert here.page.locator("body").evaluate(colours) == ["rgb(26, 31, 38)", "rgb(255, 255, 255)"]
    assert len(here.names()) == 14
    assert here.page.locator("section.tab:visible svg.pareto").count() == 1


def test_five_hundred_rows_stay_usable(browser: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_up_records.write_results(tmp_path, made_up_records.made_up(500))
    write_board([tmp_path], tmp_path / "board.html")
    here = Visit(browser, tmp_path / "board.html")
    times = here.page.evaluate(made_up_records.TIMING)
    rows = here.page.locator("section.tab:visible table.board tbody tr:visible")
    assert rows.count() == 100
    assert "the first 100 shown" in here.page.locator("section.tab:visible output.count").inner_text()
    here.page.locator("section.tab:visible label:has(input[name=all])").click()
    assert rows.count() > 400
    here.context.close()
    assert here.problems == []
    with capsys.disabled():
        print({name: f"{value:.0f} ms" for name, value in times.items()})  # noqa: T201
    assert max(times.values()) < 10_000, "not even a busy machine takes that long"
