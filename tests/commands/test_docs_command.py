"""`deid-bench docs`: the pages that the package has with it."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import pytest

from deid_bench.cli import main
from deid_bench.commands.docs_command import page_files

ROOT = Path(__file__).parents[2]


def test_it_lists_every_page_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
    assert ["first-hour", "First", "hour"] in [line.split() for line in lines]
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("name", ["first-hour", "first-hour.md", "docs/first-hour.md", "First-Hour"])
def test_a_pipe_gets_the_page_as_it_is(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["docs", name]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(page_files()))
def test_a_terminal_gets_it_laid_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["docs", name]) == 0
    out = capsys.readouterr().out
    assert not [line for line in out.splitlines() if line.startswith(("# ", "|---", ":::"))]
    assert "\x1b]8" not in out  # links to addresses that no terminal opens
    assert name != "api" or "python -m pydoc deid_bench.datasets.base" in out


@pytest.mark.parametrize(
    ("name", "said"),
    [("metric", "did you mean 'metrics' or 'writing-a-metric'?"), ("zzzz", "there is no page 'zzzz'\n")],
)
def test_a_wrong_name_ends_with_two_and_the_pages(capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    assert main(["docs", name]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert ", ".join(page_files()) in error


def test_the_pages_lie_in_the_package_and_are_installed_with_it() -> None:
    import deid_bench

    assert deid_bench.__file__
    (folder,) = {path.parent for path in page_files().values()}
    assert folder == Path(deid_bench.__file__).parent / "docs"
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "docs/*.md" in config["options.package_data"]["deid_bench"]
