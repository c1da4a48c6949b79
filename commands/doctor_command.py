"""`deid-bench doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from .strict import strict_command


@strict_command("doctor")
def command() -> int:
    """Check this installation and say what is wrong and what to do."""
    problems = 0
    for name, check in _CHECKS.items():
        try:
            text, good = check()
        except Exception as error:
            text, good = f"{type(error).__name__}: {error}", False
        problems += not good
        mark = click.style("ok  ", fg="green") if good else click.style("BAD ", fg="red")
        click.echo(f"{mark} {name}: {text}")
    for text in _broken_plugins():
        problems += 1
        click.echo(f"{click.style('BAD ', fg='red')} plug-in: {text}")
    return 1 if problems else 0


def _python() -> tuple[str, bool]:
    import platform

    from ..benchmark.storage.host import packages

    found = packages()
    return f"Python {platform.python_version()}, " + ", ".join(f"{n} {v}" for n, v in found.items()), True


def _opencv() -> tuple[str, bool]:
    import cv2

    major = int(cv2.__version__.split(".")[0])
    good = major < 5 and hasattr(cv2, "grabCut")
    return f"OpenCV {cv2.__version__}" + ("" if good else ': install "opencv-python-headless<5"'), good


def _torch() -> tuple[str, bool]:
    """deid-bench needs no torchvision, but one that does not fit its torch breaks other programs."""
    import importlib
    import importlib.metadata
    import importlib.util

    version = importlib.metadata.version("torch")
    if importlib.util.find_spec("torchvision") is None:
        return version, True
    try:
        importlib.import_module("torchvision")
    except (RuntimeError, ImportError, OSError) as error:
        return f"{version}; the torchvision beside it does not fit ({error}): it is left aside", True
    return f"{version} with a matching torchvision", True


def _weights() -> tuple[str, bool]:
    from ..weights.files import all_specs, status

    states = [status(spec.name) for spec in all_specs()]
    text = ", ".join(f"{each.name} {each.state}" for each in states)
    absent = any(each.state == "absent" for each in states)
    return text + (" (absent ones are fetched when needed)" * absent), all(each.state != "damaged" for each in states)


def _folder() -> tuple[str, bool]:
    import os

    return f"{Path.cwd()} can be written", os.access(Path.cwd(), os.W_OK)


def _rootpath() -> tuple[str, bool]:
    """A bare `datasets` on the path would be taken for another package's by libraries that import it."""
    import importlib.util

    spec = importlib.util.find_spec("datasets")
    home = Path(__file__).resolve().parent.parent
    if spec is not None and spec.origin and Path(spec.origin).resolve().is_relative_to(home):
        return f"{home} stands on sys.path: its rooms hide packages of the same names; start from another folder", False
    return "the package's rooms do not stand bare on sys.path", True


_CHECKS: dict[str, Callable[[], tuple[str, bool]]] = {
    "versions": _python,
    "opencv": _opencv,
    "torch": _torch,
    "weights": _weights,
    "folder": _folder,
    "import path": _rootpath,
}


def _broken_plugins() -> Iterator[str]:
    from ..plugins.entries import Kind, PluginError, registry

    for kind in Kind:
        for entry in registry().entries(kind).values():
            try:
                entry.load()
            except PluginError as error:
                yield str(error)
