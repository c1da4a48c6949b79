"""The static leaderboard: every link leads somewhere, hostile text stays text, the submission workflow's steps run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from written import save_record

from deid_bench._version import __version__
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord, Value, load_record
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.submission.stamp import Stamp, write_stamp
from deid_bench.cli import main
from deid_bench.reports.leaderboard import reference
from deid_bench.reports.site.pages import site_files, slug
from deid_bench.reports.site.repository import repository_files

BASE = load_record(Path(__file__).parent.parent / "benchmark" / "golden" / "run-1-blurring.json")
URL = "https://example.org/board/"
ATOM = "{http://www.w3.org/2005/Atom}"


class Links(HTMLParser):
    """Addresses and ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.away: list[tuple[str, str, str]] = []
        """Tag, address and `rel` of what lies elsewhere."""
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        targets = [found[name] or "" for name in ("href", "src") if name in found]
        self.targets += targets
        self.away += [(tag, each, found.get("rel") or "") for each in targets if urlsplit(each).netloc]
        if found.get("id"):
            self.ids.add(str(found["id"]))


def changed(name: str, **method: object) -> RunRecord:
    """Another row of the same table."""
    digest = hashlib.sha256(f"{name} {method}".encode()).hexdigest()
    return BASE.model_copy(update={"digest": digest, "method": BASE.method.model_copy(update={"name": name, **method})})


def made(*records: RunRecord, url: str = URL) -> dict[str, bytes]:
    return dict(site_files([(each, Path("nowhere")) for each in records], url=url))


def is_page(name: str) -> bool:
    """The board has tests of its own."""
    return name.endswith(".html") and name != "board.html"


def test_every_link_leads_somewhere() -> None:
    own = [(each, Path("nowhere")) for each in (BASE, changed("other", spec="other"))]
    kept = changed("blurring", spec="blurring:sigma=0.2")
    files = dict(site_files(own, url=URL, reference=[kept]))
    pages = {
        name: Links(data.decode()) for name, data in files.items() if name.endswith(".html") and name != "board.html"
    }
    assert len([name for name in pages if name.startswith("rows/")]) == 3
    for name, page in pages.items():
        for target in page.targets:
            address = urlsplit(urljoin(f"https://here/{name}", target))
            if address.netloc != "here":
                continue
            path = address.path.lstrip("/")
            assert path in files, (name, target)
            if address.fragment and path in pages:
                assert address.fragment in pages[path].ids, (name, target)


def test_every_table_says_what_a_stamp_covers(tmp_path: Path) -> None:
    """Index, pages of groups, the row's own page, its badge and the feed; in words, for who cannot see a mark."""
    records = [BASE, changed("other", spec="other")]
    places = []
    for record in records:
        place = save_record(record, tmp_path / record.digest[:8])
        write_stamp(Stamp("verified", "all", "2026-11-22", ["rr mtcc", "ssim"], words=["toolkit", "host"]), place)
        places.append(place)
    places[1].write_text(places[1].read_text() + "\n")
    files = dict(site_files(list(zip(records, (each.parent for each in places), strict=True)), url=URL))
    index, name = files["index.html"].decode(), BASE.digest[:12]
    said = 'aria-label="(not covered by the stamp)"'
    pages = [data.decode() for path, data in files.items() if is_page(path) and f"rows/{name}.html" in data.decode()]
    tables = [page for page in (*pages, files[f"rows/{name}.html"].decode()) if "<table>" in page]
    assert len(tables) >= 5
    assert [page for page in tables if said not in page and BASE.method.spec in page] == []
    assert "not covered by the stamp of its row" in index
    assert index.count("its stamp does not count: it is of another record, or this was changed") == 2  # table and news
    assert "The submitter's words, beside numbers marked" in files[f"rows/{name}.html"].decode().replace("&#39;", "'")
    assert "toolkit, host" in files[f"rows/{name}.html"].decode()
    rows = {row["digest"]: row for row in json.loads(files["records.json"])["records"]}
    assert rows[BASE.digest]["unchecked"][:2] == ["rr mtcc", "ssim"]
    assert "another record" in rows[records[1].digest]["stamp_void"]
    assert "its stamp does not count" in files["feed.xml"].decode()
    assert ("°" in files[f"badges/{name}.svg"].decode()) is ("RR (mtcc)" in files[f"badges/{name}.svg"].decode())


def test_a_badge_says_what_the_recogniser_that_knows_most_makes_of_it(tmp_path: Path) -> None:
    def badge_of(record: RunRecord) -> str:
        files = dict(site_files([(record, tmp_path)], url=URL))
        return files[f"badges/{record.digest[:12]}.svg"].decode()

    def with_rr(**numbers: float | None) -> RunRecord:
        rest = [each for each in BASE.values if each.metric != "rr"]
        made = [Value(metric="rr", recognizer=name, value=each, n=96) for name, each in numbers.items()]
        named = [BASE.recognizers[0].model_copy(update={"spec": name, "name": name}) for name in numbers]
        return BASE.model_copy(update={"values": [*made, *rest], "recognizers": named})

    assert "RR (compcode)" in badge_of(with_rr(mtcc=99.0, compcode=20.0))
    assert "RR (mtcc)" in badge_of(with_rr(mtcc=20.0, compcode=99.0))
    lost = badge_of(with_rr(mtcc=99.0, compcode=None))
    assert "RR (compcode)" in lost
    assert "99.0" not in lost
    limited = with_rr(mtcc=99.0)
    limited = limited.model_copy(update={"dataset": limited.dataset.model_copy(update={"limited": True})})
    assert "RR (mtcc, limited)" in badge_of(limited)


