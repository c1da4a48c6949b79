"""Options mean the same in every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deid_bench.cli import cli

_OTHER_NAMES = {"--output", "--output-dir", "--into", "--install", "--dest", "--to"}
"""What such an option is called elsewhere."""


def _all(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from _all(inner, f"{path} {name}".strip())
    else:
        yield path, command


OPTIONS = [(path, each) for path, command in _all(cli) for each in command.params if isinstance(each, click.Option)]


def test_there_is_one_option_for_where_things_go() -> None:
    found = {path: each for path, each in OPTIONS if {"-o", "--out"} & set(each.opts)}
    assert found.keys() >= {"run", "plan", "work", "deidentify", "new", "score", "pack", "verify", "figures", "tables"}
    assert found.keys() >= {"board", "site"}
    for path, each in found.items():
        assert each.opts == ["--out", "-o"], path
        assert each.name == "out", path
        assert isinstance(each.type, click.Path), path
        assert isinstance(each.type.convert("x", each, None), Path), path
        with pytest.raises(click.BadParameter, match="expected a path, got ''"):
            each.type.convert("", each, None)
        assert each.help, path
        assert not each.multiple, path


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=[f"{path} {each.opts[0]}" for path, each in OPTIONS])
def test_no_option_is_called_otherwise(path: str, option: click.Option) -> None:
    assert not _OTHER_NAMES & set(option.opts)


def test_a_short_name_has_one_long_name() -> None:
    long: dict[str, set[str]] = {}
    for _, each in OPTIONS:
        for short in (name for name in each.opts if len(name) == 2):
            long.setdefault(short, set()).add(max(each.opts, key=len))
    assert {short: names for short, names in long.items() if len(names) > 1} == {}
