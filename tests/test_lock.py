"""The versions for containers: of everything that the package asks for, and none that it refuses."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def test_the_lock_has_what_an_installation_asks_for() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    for asked in map(Requirement, _setup()["options"]["install_requires"].split("\n")[1:]):
        assert asked.specifier.contains(pinned[canonicalize_name(asked.name)]), asked.name


def test_the_container_has_an_interpreter_that_the_package_takes_and_the_lock() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    base = re.search(r"^FROM python:(\S+)-slim$", text, re.M)
    assert base is not None
    assert SpecifierSet(_setup()["options"]["python_requires"]).contains(base[1])
    assert "-c /source/requirements.lock" in text
