"""Tasks: frozen descriptions of one piece of work, with a digest that covers everything its result depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...datasets.base import Sample
from ...datasets.images import decode_png, decode_stream, open_image
from ...datasets.types import Aspect, Image
from ...deidentifiers.base import ChoosesKnowledge
from ...files import sha256_of_open
from ...plugins.abilities import ChoosesWeights
from ...plugins.entries import PluginRef, Resolved
from ..protocols import CropRule
from ..storage.digest import digest
from ..storage.store import Store


class Stage(StrEnum):
    """The steps of a run, in order."""

    ANALYZE = "analyze"
    CROP = "crop"
    DEIDENTIFY = "deidentify"
    EMBED = "embed"
    MEASURE = "measure"
    LOOK = "look"
    PERCEIVE = "perceive"
    BETWEEN = "between"
    FEATURES = "features"
    FLOOR = "floor"
    METRIC = "metric"
    COMPARE = "compare"
    RESTORE = "restore"
    ADAPT = "adapt"
    MATCH = "match"
    LAYER = "layer"
    ENCODE = "encode"
    FIT = "fit"


STAGE_VERSIONS: Mapping[Stage, int] = {**dict.fromkeys(Stage, 1), Stage.PERCEIVE: 2}
"""Raised whenever the harness's own part of a stage changes its results."""

UNRESTORED = "not restored: "
"""Begins the reason why an image has no template that a light task was to make."""
RESTORING = "restoring: "
"""Begins what was remarked on the restorer at work in a light task."""

COMPARE_ROWS = 256
"""Rows of a distance matrix that one compare task computes."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image by reference: a file of a dataset, `image.png` of a stored object, or what a light task makes."""

    key: tuple[str, str]
    """("file", sha256) or ("object", digest): what the image is, not where it lies, and how a file is decoded."""
    path: str = ""
    bits: int = 0
    """Of a file, as in `Sample.bits`."""
    recipe: Task | None = None
    """Of an image that is made anew wherever it is needed: the restore task that makes it."""

    @staticmethod
    def of(sample: Sample) -> ImageRef:
        kind = f"file of {sample.bits} bits" if sample.bits else "file"
        return ImageRef((kind, sample.sha256), str(Path(sample.path).absolute()), sample.bits)

    @staticmethod
    def stored(task_digest: str) -> ImageRef:
        return ImageRef(("object", task_digest))

    @staticmethod
    def made_by(task: Task) -> ImageRef:
        """What a task makes that takes less time than to read it back."""
        return ImageRef(("object", task.digest), recipe=task)

    @property
    def reads(self) -> frozenset[str]:
        """Digests of the objects that it is, or is made of."""
        if self.recipe is not None:
            return self.recipe.reads
        return frozenset((self.key[1],) if self.key[0] == "object" else ())

    def load(self, store: Store) -> Image:
        """Decode the image.

        Raises:
            ImageError: the file cannot be decoded.
            OSError: the file cannot be read.
            LookupError: the object is gone, or the file is no longer the one that was listed.
        """
        if self.path:
            path = Path(self.path)
            with open_image(path) as stream:
                if sha256_of_open(stream) != self.key[1]:
                    raise LookupError("the file has changed since the dataset was listed; run the same command again")
                return decode_stream(stream, path.name, self.bits)
        payload = store.read(self.key[1])
        if payload is None or "image.png" not in payload.blobs:
            raise LookupError(f"object {self.key[1][:12]} holds no image")
        return decode_png(payload.blobs["image.png"])


