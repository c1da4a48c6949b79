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

from deid_bench.benchmark.plugin_checks.scaffold import SCAFFOLDS, write_package
from deid_bench.cli import cli, main
from deid_bench.plugins.kinds import CONTRACTS, Kind

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


def test_ci_runs_every_shell_block_of_the_readme() -> None:
    """By a word in it: were it by its number, a block put before the tests' would take their place without a word."""
    blocks = _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    asked = re.findall(r"readme_command\.py (\w+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    script = [sys.executable, "-P", str(ROOT / ".ci" / "readme_command.py")]
    printed = [subprocess.check_output([*script, each], cwd=ROOT, text=True) for each in asked]
    assert printed == blocks
    assert "&& tox" in blocks[-1]
    assert subprocess.run([*script, "nothing"], cwd=ROOT, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("kind", SCAFFOLDS)
def test_the_page_of_a_kind_shows_what_new_writes_and_that_passes(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = SCAFFOLDS[kind].word
    (page,) = (ROOT / "docs").glob(f"writing-*-{word}.md")
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    written = write_package(kind, f"own_{word}", tmp_path) / "src" / f"own_{word}" / f"{word}.py"  # tests have a my_…
    assert [
        re.sub(r"\b(m)y(?=[-_])|\b(M)y(?=[A-Z])", lambda found: "own" if found[1] else "Own", each) for each in code
    ] == [written.read_text(encoding="utf-8")]
    monkeypatch.chdir(tmp_path)
    Path(f"my_{word}.py").write_text(code[0], encoding="utf-8")
    (check,) = (line for line in _COMMAND.findall(text) if line.startswith("deid-bench check "))
    assert main(shlex.split(check)[1:]) == 0


def test_every_kind_stands_in_the_table_of_kinds() -> None:
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for kind, contract in CONTRACTS.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {kind} | `{contract.group}` |"))
        assert all(f"`{method}`" in row for method in contract.methods)
        assert f"writing-a-{SCAFFOLDS[kind].word}.md" in row.replace("writing-an-", "writing-a-")


@pytest.mark.parametrize("name", sorted(each.name for each in (ROOT / "docs").iterdir() if each.is_file()))
def test_every_page_is_in_the_navigation_and_in_the_readme(name: str) -> None:
    if name.endswith(".md"):
        assert re.search(rf"[ :-] {re.escape(name)}$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    if name != "index.md":  # of the site, as the README is of the repository
        assert f"(docs/{name})" in (ROOT / "README.md").read_text(encoding="utf-8")


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
