"""A record's people searched in a large gallery: themselves, and rendered strangers or another dataset's people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import Parameter
from pathlib import Path
from typing import cast

import numpy as np

from ...datasets.base import HidesPlaces
from ...plugins.entries import Kind, Spec, registry
from ...plugins.specs import parameters
from ...recognizers.base import Recognizer, Templates
from ...recognizers.matching.faiss_search import Recall, is_here, search_approximately, search_flat
from ...recognizers.matching.gallery_search import NOBODY, Found, Gallery, Places, SearchError, Vectors, search
from ...recognizers.vectors import space_of
from ..engine.backends import Settings, default_jobs, make_backend
from ..engine.execute import Executor, Progress
from ..planning.cells import Cell
from ..planning.loaded_dataset import LoadedDataset, load_dataset
from ..planning.preparation import require_weights
from ..planning.tasks import Plugin, plugin_of
from ..records.collection import load_written
from ..records.counts import METHOD, Counts, counted, lacking
from ..records.record import RunRecord
from ..stages.threads import single_threaded
from ..storage.store import STORE_FOLDER, Store
from ..submission.at_hand import cell_of
from ..submission.pack import known_plugin
from .distractors import SECONDS_PER_IMAGE, Distractors, distractors
from .rates import Rate, numbered, outcome_of, rates_of
from .templates import Enrolled, People, Probes, entries_of, people_of, stacked


@dataclass(frozen=True, slots=True)
class Asked:
    """What to search in."""

    recognizer: str = ""
    """Specification; empty: the record's first."""
    dataset: str = ""
    """Specification of the record's dataset, where it lies in a folder; empty: as the record says."""
    distractors: int = 0
    """Rendered strangers beside the enrolled people."""
    gallery: str = ""
    """Specification of a dataset whose people stand in the gallery, too; empty: none."""
    k: int = 5
    """Length of candidate lists."""
    approximate: bool = False
    """Search in an index that may miss some."""
    jobs: int = 0
    """Processes for templates that have to be made; 0: one per core."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What came of it."""

    record: RunRecord
    recognizer: str
    """Specification."""
    engine: str
    """How was searched, in words."""
    recall: Recall | None
    """Of an approximate search; None where it was exact."""
    k: int
    enrolled: int
    """Identities of the record's dataset in the gallery."""
    distractors: int
    others: int
    """People of another dataset in the gallery."""
    size: int
    """Entries of the gallery."""
    images: int
    """De-identified images that were searched, and so many originals."""
    people: int
    """Whose they are."""
    originals: list[Rate]
    deidentified: list[Rate]
    counts: Counts
    """What became of the images that were to be searched."""
    notes: list[str]
    """What has to be known; sentences."""

    @property
    def lacking(self) -> list[str]:
        """Why it is not complete, in words; empty where it is, by the rule of records."""
        return lacking(self.counts, [])


def search_record(path: Path, asked: Asked, progress: Progress | None = None) -> Report:
    """Search a record's originals and de-identified images in one gallery.

    Args:
        path: its `run.json`; the store of its run lies beside its folder.
        asked: what to search in.
        progress: is told about stages.

    Raises:
        RecordError, PluginError, DatasetError, WeightsError, StoreError: something cannot be read or used.
        NotAtHand: what is installed here is not what the record was made with.
        SearchError: it cannot be searched.
    """
    record = load_written(path)
    cell, recognizer = _cell(record, asked)
    require_weights((cell.analyzer, cell.method, recognizer))
    jobs = asked.jobs or default_jobs()
    strangers = distractors(asked.distractors, cell, recognizer, jobs, progress) if asked.distractors else None
    others = load_dataset(asked.gallery, 0, jobs, None) if asked.gallery else None
    notes = [] if others is None else _check_others(others, cell)
    with _executor(path, jobs, progress) as executor:
        people = people_of(cell, recognizer, executor)
        entries = None if others is None else entries_of(others, cell, recognizer, executor)
        retry = len(executor.problems)
    made = cast(Recognizer, recognizer.resolved.create())
    with recognizer.resolved.at_work(), single_threaded():
        return _searched(record, recognizer, made, asked, people, strangers, entries, notes, retry)