def test_reference_rows_are_marked_wherever_they_stand_and_are_no_news(tmp_path: Path) -> None:
    kept = changed("other", spec="other")
    files = dict(site_files([(BASE, tmp_path)], url=URL, reference=[kept]))
    name = kept.digest[:12]
    for page in ("index.html", "methods/other.html", f"datasets/{slug(BASE.dataset.spec)}.html"):
        row = re.search(rf"<tr>.*rows/{name}\.html.*</tr>", files[page].decode())
        assert row, page
        assert '<td class="status">reference</td>' in row[0]
    assert "A reference row" in files[f"rows/{name}.html"].decode()
    assert "A reference row" not in files[f"rows/{BASE.digest[:12]}.html"].decode()
    assert "<td>reference" in files["board.html"].decode()
    index = files["index.html"].decode()
    assert f"rows/{name}.html" not in index[index.index('id="newest"') :]
    assert "from 1 record and 1 reference row of its own" in index
    assert len(fromstring(files["feed.xml"]).findall(f"{ATOM}entry")) == 1
    assert URL + f"rows/{name}.html" in files["sitemap.xml"].decode()
    status = {row["digest"]: row["status"] for row in json.loads(files["records.json"])["records"]}
    assert status == {BASE.digest: "self-reported", kept.digest: "reference"}


def test_a_site_takes_the_reference_rows_of_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = changed("other", spec="other")
    monkeypatch.setattr(reference, "shipped", lambda: reference.Rows((kept,)))
    monkeypatch.setattr(reference, "holds", lambda record, people: True)
    save_record(BASE, tmp_path / "results" / "one")
    page = tmp_path / "public" / "rows" / f"{kept.digest[:12]}.html"
    assert main(["site", str(tmp_path / "results"), "-o", str(tmp_path / "bare"), "--no-reference"]) == 0
    assert "1 record, " in capsys.readouterr().out
    assert not (tmp_path / "bare" / "rows" / page.name).exists()
    assert main(["site", str(tmp_path / "results"), "-o", str(tmp_path / "public")]) == 0
    assert "1 record and 1 reference row, " in capsys.readouterr().out
    assert page.is_file()


def test_what_an_earlier_site_wrote_goes_with_its_record_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "public", changed("other", spec="other")
    save_record(BASE, tmp_path / "results" / "one")
    withdrawn = save_record(other, tmp_path / "results" / "two")
    words = ["site", str(tmp_path / "results"), "-o", str(out), "--no-reference"]
    assert main([*words, "--url", URL]) == 0
    kept, gone = BASE.digest[:12], other.digest[:12]
    (out / "CNAME").write_text("example.org")
    (out / "rows" / "mine.html").write_text("by hand")
    (out / "badges" / f"{gone}.svg").write_text("changed since")
    (tmp_path / "outside.html").write_text("not below the site")
    listed = json.loads((out / "site-files.json").read_text())
    listed["../outside.html"] = hashlib.sha256(b"not below the site").hexdigest()
    (out / "site-files.json").write_text(json.dumps(listed))
    shutil.rmtree(withdrawn.parent)
    capsys.readouterr()
    assert main(words) == 0
    said = capsys.readouterr()
    left = {each.relative_to(out).as_posix() for each in out.rglob("*") if each.is_file()}
    assert f"rows/{kept}.html" in left
    assert not left & {f"rows/{gone}.html", f"records/{gone}.json", "methods/other.html", "feed.xml", "sitemap.xml"}
    strange = {"rows/mine.html", f"badges/{gone}.svg"}
    assert left - {"CNAME", "site-files.json"} - strange == set(json.loads((out / "site-files.json").read_text()))
    assert left >= {"CNAME", *strange}
    assert "removed 5 files" in said.out
    assert all(each in said.err for each in strange)
    assert (tmp_path / "outside.html").is_file()
    (out / "site-files.json").write_text("damaged")
    assert main(words) == 0
    assert "2 files that are not of this site" in capsys.readouterr().err


