"""What a cell still puts into the store: how large each object will be that is not there yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from statistics import median

from ...datasets.base import Sample
from ...datasets.image_parts import pixels_alone
from ...datasets.images import open_image, pillow_formats
from ..storage.journal import Timing
from ..storage.store import Store
from .cells import Cell
from .shipped_times import Key, key_of
from .tasks import Stage, Task

SOME = 99
"""So many objects of a kind are looked at."""
IMAGE_BYTES = 1.5
"""Of PNG, for each pixel of a photograph: the guess where the store holds none of the method's images yet."""
WRAPPING = 497
"""Bytes of an object beside its array: names, checksums, the seal."""
ANALYSIS = 1930
"""Bytes of an analysis of a hand beside its mask, which has a bit for each pixel; that of a face has less."""
TEMPLATE = 1500
"""Bytes of a template of a recogniser of which nothing is known."""
NUMBER = 360
"""Bytes of an object that holds one number."""
SIZES: Mapping[Key, int] = {
    ("between", ""): NUMBER,
    ("embed", "bocv"): 1263,
    ("embed", "ccnet"): 1519,
    ("embed", "compcode"): 879,
    ("embed", "eehnet_style"): 1519,
    ("embed", "hand_geometry"): 527,
    ("embed", "mobilefacenet"): 1007,
    ("embed", "mtcc"): 2031,
    ("embed", "ordinal"): 879,
    ("features", ""): 16879,
    ("look", ""): 4883,
    ("measure", ""): 675,
}
"""Bytes of objects of the built-in plug-ins, by stage and name, as runs have left them."""


def bytes_ahead(
    cell: Cell, planned: Mapping[str, Sequence[Task]], store: Store, journal: Iterable[Timing]
) -> dict[str, int]:
    """Bytes of every object that is not in the store, by digest.

    An object counts as those of its group that are there do, by their median; where there is none, as others of its
    kind in the store whose size does not depend on the dataset; else as they came out elsewhere. Comparisons take 4
    bytes each.

    Args:
        cell: planned.
        planned: its tasks by group.
        store: of the results folder; it need not exist.
        journal: its times, which name the kinds of objects.
    """
    elsewhere = _by_kind(journal)
    pixels = _pixels_of(cell)
    known: dict[Key, int | None] = {}

    def of_kind(task: Task) -> int:
        if task.kind not in known:
            known[task.kind] = _typical(store, elsewhere.get(task.kind, ()))
        return known[task.kind] or _shipped(task, pixels)

    found: dict[str, int] = {}
    for tasks in planned.values():
        there = {each.digest for each in tasks if store.has(each.digest)}
        ahead = [each for each in tasks if each.digest not in there]
        groups: dict[Key, list[str]] = defaultdict(list)
        for each in tasks:
            if each.digest in there:
                groups[each.kind].append(each.digest)
        usual = {kind: _typical(store, digests) for kind, digests in groups.items()} if ahead else {}
        for each in ahead:
            found[each.digest] = _of_block(each) if each.split else usual.get(each.kind) or of_kind(each)
    return found


def _of_block(task: Task) -> int:
    return WRAPPING + 4 * task.split * (len(task.inputs) - task.split)


_BY_DATASET = (Stage.ANALYZE.value, Stage.CROP.value, Stage.DEIDENTIFY.value)
"""Stages whose objects are as large as the images."""


def _by_kind(journal: Iterable[Timing]) -> dict[Key, list[str]]:
    """Digests of tasks that were carried out; of objects as large as images none, which may be of another dataset."""
    found: dict[Key, list[str]] = defaultdict(list)
    for each in journal:
        if each.stage not in _BY_DATASET and len(found[each.stage, each.plugin]) < SOME:
            found[each.stage, each.plugin].append(each.digest)
    return found


def _typical(store: Store, digests: Iterable[str]) -> int | None:
    """Bytes of one of these objects, or None where none is there."""
    sizes = [path.stat().st_size for path in map(store.path, islice(digests, SOME)) if path.is_file()]
    return int(median(sizes)) if sizes else None


def _shipped(task: Task, pixels: Callable[[], int]) -> int:
    if task.stage is Stage.DEIDENTIFY:
        return int(IMAGE_BYTES * pixels())
    if task.stage is Stage.ANALYZE:
        return ANALYSIS + pixels() // 8
    if task.stage is Stage.CROP:
        return ANALYSIS + task.size**2 // 8 + int(IMAGE_BYTES * task.size**2)
    if task.stage is Stage.METRIC:
        return NUMBER
    return SIZES.get(key_of(*task.kind), TEMPLATE)


def _pixels_of(cell: Cell) -> Callable[[], int]:
    """Asks for the pixels of an image as methods get it, once and only where that is needed."""
    rule = cell.protocol.crop

    @cache
    def pixels() -> int:
        if rule is not None:
            return rule.size**2
        return next((each for each in map(_pixels, cell.samples) if each), 0)

    return pixels


def _pixels(sample: Sample) -> int:
    """Of an image, by its header; 0 where that cannot be read, which is the run's to say."""
    from PIL import Image

    try:
        with open_image(sample.path) as stream, Image.open(pixels_alone(stream), formats=pillow_formats()) as image:
            return image.width * image.height
    except Exception:  # of files that are no images Pillow raises nearly everything
        return 0