@contextmanager
def _executor(path: Path, jobs: int, progress: Progress | None) -> Iterator[Executor]:
    store = Store(path.absolute().parent.parent / STORE_FOLDER)
    store.open()
    backend = make_backend("process" if jobs > 1 else "serial", Settings(store.root, SECONDS_PER_IMAGE, jobs))
    try:
        yield Executor(store, backend, progress)
    finally:
        backend.close()


def _cell(record: RunRecord, asked: Asked) -> tuple[Cell, Plugin]:
    """The record's cell as it is installed here, and the recogniser that searches."""
    if not known_plugin(Kind.DEIDENTIFIER, record.method.spec):
        raise SearchError(f"method {record.method.spec} is not at hand; take its file in with --plugin")
    if record.dataset.no_rates:
        raise SearchError(f"{record.dataset.spec} supports no rate of recognition: {record.dataset.no_rates}")
    named = record.dataset.spec if known_plugin(Kind.DATASET, record.dataset.spec) else ""
    if not asked.dataset and named and (unsaid := _unsaid_places(named)):
        raise SearchError(
            f"the record does not say where its images lie ({', '.join(unsaid)} of {named}); "
            "name the folder with --dataset PATH"
        )
    cell = cell_of(record, record.method.spec, asked.dataset or named, own=True)
    if not asked.recognizer:
        return cell, cell.recognizers[0]
    plugin = plugin_of(registry().resolve(Kind.RECOGNIZER, asked.recognizer))
    if plugin.info.modality != cell.protocol.modality:
        raise SearchError(
            f"{asked.recognizer} is for {plugin.info.modality}s; the record is of {cell.protocol.modality}s"
        )
    return replace(cell, recognizers=(plugin,)), plugin


def _unsaid_places(text: str) -> list[str]:
    """Parameters that a dataset cannot do without and no record holds: where something lies on this machine."""
    spec = Spec.parse(text)
    cls = registry().get(Kind.DATASET, spec.target).load()
    needed = {name for name, each in parameters(cls).items() if each.default is Parameter.empty}
    places: tuple[str, ...] = cls.places if isinstance(cls, HidesPlaces) else ()
    return [each for each in places if each in needed and each not in dict(spec.params)]


def _check_others(others: LoadedDataset, cell: Cell) -> list[str]:
    """Whether another dataset can stand in the gallery, and what has to be known of it."""
    if others.info.modality != cell.protocol.modality:
        raise SearchError(f"{others.spec} is of {others.info.modality}s; the record is of {cell.protocol.modality}s")
    if {each.sha256 for each in others.samples} & {each.sha256 for each in cell.samples}:
        raise SearchError(f"{others.spec} holds images of the record's dataset; its people have to be others")
    shared = {each.identity for each in others.samples} & {each.identity for each in cell.samples}
    if not shared:
        return []
    return [f"{len(shared)} identities of {others.spec} are called as some of the record's; they count as other people"]


def _searched(
    record: RunRecord,
    recognizer: Plugin,
    made: Recognizer,
    asked: Asked,
    people: People,
    strangers: Distractors | None,
    entries: Enrolled | None,
    notes: list[str],
    retry: int,
) -> Report:
    enrolled, probes = people.enrolled, people.probes
    parts = [stacked(enrolled.templates)]
    parts += [] if strangers is None else [strangers.templates]
    parts += [] if entries is None or not entries.templates else [stacked(entries.templates)]
    gallery = Gallery(parts)
    persons, known = numbered([each.sample.subject for each in probes.versions])
    whose = np.full(len(gallery), NOBODY, np.int64)
    whose[: len(enrolled.samples)] = [known.get(each.subject, NOBODY) for each in enrolled.samples]
    entry = {each.identity: number for number, each in enumerate(enrolled.samples)}
    own = np.array([entry[each.sample.identity] for each in probes.versions], np.int64)
    most = max(Counter(each.subject for each in enrolled.samples).values())
    there = [np.array([i for i, each in enumerate(of) if each is not None], np.int64) for of in _sides(probes)]
    found, engine, recall = _search(made, _rows(probes, there), gallery, own[np.concatenate(there)], asked, most)
    cut = len(there[0])
    sides = [
        outcome_of(_part(found, part), images, len(own), persons, whose)
        for part, images in zip((slice(cut), slice(cut, None)), there, strict=True)
    ]
    return Report(
        record=record,
        recognizer=recognizer.resolved.text,
        engine=engine,
        recall=recall,
        k=asked.k,
        enrolled=len(enrolled.samples),
        distractors=0 if strangers is None else len(strangers.templates),
        others=0 if entries is None else len(entries.samples),
        size=len(gallery),
        images=len(own),
        people=len(known),
        originals=rates_of(sides[0], None, persons, asked.k),
        deidentified=rates_of(sides[1], sides[0], persons, asked.k),
        counts=_counts(people, retry),
        notes=[*notes, *_notes(record, people, strangers, entries, [each.lost for each in sides], recall)],
    )


