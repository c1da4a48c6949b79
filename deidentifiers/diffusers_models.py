"""What methods share that run networks of diffusers: finding, hashing and reading their folders, and the device."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..weights.files import WeightsError, offline
from ..weights.hub import HubError, hub_folder

T = TypeVar("T")
R = TypeVar("R")

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class OutOfMemory(RuntimeError):
    """The device has no room for a single image."""


def in_batch(call: Callable[[list[T]], Sequence[R]], items: Sequence[T], size: int, hint: str) -> tuple[list[R], int]:
    """Let networks see the first `size` items, a short batch filled up with copies of its last.

    After the device ran out of memory the batch is halved, again and again.

    Returns:
        The results of as many items as went in, at least one; and the size to go on with.

    Raises:
        OutOfMemory: not even one item fits; the message is `hint`.
    """
    import torch

    while True:
        chunk = list(items[:size])
        try:
            return list(call(chunk + [chunk[-1]] * (size - len(chunk))))[: len(chunk)], size
        except torch.cuda.OutOfMemoryError as error:
            if size == 1:
                raise OutOfMemory(hint) from error
            size //= 2
        torch.cuda.empty_cache()  # outside the handler, where the failed call's tensors are no longer held


def local_folder(name: str, parameter: str, packaged: str, files: Sequence[str]) -> Path:
    """A folder of the user's, or that of a Hugging Face id, fetched when it is not cached.

    Args:
        name: path or id.
        parameter: what the user calls it.
        packaged: the name of what ships, for the error message.
        files: to fetch.

    Raises:
        WeightsError: it is neither, or cannot be had.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(name):
        raise WeightsError(f"expected {parameter} to be {packaged}, a folder or a Hugging Face id, got {name!r}")
    try:
        return hub_folder(name, files, offline=offline())
    except HubError as error:
        raise WeightsError(
            f"{parameter} {name!r}: it is no folder here and could not be had from Hugging Face: {error}. "
            f"Fetch it on another machine and give the folder: {parameter}=FOLDER"
        ) from error


def read_network(kind: Any, folder: Path) -> Any:
    """A network by its class's `from_pretrained`; nothing in it is left as it was drawn.

    Raises:
        WeightsError: a file is damaged, or of another network.
    """
    import torch

    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            network, report = kind.from_pretrained(str(folder), local_files_only=True, output_loading_info=True)
    except Exception as error:  # damaged files raise nearly anything
        raise WeightsError(f"{folder} cannot be read: {type(error).__name__}: {error}") from error
    # Positions are numbers from 0, which older files do not hold.
    missing = [name for name in report["missing_keys"] if not name.endswith("position_ids")]
    if wrong := sorted(map(str, [*missing, *report.get("mismatched_keys", ())])):
        raise WeightsError(f"{folder}: {len(wrong)} tensors are missing or of another shape, first {wrong[0]}")
    return network


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the notes, warnings and bars of diffusers and transformers for a while; errors still come through."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    logs: tuple[Any, ...] = (diffusers_logging, transformers_logging)
    levels = [each.get_verbosity() for each in logs]
    bars = [each.is_progress_bar_enabled() for each in logs]
    for each in logs:
        each.set_verbosity(50)
        each.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level, bar in zip(logs, levels, bars, strict=True):
            each.set_verbosity(level)
            if bar:
                each.enable_progress_bar()
