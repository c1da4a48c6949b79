"""Plug-in files and the modules that lie beside them (floor 0).

A `FILE.py` may import what lies in its folder, as a script may. Nothing is put on `sys.path`, and no neighbour takes a
name that others could mean: the files of a folder are modules of a package that is named after the folder's path, and
their own import statements, and no others, look into it. So two plug-ins in two folders that both say `import helper`
each get their own.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = "_deid_bench_beside_"
_FOLDERS: dict[str, Path] = {}
"""Folder of plug-in files by the name of its package."""
_SUFFIXES = importlib.machinery.EXTENSION_SUFFIXES
_HASH = "__deid_bench_sha256__"


def load_file(path: Path) -> types.ModuleType:
    """The module of a plug-in file; read anew where it or a neighbour that it uses was edited since.

    Raises:
        FileNotFoundError: there is no such file.
        Exception: whatever the file raises.
    """
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if _edited(_package(path.parent)):
        forget(path)
    package = _package(path.parent)
    name = f"{package}.{path.stem}"
    if not path.stem.isidentifier():
        name = f"{package}.file_{hashlib.sha256(path.name.encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def folder_of(module: str) -> Path | None:
    """The folder of a plug-in file's or its neighbour's module; None for every other module."""
    return _FOLDERS.get(module.partition(".")[0])


def plain_name(module: str) -> str:
    """The name by which a neighbour is imported."""
    return module.partition(".")[2]


def is_beside(folder: Path, name: str) -> bool:
    """Whether an import of this top-level name by a file of the folder means something in the folder.

    Python's own modules and this package are never hidden. A folder without `__init__.py` counts only where nothing of
    that name is installed.
    """
    if name in sys.stdlib_module_names or name == "deid_bench":
        return False
    if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
        return True
    if any((folder / f"{name}{suffix}").is_file() for suffix in _SUFFIXES):
        return True
    return (folder / name).is_dir() and name.isidentifier() and not _installed(name)


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules


def _package(folder: Path) -> str:
    """The package that stands for a folder, made where it is not there yet."""
    name = PREFIX + hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    if name not in sys.modules:
        _FOLDERS[name] = folder
        package = types.ModuleType(name, f"The plug-in files of {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
        if not any(isinstance(each, _Finder) for each in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
    return name


def _members(package: str) -> dict[str, types.ModuleType]:
    prefix = f"{package}."
    names = [name for name in list(sys.modules) if name.startswith(prefix)]  # thousands, at every look at a plug-in
    return {name: sys.modules[name] for name in names if name in sys.modules}


def _edited(package: str) -> bool:
    """Whether a loaded file of the folder is no longer the one that was loaded."""
    for module in _members(package).values():
        known, place = vars(module).get(_HASH), getattr(module, "__file__", None)
        if known is None or place is None:
            continue
        try:
            if hashlib.sha256(Path(place).read_bytes()).hexdigest() != known:
                return True
        except OSError:
            return True
    return False


def forget(path: Path) -> None:
    """Let the next `load_file` read the file, and what lies beside it, anew."""
    package = _package(path.resolve().parent)
    for name in (*_members(package), package):
        sys.modules.pop(name, None)


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads source, never a `.pyc`: that counts as fresh when a file was edited twice within a second."""

    def exec_module(self, module: types.ModuleType) -> None:
        data = self.get_data(self.path)
        code = compile(data, self.path, "exec", dont_inherit=True)
        package = module.__name__.partition(".")[0]
        vars(module)[_HASH] = hashlib.sha256(data).hexdigest()
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _importer(package)}
        exec(code, vars(module))  # noqa: S102 - this is how a module is made of its file


class _Finder:
    """Finds modules below the packages that stand for folders, and no others."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(PREFIX) or path is None:
            return None
        stem = fullname.rpartition(".")[2]
        for folder in map(Path, path):
            for place, inside in ((folder / stem / "__init__.py", [str(folder / stem)]), (folder / f"{stem}.py", None)):
                if place.is_file():
                    return importlib.util.spec_from_file_location(
                        fullname, place, loader=_Loader(fullname, str(place)), submodule_search_locations=inside
                    )
        # Compiled modules and folders without __init__.py.
        return importlib.machinery.PathFinder.find_spec(fullname, list(path))


def _importer(package: str) -> Any:
    """What an import statement of a file in that folder calls."""

    def import_beside(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        top = name.partition(".")[0]
        if level == 0 and is_beside(_FOLDERS[package], top):
            if fromlist:
                return builtins.__import__(f"{package}.{name}", globals, locals, fromlist, 0)
            importlib.import_module(f"{package}.{name}")
            return sys.modules[f"{package}.{top}"]
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    return import_beside
