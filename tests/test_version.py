"""The version is written in one place; what has to repeat it does not lag behind."""

from __future__ import annotations

import re
from pathlib import Path

from deid_bench._version import __version__

ROOT = Path(__file__).parent.parent


def test_citation_and_changelog_name_the_version() -> None:
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited is not None
    assert cited[1] == __version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest is not None
    assert newest[1] in (__version__, "Unreleased")


def test_the_package_reads_its_version_from_there() -> None:
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert "version = attr: deid_bench._version.__version__" in setup
