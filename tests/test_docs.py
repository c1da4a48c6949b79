"""The pages tell the truth about the commands: every one parses, and what stands in shell blocks runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deid_bench.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = ("first-hour.md", "index.md")
"""Pages whose shell blocks are run, in order, in one folder each; those of the README install: `.ci/run` runs them."""
_COMMAND = re.compile(r"^ {4}(deid-bench .*)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(?:sh|bash|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Page and command, without what explains it on the same line."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in (*_COMMAND.findall(text), *"".join(_BLOCK.findall(text)).splitlines()):
            for part in re.split(r"\s+(?:&&|\|\|?|>|<)\s+", re.split(r" {2,}|\s#\s", line)[0]):
                if part.startswith("deid-bench "):
                    yield page.name, part


@pytest.mark.parametrize(("page", "text"), sorted(set(commands())))
def test_every_command_parses(page: str, text: str) -> None:
    words = shlex.split(text.replace("…", "x"))[1:]
    context = cli.make_context("deid-bench", words, resilient_parsing=False)
    rest = [*context._protected_args, *context.args]
    while isinstance(context.command, click.Group) and rest:
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None, (page, text)
        context = command.make_context(name, rest, parent=context)
        rest = [*context._protected_args, *context.args] if isinstance(command, click.Group) else []


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_shell_blocks_run(page: str, tmp_path: Path) -> None:
    script = "\n".join(_BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    wrapper = tmp_path / "bin" / "deid-bench"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m deid_bench "$@"\n')
    wrapper.chmod(0o755)
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "-e", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{wrapper.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_the_table_of_methods_under_attack_is_that_of_the_reference_rows() -> None:
    script = ROOT / "training" / "reference" / "ladders.py"
    printed = subprocess.run([sys.executable, "-P", script], capture_output=True, text=True, check=True).stdout
    assert printed in (ROOT / "docs" / "attackers.md").read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    """What a link's fragment may name: headings as GitHub writes them."""
    heads = re.findall(r"^#+ +(.+?)\s*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in heads}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_of_pages_outside_of_the_documentation_lead_somewhere(name: str) -> None:
    """Those inside are held by mkdocs."""
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [a or b for a, b in re.findall(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"", text)]
    relative = [each for each in targets if not re.match(r"[a-z]+:", each)]
    assert relative or name == "SECURITY.md"
    for target in relative:
        path, _, fragment = target.partition("#")
        page = ROOT / (path or name)
        assert page.exists(), target
        assert page.resolve().is_relative_to(ROOT.resolve()), target
        assert not fragment or fragment in _anchors(page), target