def test_rows_and_methods_lead_to_paper_and_code_and_say_who_submitted(tmp_path: Path) -> None:
    citation = "Doe, Hiding, arXiv:2101.00001, 2021; http://plain.example/x; https://github.com/doe/hiding"
    record = changed("mine", spec="mine", citation=citation)
    place = save_record(record, tmp_path / "mine")
    write_stamp(Stamp("recomputed", "all", "2026-11-22", submitter="A. <b>Author</b>"), place)
    files = dict(site_files([(record, place.parent), (BASE, Path("nowhere"))], url=URL))
    for name in (f"rows/{record.digest[:12]}.html", "methods/mine.html"):
        page = files[name].decode()
        found = re.findall(r'<a href="(https:[^"]*)" rel="noopener noreferrer">([^<]*)</a>', page)
        assert sorted(found) == [
            ("https://arxiv.org/abs/2101.00001", "paper (arxiv.org)"),
            ("https://github.com/doe/hiding", "code (github.com)"),
        ]
        assert "submitted by <bdi>A. &lt;b&gt;Author&lt;/b&gt;</bdi>" in page
        assert not [each for each in Links(page).targets if each.startswith("http:")]
    assert "submitted by" not in files[f"rows/{BASE.digest[:12]}.html"].decode()


def test_a_rows_address_stays() -> None:
    first, second = made(BASE), made(BASE, changed("other", spec="other"))
    name = f"rows/{BASE.digest[:12]}.html"
    assert name in first
    assert name in second


def test_the_data_is_that_of_the_records() -> None:
    files = made(BASE)
    index = json.loads(files["records.json"])
    (row,) = index["records"]
    assert row["digest"] == BASE.digest
    assert RunRecord.model_validate_json(files[row["record"]]) == BASE
    assert json.loads(files["record.schema.json"])["title"] == "RunRecord"


def test_feed_and_sitemap_name_every_page() -> None:
    files = made(BASE, changed("other", spec="other"))
    feed = fromstring(files["feed.xml"])
    assert len(feed.findall(f"{ATOM}entry")) == 2
    assert all(each.text and each.text.startswith(URL) for each in feed.findall(f"{ATOM}entry/{ATOM}id"))
    pages = {
        each.text for each in fromstring(files["sitemap.xml"]).iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")
    }
    assert pages == {URL + name for name in files if name.endswith(".html")}
    assert not {"feed.xml", "sitemap.xml"} & set(made(BASE, url=""))


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "../../x"]
)
def test_hostile_text_stays_text(text: str) -> None:
    hostile = changed(text, spec=text, description=text, citation=text)
    files = made(hostile, hostile.model_copy(update={"digest": text}))
    for name, data in files.items():
        assert not name.startswith(("/", ".")), name
        assert ".." not in Path(name).parts
        if is_page(name) or name.endswith(".svg"):
            page = data.decode()
            assert "script" not in Links(page).tags
            assert "onerror" not in [each for each in re.findall(r"<img[^>]*>", page) if "badges/" not in each]
    assert slug("../../x").startswith("x-")
    assert slug("a:b") != slug("a=b")


def _followed(tag: str, address: str, rel: str) -> bool:
    """Whether it is a link to a paper or to code, which a reader follows and a page never loads."""
    return tag == "a" and address.startswith("https://") and rel == "noopener noreferrer"


def test_nothing_comes_from_elsewhere() -> None:
    for name, data in made(BASE).items():
        if is_page(name):
            page = data.decode()
            assert "default-src 'none'" in page
            assert [each for each in Links(page).away if not _followed(*each)] == [], name


@pytest.mark.parametrize("submissions", [1, 0])
def test_the_steps_of_the_workflow_run(tmp_path: Path, submissions: int) -> None:
    """What the repository's workflow does, with a real submission and before there is one."""
    repository = tmp_path / "repository"
    assert main(["site", "--new", "-o", str(repository)]) == 0
    assert {str(each.relative_to(repository)) for each in repository.rglob("*") if each.is_file()} == {
        name for name, _ in repository_files()
    }
    options = RunOptions(
        methods=("masking",), datasets=(f"toy-hands:folder={tmp_path / 'hands'}",), analyzer="toy_analyzer",
        recognizers=("toy_recognizer",), protocol="palm-paper/1.0",
    )  # fmt: skip
    if submissions:
        folder = run(options, Execution(out=tmp_path / "results"))[0].folder
        assert main(["pack", str(folder), "-o", str(repository / "submissions" / "mine.zip")]) == 0
    workflow = (repository / ".github" / "workflows" / "leaderboard.yml").read_text()
    steps = re.findall(r"run: \|\n((?: {10}.*\n)+)|run: (deid-bench .*)\n", workflow)
    script = "\n".join(block or line for block, line in steps)
    assert f"pip install deid-bench=={__version__}\n" in workflow
    assert "verify" in script
    assert "site" in script
    wrapper = tmp_path / "deid-bench"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m deid_bench "$@"\n')
    wrapper.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=repository, capture_output=True, text=True, env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (repository / "public" / "index.html").is_file()
    assert len(list((repository / "public" / "rows").glob("*.html"))) == submissions


def test_mistakes_end_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site"]) == 2
    assert main(["site", str(tmp_path), "--url", "example.org"]) == 2
    assert main(["site", "--new", str(tmp_path)]) == 2
    assert main(["site", str(tmp_path / "absent")]) == 2
    assert "absent" in capsys.readouterr().err