def _counts(people: People, retry: int) -> Counts:
    """Of the images that were to be searched, as a record counts them.

    Args:
        people: who is searched.
        retry: pieces of work that crashed.
    """
    planned, failed = len(people.probes.versions), [each for each in people.probes.failed if each is not None]
    reasons = counted("original", people.unseen) + counted(METHOD, failed)
    return Counts(
        planned=planned + len(people.unseen),
        done=planned - len(failed),
        failed=len(failed),
        skipped=len(people.unseen),
        reasons=reasons,
        retry=retry,
    )


def _sides(probes: Probes) -> tuple[Sequence[Templates | None], Sequence[Templates | None]]:
    return probes.originals, probes.deidentified


def _rows(probes: Probes, there: Sequence[Places]) -> Templates:
    """Originals, then de-identified images, of those that have a template."""
    rows = [side[i] for side, places in zip(_sides(probes), there, strict=True) for i in places.tolist()]
    if not rows:
        raise SearchError("no image that is searched gives a template")
    return stacked([each for each in rows if each is not None])


def _search(
    made: Recognizer, rows: Templates, gallery: Gallery, own: Places, asked: Asked, most: int
) -> tuple[Found, str, Recall | None]:
    """The search, what it was in words, and its recall where it is not exact."""
    space = space_of(made, rows)
    length = asked.k + most  # a list without the entries of one person is still long enough
    if asked.approximate:
        if not isinstance(space, Vectors):
            raise SearchError(f"{made.info.name}'s templates are no vectors, which an approximate index needs")
        found, recall = search_approximately(space, gallery, own, length)
        return found, "approximate: FAISS, inverted lists", recall
    if isinstance(space, Vectors):
        exact: Callable[[Vectors, Gallery, Places, int], Found] = search_flat if is_here() else search
        name = "FAISS, flat" if is_here() else "matrix products"
        return exact(space, gallery, own, length), f"exact: {name}, {space.kind} distances", None
    return search(space, gallery, own, length), "exact: all distances by the recogniser", None


def _part(found: Found, part: slice) -> Found:
    return Found(found.entries[part], found.distances[part], found.own[part], found.ranks[part], found.size)


def _notes(
    record: RunRecord,
    people: People,
    strangers: Distractors | None,
    entries: Enrolled | None,
    lost: Sequence[int],
    recall: Recall | None,
) -> list[str]:
    """What has to be known, in sentences."""
    told = []
    if recall is not None:
        told.append(
            "numbers of an approximate search are of that index: it may miss an own entry, and others before one"
        )
    if people.made:
        told.append(f"{people.made} templates were not in the store and were made anew")
    for count, what in zip(lost, ("originals", "de-identified images"), strict=True):
        if count:
            told.append(f"{count} {what} gave no template and count as not found")
    told += _absent(people)
    if entries is not None and entries.without:
        told.append(f"{entries.without} people of the other dataset gave no template and are not in the gallery")
    if strangers is not None:
        told.append(
            f"distractors are rendered palms ({strangers.setting}); {strangers.cached} templates were kept from "
            f"before, {strangers.without} further palms gave none"
        )
        if not record.dataset.rendered:
            told.append(
                "the record's images are photographs: rendered palms are further from them than strangers' photographs "
                "would be, and the gallery is easier than its size says"
            )
    return told


def _absent(people: People) -> list[str]:
    """Whom and what the search passes over."""
    told = []
    failed = len(people.probes.failed) - people.probes.failed.count(None)
    if failed:
        told.append(f"the method failed on {failed} images; their originals were searched in their place")
    if people.unseen:
        told.append(f"nothing was found in {len(people.unseen)} originals; they are neither enrolled nor searched")
    if people.enrolled.without:
        told.append(
            f"{people.enrolled.without} identities gave no template and are not in the gallery; "
            f"{people.left_out} images of theirs are not searched"
        )
    return told
