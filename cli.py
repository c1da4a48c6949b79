"""The command line: it parses, calls and prints (floor 6).

Each command lives in a module of its own that is imported when it is called, so that `deid-bench --help` is quick.

Exit codes: 0 done; 1 done, but something failed or a check did not pass; 2 wrong usage, specification or data layout;
3 data or weights cannot be had; 4 the results folder or the output cannot be written; 70 a bug of ours;
130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

import click

from ._version import __version__
from .characters import plain, sentence
from .plugins.isolation import no_end, way_out

_COMMANDS = {
    "run": "Score de-identification methods and write records and a board.",
    "deidentify": "Apply a method to pictures or folders of them.",
    "plan": "Show what a run would do, and what of it is in the store.",
    "work": "Carry out a part of a plan; run then finishes from the store.",
    "list": "List datasets, analyzers, recognizers, deidentifiers, protocols or metrics.",
    "info": "Show everything about one plug-in, protocol or metric.",
    "explain": "Say what a number means, how it is computed and what to beware of.",
    "check": "Run the contract checks on a plug-in of any kind.",
    "new": "Write a working plug-in package to start from.",
    "weights": "List, fetch, add or verify weight files.",
    "licence": "Show or accept the terms of tools made by others.",
    "data": "List, register, prepare or verify datasets.",
    "score": "Compute new or changed metrics from what records keep.",
    "search": "Search a record's people in a large gallery: rank-k, FNIR at an FPIR.",
    "compare": "Compare two methods on the same samples, number by number.",
    "choose": "Choose the best setting whose worst case stays within a bound.",
    "power": "Say how many people and images a study takes, from a pilot run.",
    "pack": "Pack records, distances and sample images into a submission.",
    "verify": "Check a submission: compute its numbers, and some of its images, anew.",
    "figures": "Draw the papers' figures from records, as PDF, SVG and PNG.",
    "tables": "Write the papers' tables, printed numbers beside measured ones.",
    "board": "Write one offline HTML leaderboard from records.",
    "site": "Write a static leaderboard with a page for each row, method and dataset.",
    "codabench": "Write a bundle that makes a challenge on codabench.org.",
    "store": "Check, measure or clear up the finished work of a results folder.",
    "docs": "List the pages of the documentation, or show one.",
    "doctor": "Check this installation and say what is wrong.",
}

_COMPLETION = "_DEID_BENCH_COMPLETE"
"""Set by the shell when somebody presses the tabulator key."""
EXIT_ENDED = 1
EXIT_USAGE = 2
EXIT_OUTPUT = 4
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
"""What an output stream says that takes no more."""
_REFUSED = (
    *_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.EBUSY, errno.ETXTBSY, errno.ESTALE,
)  # fmt: skip
"""What the system says of a place that it is not for us, or not for files of this name."""
_WRITERS = {
    "mkdir", "makedirs", "touch", "write_text", "write_bytes", "replacing", "rename", "replace", "rmtree", "unlink",
    "mkdtemp", "mkstemp", "copyfile",
}  # fmt: skip
"""Functions that write, whoever calls them."""


class _LazyGroup(click.Group):
    """Knows its commands by name and one line; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"deid_bench.commands.{name}_command")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from .suggestions import suggest

            ctx.fail(f"there is no command {args[0]!r}{suggest(args[0], _COMMANDS, '`deid-bench --help` lists them')}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", prog_name="deid-bench")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    help="Take in the plug-ins of a Python file. Repeatable.",
)
def cli(plugins: tuple[str, ...]) -> None:
    """How well does a de-identification method hide who someone is, and what does it cost the image?

    \b
    deid-bench run --method blurring            score a method on the built-in palms
    deid-bench run --method ./my.py:MyMethod    score your own
    deid-bench list                             what there is
    """
    if plugins:
        from .plugins.entries import registry

        for path in plugins:
            registry().add_file(path)


