"""A plug-in that fails outside of any task: said in half a sentence, and never a bug of ours."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .isolation import no_end, output_on_stderr, own_folder, way_out
from .kinds import CONTRACTS, Kind
from .process_state import Change, keeping, own_process
from .specs import PluginError


def said(error: BaseException) -> str:
    """An import's, a constructor's or a call's failure in half a sentence."""
    if isinstance(error, SystemExit):
        return way_out(error)
    try:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except KeyboardInterrupt:
        raise
    except BaseException:  # it cannot even say what it is about
        text = type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        text += " (install it, put it beside the plug-in's file, or put its folder on PYTHONPATH)"
    return text


@contextmanager
def at_work(name: str, *, ours: bool) -> Iterator[None]:
    """For code of a plug-in that runs outside of any task: in its own state, and a failure is its own.

    Args:
        name: of the plug-in.
        ours: it ships with deid-bench, so that what nobody has foreseen is a bug of ours.

    Raises:
        PluginError: it failed; errors that say what is missing come through as they are.
    """
    try:
        with own_process(), own_folder(), output_on_stderr(), no_end():
            yield
    except (Exception, SystemExit) as error:
        if (ours and isinstance(error, Exception)) or getattr(error, "exit_code", None) is not None:
            raise
        raise PluginError(f"{name}: {said(error)}") from error


@contextmanager
def loading(key: str, under: Sequence[Change] = ()) -> Iterator[None]:
    """For importing and building plug-ins: what that changes in the process is kept for the plug-in's own calls.

    Args:
        key: what is imported or built.
        under: changes that are in force inside.

    Raises:
        ProcessEnd: it called `os._exit`.
    """
    with keeping(key, under), own_folder(), output_on_stderr(), no_end():
        yield


def check_class(kind: Kind, name: str, target: str, found: object) -> type[Any]:
    """What lies at a target, as a class that keeps its kind's contract as far as its names tell.

    Raises:
        PluginError: it is none.
    """
    contract = CONTRACTS[kind]
    if not inspect.isclass(found):
        raise PluginError(f"{kind} {name!r}: expected a class at {target}, got {found!r}")
    lacking = [each for each in ("info", *contract.methods) if not hasattr(found, each)]
    if lacking:
        raise PluginError(
            f"{target} is not a {kind}: it lacks {', '.join(lacking)}; a {kind} has info, {', '.join(contract.methods)}"
        )
    info: Any = found.info  # type: ignore[attr-defined]
    silent = [each for each in contract.said if not isinstance(getattr(info, each, None), str)]
    if silent:
        raise PluginError(
            f"{target}: expected info to be a {contract.info}, got {type(info).__name__} that does not say "
            f"{', '.join(silent)}"
        )
    return found
