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
"""Pages whose shell blocks are run, in order, in one folder each; the README's are what CI begins with."""
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