@dataclass(frozen=True, slots=True)
class Task:
    """One object to be made."""

    stage: Stage
    digest: str
    label: str
    """What it is about, for messages."""
    plugin: PluginRef | None = None
    images: tuple[ImageRef, ...] = ()
    inputs: tuple[str | None, ...] = ()
    """Digests of the objects it reads; None for one that could not be made."""
    seed: int | None = None
    split: int = 0
    """Compare and match tasks: how many of `inputs` are rows; the rest are columns. Adapt tasks: how many are of
    originals. Restore tasks: 1 where the first of them is what was fitted."""
    network: str = ""
    """Features tasks: which network; perceive tasks: which ones, joined by `+`."""
    size: int = 0
    """Crop tasks: side of the crop in px."""
    targets: int = 0
    """De-identify tasks: how many of the last images are targets."""
    aspect: Aspect | None = None
    """De-identify tasks: see `Request.aspect`."""
    method: PluginRef | None = None
    """Restore, encode and fit tasks: the method that made the images."""
    recognizer: PluginRef | None = None
    """Adapt tasks of parts that train a recogniser's last layer: which recogniser."""
    labels: tuple[int, ...] = ()
    """Adapt and fit tasks: number of the person that each input, or pair of images, shows."""

    @property
    def pairs(self) -> int:
        """Compare tasks: pairs of templates, each once where a set is compared with itself. 1 for other tasks."""
        if not self.split:
            return 1
        own = self.inputs[: self.split] == self.inputs[self.split : 2 * self.split]
        whole = self.split * (len(self.inputs) - self.split)
        return max(1, whole - (self.split * (self.split + 1) // 2 if own else 0))

    @property
    def kind(self) -> tuple[str, str]:
        """Tasks of one kind take about as long: the stage, and what is at work."""
        return self.stage.value, "" if self.plugin is None else repr(self.plugin.spec)

    @property
    def reads(self) -> frozenset[str]:
        """Digests of the objects it needs."""
        own = frozenset(each for each in self.inputs if each is not None)
        return own.union(*(each.reads for each in self.images))


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of a task. Done means: the object lies in the store."""

    digest: str
    problem: str | None
    """None when done; otherwise why not."""
    seconds: float
    fatal: str | None = None
    """The run cannot go on (disk full, store gone)."""
    peak_mb: float = 0.0
    """Largest resident size so far of the process that did it."""
    failure: str | None = None
    """What the object says could not be done; see `Payload.failure`."""
    remarks: tuple[str, ...] = ()
    """What was noticed about the plug-in, though it gave a result; see `Payload.remarks`."""
    lost: tuple[str, ...] = ()
    """Digests of objects it needs that are gone or damaged: nothing was stored, and it may be tried once more."""
    found: bool = False
    """Another process had made the object meanwhile; no time was spent on it."""
    again: bool = False
    """It was done before; a second process has noticed something about the plug-in."""


class Plugin:
    """A resolved plug-in with its weights: what digests and tasks need of it.

    Of a plug-in that is `ChoosesWeights`, what it says takes the place of `weights`.
    """

    def __init__(self, resolved: Resolved, weights: Mapping[str, str]) -> None:
        self.resolved = resolved
        cls = resolved.cls
        with resolved.at_work():
            self.weights = dict(cls.weight_hashes(resolved.params) if isinstance(cls, ChoosesWeights) else weights)
        self.digest = digest({**resolved.fields(), "weights": self.weights})

    @property
    def knowledge(self) -> str:
        """What a method assumes to know: what it chooses (`ChoosesKnowledge`), else what its description says."""
        cls = self.resolved.cls
        with self.resolved.at_work():
            return str(
                cls.knowledge_of(self.resolved.params) if isinstance(cls, ChoosesKnowledge) else self.info.knowledge
            )

    @property
    def ref(self) -> PluginRef:
        return self.resolved.ref

    @property
    def info(self) -> Any:
        return self.resolved.info


def plugin_of(resolved: Resolved) -> Plugin:
    """A resolved plug-in with the hashes of its weights."""
    from ...weights.files import digest as weight_digest

    return Plugin(resolved, {name: weight_digest(name) for name in getattr(resolved.info, "weights", ())})


def _task(stage: Stage, label: str, key: dict[str, Any], **fields: Any) -> Task:
    return Task(stage, digest({"stage": stage.value, "version": STAGE_VERSIONS[stage], **key}), label, **fields)


def analyze_task(label: str, image: ImageRef, analyzer: Plugin) -> Task:
    """Find the hand or the face in an image."""
    key = {"image": image.key, "plugin": analyzer.digest}
    return _task(Stage.ANALYZE, label, key, plugin=analyzer.ref, images=(image,))


def crop_task(label: str, image: ImageRef, analysis: str, rule: CropRule) -> Task:
    """Cut the aligned face out of an image; `analysis` is the digest of an analyze task.

    What it makes holds both the crop and the analysis moved into it, so that its digest stands for either.
    """
    key = {"image": image.key, "inputs": (analysis,), "template": rule.template, "size": rule.size}
    return _task(Stage.CROP, label, key, images=(image,), inputs=(analysis,), size=rule.size)


Located = tuple[ImageRef, str]
"""An image and the digest of its analysis."""


def deidentify_task(
    label: str,
    image: ImageRef,
    analysis: str,
    method: Plugin,
    seed: int,
    donor: Located | None = None,
    targets: Sequence[Located] = (),
    sample: Sample | None = None,
) -> Task:
    """De-identify an image; `analysis`, the donor's and the targets' are digests of analyze or crop tasks.

    The method is told which side of the hand the dataset says the sample shows.
    """
    shown = [(image, analysis), *([] if donor is None else [donor]), *targets]
    images, inputs = tuple(each for each, _ in shown), tuple(each for _, each in shown)
    aspect = None if sample is None else sample.aspect
    said = {"aspect": aspect} if aspect == "dorsal" else {}
    key = {"images": [each.key for each in images], "inputs": inputs, "plugin": method.digest, "seed": seed, **said}
    return _task(
        Stage.DEIDENTIFY,
        label,
        key,
        plugin=method.ref,
        images=images,
        inputs=inputs,
        seed=seed,
        targets=len(targets),
        aspect=aspect,
    )


def embed_task(label: str, image: ImageRef, analyses: tuple[str, ...], recognizer: Plugin) -> Task:
    """Align and embed; the first of `analyses` that found a hand or face says where."""
    key = {"image": image.key, "inputs": analyses, "plugin": recognizer.digest}
    return _task(Stage.EMBED, label, key, plugin=recognizer.ref, images=(image,), inputs=analyses)


def measure_task(
    label: str, original: ImageRef, deidentify: str, analyses: tuple[str, str], located: str | None = None
) -> Task:
    """Image quality and usability drift of one de-identified image (made by task `deidentify`) against its original.

    `analyses` are those of original and de-identified image; `located`, where the original is a crop, is what
    recognisers align it by.
    """
    images = (original, ImageRef.stored(deidentify))
    inputs = (*analyses, deidentify, *([] if located is None else [located]))
    key = {"images": [each.key for each in images], "inputs": inputs}
    return _task(Stage.MEASURE, label, key, images=images, inputs=inputs)


def look_task(label: str, original: ImageRef, deidentify: str, weights: Mapping[str, str]) -> Task:
    """LPIPS with AlexNet of one de-identified image against its original, and AlexNet's features of both."""
    images = (original, ImageRef.stored(deidentify))
    key = {"images": [each.key for each in images], "weights": dict(weights)}
    return _task(Stage.LOOK, label, key, images=images)


def perceive_task(label: str, original: ImageRef, deidentify: str, weights: Mapping[str, str]) -> Task:
    """LPIPS and its kin of one de-identified image against its original; `weights`: hashes of the networks at hand."""
    images = (original, ImageRef.stored(deidentify))
    key = {"images": [each.key for each in images], "weights": dict(weights)}
    nets = "+".join(name.removeprefix("lpips-") for name in weights)
    return _task(Stage.PERCEIVE, label, key, images=images, inputs=(deidentify,), network=nets)


def between_task(label: str, first: str, second: str, weights: Mapping[str, str]) -> Task:
    """LPIPS between two de-identified versions of one image, by the digests of the tasks that make them."""
    images = (ImageRef.stored(first), ImageRef.stored(second))
    key = {"images": [each.key for each in images], "weights": dict(weights)}
    return _task(Stage.BETWEEN, label, key, images=images)


def features_task(
    label: str, image: ImageRef, network: str, weights: Mapping[str, str], boxed_by: str | None = None
) -> Task:
    """Features of one image by one network, for distances between sets of images.

    With `boxed_by`, the digest of a de-identify task, only the box around what that may repaint is looked at.
    """
    key = {"image": image.key, "network": network, "weights": dict(weights), "boxed_by": boxed_by}
    inputs = (boxed_by,) if boxed_by else ()
    return _task(Stage.FEATURES, label, key, images=(image,), inputs=inputs, network=network)


def floor_task(label: str, image: ImageRef, analysis: str, analyzer: Plugin) -> Task:
    """The analyzer's own noise: drift after the image was saved once as JPEG."""
    key = {"image": image.key, "inputs": (analysis,), "plugin": analyzer.digest}
    return _task(Stage.FLOOR, label, key, plugin=analyzer.ref, images=(image,), inputs=(analysis,))


def metric_task(label: str, original: ImageRef, deidentify: str, analysis: str, metric: Plugin) -> Task:
    """A user's metric of one de-identified image against its original, whose analysis is named."""
    images = (original, ImageRef.stored(deidentify))
    key = {"images": [each.key for each in images], "inputs": (analysis,), "plugin": metric.digest}
    return _task(Stage.METRIC, label, key, plugin=metric.ref, images=images, inputs=(analysis,))


def compare_tasks(
    label: str, rows: Sequence[str | None], columns: Sequence[str | None], recognizer: Plugin
) -> list[Task]:
    """All distances rows x columns, in blocks of rows; both are digests of embed tasks.

    Distances within one set are computed once for each pair: a block leaves out the columns of the blocks above it.
    `results.blocks.join_blocks` puts the blocks together.
    """
    tasks = []
    within = list(rows) == list(columns)
    for start in range(0, len(rows), COMPARE_ROWS):
        block, others = tuple(rows[start : start + COMPARE_ROWS]), columns[start:] if within else columns
        key = {"rows": block, "columns": others, "plugin": recognizer.digest}
        fields: dict[str, Any] = {"plugin": recognizer.ref, "inputs": (*block, *others), "split": len(block)}
        tasks.append(_task(Stage.COMPARE, label, key, **fields))
    return tasks
