"""A dataset made ready: its samples, what it passes over, and what it is called in everything that is written."""

from __future__ import annotations

import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...datasets.base import (
    Dataset,
    DatasetInfo,
    HasLabel,
    HasNotes,
    HidesPlaces,
    NamesPassedOver,
    PassesOver,
    RenamesPeople,
    Sample,
)
from ...datasets.frames import files_of_several
from ...datasets.manifest import alike_names, check_samples, manifest_digest, under_two_identities, without_copies
from ...datasets.sample_depth import narrow_note
from ...files import PathError, expanded, is_folder
from ...plugins.entries import Kind, Resolved, Scalar, registry
from ...plugins.specs import Spec
from ..storage.lock import Notice
from .preparation import one_at_a_time

COPY = "byte-equal copy of another image of the same identity"
_NAMED = 3
_ROLES = frozenset({"gallery", "probe"})
"""What stands as the session of sets that know who is to be asked, and not when a picture was taken."""


@dataclass(frozen=True, eq=False)
class LoadedDataset:
    """A dataset that is ready, with its samples."""

    plugin: Resolved
    info: DatasetInfo
    """Of the instance: a parameter may decide the modality."""
    samples: tuple[Sample, ...]
    digest: str
    label: str = ""
    """What a dataset that lies in a user's folder is called; empty: its parameters tell."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Files, folders and lines that are not used, by reason."""
    passed_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The first names of these, by reason."""
    notes: tuple[str, ...] = ()
    """What has to be known about the images before a number is believed; sentences."""
    limited: bool = False
    """People were left out by a limit: such a set is for a first look, and comparable to nothing."""

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the parameters that say where something lies on this machine."""
        cls: object = self.plugin.cls
        return cls.places if isinstance(cls, HidesPlaces) else ()

    @property
    def params(self) -> Mapping[str, Scalar]:
        """The parameters without those that say where something lies on this machine."""
        kept = {key: value for key, value in self.plugin.params.items() if key not in self.places}
        return kept | ({"name": self.label} if self.label and "name" in kept else {})

    @property
    def spec(self) -> str:
        """The specification as it stands in records: without places."""
        given = dict(self.plugin.spec.params)
        if self.label and "name" in self.plugin.params:
            given["name"] = self.label
        return str(Spec(self.plugin.name, tuple((key, given[key]) for key in self.params if key in given)))


def dataset_spec(spec: str | Spec) -> Spec:
    """A specification, read; the path of a folder stands for `folder:path=…`, unless a dataset is called so.

    Raises:
        PluginError: it is malformed.
        PathError: it is a path that may not be looked at, or of a user that there is not.
    """
    text = spec if isinstance(spec, str) else spec.target
    if text not in registry().entries(Kind.DATASET):
        if is_folder(expanded(text)):
            params = () if isinstance(spec, str) else spec.params
            return Spec("folder", (("path", text), *params))
        if {os.sep, "/"} & set(text) and ":" not in text:
            raise PathError(f"there is no folder {text}; name one that is there, or a dataset of `deid-bench list`")
    return Spec.parse(spec) if isinstance(spec, str) else spec


def load_dataset(
    spec: str | Spec,
    limit: int,
    jobs: int,
    progress: Callable[[int, int], None] | None,
    notice: Notice | None = None,
) -> LoadedDataset:
    """Resolve, prepare and check a dataset.

    Args:
        spec: its specification, or the path of a folder.
        limit: take the first so many identities; 0: all.
        jobs: threads or processes for preparing it.
        progress: called with (done, total) meanwhile.
        notice: is told once where another run prepares the same dataset, and is waited for.

    Raises:
        PluginError, DatasetError: it cannot be used.
    """
    resolved = registry().resolve(Kind.DATASET, dataset_spec(spec))
    dataset: Dataset = resolved.create()
    with one_at_a_time(str(resolved.spec), notice), resolved.at_work():
        dataset.prepare(jobs, progress)
        everything = tuple(dataset.samples())
        check_samples(everything)
        passed = dict(dataset.ignored) if isinstance(dataset, PassesOver) else {}
        names = dict(dataset.ignored_names) if isinstance(dataset, NamesPassedOver) else {}
        written = dict(dataset.written) if isinstance(dataset, RenamesPeople) else {}
        notes = [*dataset.notes] if isinstance(dataset, HasNotes) else []
        label = str(dataset.label) if isinstance(dataset, HasLabel) else ""
    samples, copies = without_copies(everything)
    if copies:
        passed[COPY] = len(copies)
        names[COPY] = tuple(f"{name} = {first}" for name, first in copies.items())
        shown = _first_few(names[COPY])
        notes.append(f"not used, because byte-equal to another image of the same identity: {len(copies)} ({shown})")
    everybody = dict.fromkeys(each.identity for each in samples)
    limited = 0 < limit < len(everybody)
    if limited:
        kept = set(itertools.islice(everybody, limit))
        samples = tuple(each for each in samples if each.identity in kept)
    notes += _remarks(samples, written, rates=not dataset.info.no_rates)
    if dataset.info.modality == "palm" and not dataset.info.no_rates:  # faces are asked by session, where there are any
        notes += _sessions(samples)
    return LoadedDataset(
        plugin=resolved,
        info=dataset.info,
        samples=samples,
        digest=manifest_digest(samples),
        label=label,
        passed_over=passed,
        passed_names=names,
        notes=tuple(notes),
        limited=limited,
    )


def _remarks(samples: Sequence[Sample], written: Mapping[str, str], *, rates: bool) -> list[str]:
    """What is to be known about the images that take part.

    Args:
        samples: these.
        written: names of identities as they are written, by name.
        rates: whether the dataset supports rates, so that it matters who is who.
    """
    notes = []
    if rates and (twice := under_two_identities(samples)):
        shown = _first_few([f"{name} = {first}" for name, first in twice.items()])
        notes.append(f"the same file under two identities, one of which is probably wrong: {len(twice)} ({shown})")
    if several := files_of_several(each.path for each in samples):
        shown = _first_few([each.name for each in several])
        notes.append(f"files of several pictures, of which the first is taken: {len(several)} ({shown})")
    if rates and (like := alike_names(samples, written)):
        shown = _first_few([f"{first} = {name}" for name, first in like.items()])
        notes.append(
            "identities whose names differ only in case, blanks or the form of their characters, and are probably one "
            f"person: {len(like)} ({shown})"
        )
    narrow = narrow_note((each.path, each.bits) for each in samples)
    return [*notes, narrow] if narrow else notes


def _sessions(samples: Sequence[Sample]) -> list[str]:
    """That images of one identity were taken in one session, where the dataset knows its sessions."""
    count: Counter[tuple[str, str | None]] = Counter((each.identity, each.session) for each in samples)
    whole = Counter(each.identity for each in samples)
    named = {session for _, session in count if session is not None} - _ROLES
    within = sum(math.comb(number, 2) for (_, session), number in count.items() if session in named)
    pairs = sum(math.comb(number, 2) for number in whole.values())
    if not within:
        return []
    which = "all" if within == pairs else f"{within} of"
    return [
        f"of one session are {which} {pairs} pairs of images of one identity: the same light, skin and background, so "
        "that its people are found more easily than on another day"
    ]


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
