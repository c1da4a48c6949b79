"""Commands that take every option once, unless they say that it may be repeated.

Of two values of one option click takes the last and says nothing; whoever gave two meant both, or the other.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import click


class StrictCommand(click.Command):
    """Refuses an option that is given twice."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)


class StrictGroup(click.Group):
    """A group of such commands."""

    command_class = StrictCommand


def strict_command(name: str, **settings: Any) -> Callable[[Callable[..., Any]], StrictCommand]:
    """As `click.command`."""
    return click.command(name, cls=StrictCommand, **settings)


def strict_group(name: str, **settings: Any) -> Callable[[Callable[..., Any]], StrictGroup]:
    """As `click.group`."""
    return click.group(name, cls=StrictGroup, **settings)


def _refuse_repeated(command: click.Command, ctx: click.Context, args: list[str]) -> None:
    order: list[click.Parameter] = []
    with contextlib.suppress(click.UsageError):  # which is said when they are parsed
        order = command.make_parser(ctx).parse_args(args=list(args))[2]
    for option, count in Counter(order).items():
        # A plain flag says the same twice; one with an opposite may not.
        if isinstance(option, click.Option) and count > 1 and not option.multiple and not option.count:
            if option.is_flag and not option.secondary_opts:
                continue
            name = max(option.opts, key=len)
            raise click.UsageError(f"{name} is given {count} times, and can have one value; give it once", ctx)
