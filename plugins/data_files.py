"""Files that a plug-in reads beside its code: part of what it is (floor 0)."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..files import hash_if_changed
from .abilities import DeclaresDataFiles
from .specs import PluginError


def declared_files(cls: type[Any]) -> dict[str, Path]:
    """The files that `cls.data_files` names, by their paths below the folder of the class.

    Raises:
        PluginError: it is no sequence of paths below that folder, or one of them names no file.
    """
    named: object = cls.data_files if isinstance(cls, DeclaresDataFiles) else ()
    if isinstance(named, str) or not isinstance(named, Iterable) or not all(isinstance(each, str) for each in named):
        raise PluginError(f"{cls.__name__}.data_files should be a tuple of paths such as ('table.csv',), got {named!r}")
    source = inspect.getsourcefile(cls) if named else None
    if source is None:
        return {}
    folder = Path(source).resolve().parent
    files: dict[str, Path] = {}
    for pattern in named:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise PluginError(f"{cls.__name__}.data_files: expected paths below {folder}, got {pattern!r}")
        found = [each for place in sorted(folder.glob(pattern)) for each in _files(place)]
        if not found:
            raise PluginError(f"{cls.__name__}.data_files names {pattern!r}, but there is no such file in {folder}")
        files |= {each.relative_to(folder).as_posix(): each for each in found}
    return files


def contents(cls: type[Any], paths: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 by name of the declared files, and of those that path parameters name.

    Args:
        cls: a plug-in.
        paths: values of its path parameters; one that does not exist yet has no contents.

    Raises:
        PluginError: a declared file is not there, or one cannot be read.
    """
    files = {f"file {name}": path for name, path in declared_files(cls).items()}
    for name, place in paths.items():
        files |= {f"parameter {name} {each.relative_to(place).as_posix()}": each for each in _files(place)}
    try:
        return {name: hash_if_changed(path) for name, path in files.items()}
    except OSError as error:
        raise PluginError(f"{cls.__name__}: {error.filename} cannot be read: {error.strerror}") from error


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(each for each in place.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return [place] if place.is_file() else []