def main(args: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    if os.environ.get(_COMPLETION):
        cli.main(args=args, prog_name="deid-bench")  # click answers the shell and ends
    try:
        with no_end():
            result = _called(args)
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. What was finished is kept; the same command goes on from there.", err=True)
        return EXIT_INTERRUPTED
    except SystemExit as error:
        _say_error(f"a plug-in has ended this command: {way_out(error)}; what was finished is kept")
        return EXIT_ENDED
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is not None:
            _say_error("\n".join(plain(each, 0) for each in str(error).splitlines()))
            return int(code)
        if (place := _place_refused(error)) is not None:
            return place
        return _output_lost(error) if _is_about_output(error) else _bug(error)
    return result if isinstance(result, int) else 0


def _called(args: list[str] | None) -> Any:
    stdout = sys.stdout
    try:
        return cli.main(args=args, prog_name="deid-bench", standalone_mode=False)
    except SystemExit as error:
        if sys.stdout is stdout and not _nobody_reads(error):
            raise
        return EXIT_ENDED  # click replaces the stream and leaves where nobody reads on, as in `deid-bench list | head`


def _nobody_reads(error: SystemExit) -> bool:
    """Whether rich has left because its output goes into a pipe that is closed."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].name == "on_broken_pipe"


def _show(error: click.ClickException) -> None:
    """As click shows it, with what was typed made harmless: arguments are text from outside, too."""
    shown = io.StringIO()
    error.show(shown)
    click.echo("\n".join(plain(line, 0) for line in shown.getvalue().splitlines()), err=True)


def _say_error(text: str) -> None:
    click.secho("Error: ", fg="red", nl=False, err=True)
    click.echo(text, err=True)


def _bug(error: Exception) -> int:
    """One line on the terminal, and everything that a report needs in a file."""
    import platform
    import tempfile
    import traceback

    trace = "".join(traceback.format_exception(error))
    command = " ".join(map(repr, sys.argv))
    log = f"deid-bench {__version__}, Python {platform.python_version()}, {platform.platform()}\n{command}\n\n{trace}"
    what = sentence(f"{type(error).__name__}: {error}", 200)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="deid-bench-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(log)
    except OSError:
        click.echo(log, err=True)
        _say_error(f"a bug of deid-bench, not of yours ({what}); please report it with what stands above")
    else:
        _say_error(f"a bug of deid-bench, not of yours ({what}); please report it with {plain(file.name, 0)}")
    return EXIT_BUG


def _place_refused(error: Exception) -> int | None:
    """Say which file may not be read or written, where that is all; None: the error is of another kind.

    Whoever opens a file says so in words of its own; this is for what nobody has thought of.
    """
    if not isinstance(error, OSError) or error.errno not in _REFUSED or not isinstance(error.filename, str):
        return None
    written = _was_written(error, error.filename)
    what = "written" if written else "read"
    _say_error(
        f"{plain(error.filename, 0)} cannot be {what} ({error.strerror}); name another place, or change its rights"
    )
    return EXIT_OUTPUT if written else EXIT_USAGE


def _was_written(error: OSError, name: str) -> bool:
    """Whether it was writing that failed: by what the disk says, who called, or that reading would not fail."""
    import traceback

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
        return True
    if any(frame.name in _WRITERS for frame in traceback.extract_tb(error.__traceback__)):
        return True
    if error.errno not in (errno.EACCES, errno.EPERM):
        return False
    path = Path(name)
    try:
        folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return True  # what is not there was to be made
    except OSError:
        return False
    return os.access(path, os.R_OK | os.X_OK if folder else os.R_OK)


def _is_about_output(error: Exception) -> bool:
    """Whether the output stream could not be written: files have errors of their own, which name the file."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _FULL


def _output_lost(error: Exception) -> int:
    """Say why the output is not complete, and let the interpreter's last flush go nowhere."""
    reason = error.strerror if isinstance(error, OSError) else None
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    _say_error(f"the output cannot be written ({reason or error})")
    return EXIT_OUTPUT


def console() -> None:
    """Script entry point: output that cannot be encoded or written degrades, it never raises."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")
    code = main()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _output_lost(error)
    _leave_threads(code)
    sys.exit(code)


def _leave_threads(code: int) -> None:
    """End the process if threads that a plug-in has started would keep it: they cannot be stopped, and nobody waits."""
    import threading

    if threading.active_count() == 1:
        return
    import atexit

    from .plugins.isolation import end_at_once, lingering_threads

    if names := lingering_threads():
        click.echo(f"ended with threads that a plug-in left running: {', '.join(map(plain, names))}", err=True)
        atexit._run_exitfuncs()
        sys.stderr.flush()
        end_at_once(code)
