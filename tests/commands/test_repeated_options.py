"""An option that takes one value is refused where it is given twice: the last would win without a word."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from deid_bench.cli import cli, main
from deid_bench.commands.strict import StrictCommand, StrictGroup


def commands(command: click.Command) -> Iterator[click.Command]:
    context = click.Context(command)
    if not isinstance(command, click.Group):
        yield command
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below)


def test_every_command_is_strict() -> None:
    found = list(commands(cli))
    assert len(found) > 30
    assert {type(each) for each in found} == {StrictCommand}
    context = click.Context(cli)
    groups = [
        each for name in cli.list_commands(context) if isinstance(each := cli.get_command(context, name), click.Group)
    ]
    assert {type(each) for each in groups} == {StrictGroup}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "-m", "masking", "-p", "palm/1.0", "--protocol", "palm/2.0"], "--protocol is given 2 times"),
        (["run", "-m", "masking", "--limit", "2", "--limit=3"], "--limit is given 2 times"),
        (["run", "-m", "masking", "--no-reference", "--reference"], "--reference is given 2 times"),
        (["plan", "-m", "masking", "-o", "a", "-o", "b"], "--out is given 2 times"),
        (["data", "prepare", "palm-mini", "-j", "1", "-j", "2"], "--jobs is given 2 times"),
    ],
)
def test_an_option_given_twice_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_what_may_be_repeated_may(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-m", "masking", "-m", "nobody_knows", "-q", "-q"]) == 2
    assert "nobody_knows" in capsys.readouterr().err
