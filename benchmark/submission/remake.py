"""Images of a submission held against its record: those that it brings, and those that its method makes anew."""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...characters import plain
from ...datasets.images import ImageError, decode_png
from ...plugins.entries import Kind, registry
from ..engine.backends import Settings, make_backend
from ..engine.execute import Executor
from ..metrics.quality.image_quality import image_quality
from ..metrics.values import Undefined
from ..planning.cell_tasks import Tasks, Version
from ..planning.cells import DEFAULT_DATASETS, Cell, RunOptions, describe, make_cells
from ..planning.tasks import compare_tasks
from ..protocols import protocol_of
from ..records.record import Plugin, RunRecord, SampleRow
from ..results.blocks import join_blocks
from ..results.distances_file import PairDistances
from ..stages.measure import measured
from ..storage.store import Payload, Store
from .pack import known_plugin
from .read import Submitted
from .recompute import close

TOLERANCE = 1e-3
"""Relative; by how much measures and distances of the same image may be off."""
NEAR = 0.05
"""The same for an image that is not the same byte for byte: another processor or library rounds otherwise."""
_PIXELS = ("psnr", "ssim", "ms_ssim")


Outcome = Literal["equal", "close", "different"]


class NotAtHand(ValueError):
    """The method, its weights or the dataset are not here, or are not those of the record."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """One image made anew."""

    sample_id: str
    repetition: int
    outcome: Outcome
    """`equal`: the same file and the same measures; `close`: nearly the same measures."""
    note: str = ""


def check_pairs(submitted: Submitted) -> list[str]:
    """What is wrong with the images that a submission brings: not those of the record, or measuring otherwise."""
    rows = {(row.sample_id, row.repetition): row for row in submitted.record.samples}
    problems = []
    for pair in submitted.packed.pairs:
        row = rows.get((pair.sample_id, pair.repetition))
        data = submitted.images[pair.deidentified]
        if row is None or hashlib.sha256(data).hexdigest() != row.image_sha256:
            problems.append(f"{pair.deidentified}: not the image that the record names")
            continue
        try:
            original, image = decode_png(submitted.images[pair.original]), decode_png(data)
            found = image_quality(original, image, nets=()) if original.shape == image.shape else {}
        except (ImageError, ValueError) as error:
            problems.append(f"{pair.deidentified}: {plain(error)}")
            continue
        problems += [
            f"{pair.deidentified}: its {metric} is not what the record says"
            for metric in _PIXELS
            if metric in row.measures and not close(row.measures[metric], _finite(found.get(metric)), TOLERANCE)
        ]
    return problems


def _finite(value: float | Undefined | None) -> float | None:
    """A number as records write it: none for what is undefined or infinite."""
    return value if isinstance(value, float) and abs(value) < float("inf") else None


def cell_of(record: RunRecord, method: str, dataset: str) -> Cell:
    """The cell of a record, made of what is installed here.

    Args:
        record: a stranger's. None of its specifications may make this process import a file or read a folder.
        method: specification by the user.
        dataset: by the user; empty: the record's, if it is one of the built-in palms.

    Raises:
        NotAtHand: something is not here, or differs from the record's; the message says what.
    """
    if not dataset and record.dataset.spec not in {*DEFAULT_DATASETS, *map(_canonical_dataset, DEFAULT_DATASETS)}:
        raise NotAtHand(f"name the dataset with --dataset; the record says {plain(record.dataset.spec)}")
    named = [(Kind.ANALYZER, record.analyzer), *((Kind.RECOGNIZER, each) for each in record.recognizers)]
    for kind, each in named:
        if not known_plugin(kind, each.spec):
            raise NotAtHand(f"{kind} {plain(each.spec)} is not installed; take its file in with --plugin")
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        raise NotAtHand(f"protocol {plain(record.protocol.id)}: its digest is none of this deid-bench's")
    options = RunOptions(
        methods=(method,),
        datasets=(dataset or record.dataset.spec,),
        protocol=protocol,
        recognizers=tuple(each.spec for each in record.recognizers),
        analyzer=record.analyzer.spec,
        repetitions=record.repetitions,
        root_seed=record.root_seed,
        quality=record.quality,
        limit=record.dataset.identities if record.dataset.limited else 0,
    )
    try:
        cell = make_cells(options, jobs=1)[0]
    except (ValueError, RuntimeError) as error:
        raise NotAtHand(str(error)) from error
    if cell.digest != record.digest:
        raise NotAtHand(_other_parts(cell, record))
    return cell


def _canonical_dataset(spec: str) -> str:
    """As records write it."""
    return registry().resolve(Kind.DATASET, spec).text


def _other_parts(cell: Cell, record: RunRecord) -> str:
    """In which parts a cell is not the record's."""
    odd = [] if cell.dataset.digest == record.dataset.digest else ["other images in the dataset"]
    pairs = [(cell.method, record.method), (cell.analyzer, record.analyzer)]
    for mine, theirs in [*pairs, *zip(cell.recognizers, record.recognizers, strict=True)]:
        said, found = theirs.model_dump(), Plugin(**describe(mine)).model_dump()
        fields = [
            name for name in ("name", "version", "params", "source_sha256", "weights") if said[name] != found[name]
        ]
        odd += [f"{plain(theirs.name, 40)}: another {' and '.join(fields)}"] if fields else []
    return f"what is installed here is not what the record was made with ({'; '.join(odd) or 'another seed'})"


def rerun(
    cell: Cell, record: RunRecord, found: PairDistances | None, count: int, rng: random.Random
) -> tuple[list[Rerun], list[str]]:
    """Make randomly chosen images anew, in a folder of their own, and compare them with the record's rows.

    Args:
        cell: of the record.
        record: as it came; its rows are the cell's images.
        found: its distances: those among the chosen originals and images are computed anew as well.
        count: how many; all where there are fewer.
        rng: chooses. The submitter must not be able to foresee it.

    Returns:
        The images, and which distances are not the file's.

    Raises:
        StoreError: the temporary folder cannot be written.
    """
    skipped = {row.sample_id for row in record.samples if row.status == "skipped"}
    rows = {(row.sample_id, row.repetition): row for row in record.samples}
    tasks = Tasks(cell)
    versions = [
        each
        for each in tasks.versions(lambda sample: sample.sample_id not in skipped)
        if (each.sample.sample_id, each.repetition) in rows
    ]
    chosen = rng.sample(versions, min(count, len(versions)))
    with tempfile.TemporaryDirectory(prefix="deid-bench-") as folder:
        store = Store(Path(folder))
        store.open()
        backend = make_backend("serial", Settings(store.root, 600.0, 1))
        try:
            executor = Executor(store, backend)
            _make(tasks, chosen, executor)
            images = [_compare(each, rows[each.sample.sample_id, each.repetition], executor) for each in chosen]
            same = [each for each, image in zip(chosen, images, strict=True) if image.outcome == "equal"]
            problems = [] if found is None else _distance_problems(cell, tasks, same, found, executor)
        finally:
            backend.close()
    return images, problems


def _make(tasks: Tasks, chosen: Sequence[Version], executor: Executor) -> None:
    inputs = {digest for each in chosen for digest in each.deidentify.inputs}
    located = {name: each for name, each in tasks.originals.items() if each.digest in inputs}
    executor.make("find hands", [tasks.detections[name] for name in located])
    executor.make("cut faces", located.values())
    executor.make("find hands", [tasks.references[each.sample.sample_id] for each in chosen])
    executor.make("de-identify", [each.deidentify for each in chosen], 1)
    made = [each for each in chosen if executor.reason(each.deidentify) is None]
    executor.make("find hands again", [each.analyze for each in made])
    executor.make("measure", [each.measure for each in made])


def _compare(version: Version, row: SampleRow, executor: Executor) -> Rerun:
    made, why = executor.read(version.deidentify), executor.reason(version.deidentify)
    image = made.blobs.get("image.png") if made else None
    if (row.status == "done") != (image is not None):
        return _rerun(row, "different", f"the record says {row.status}; here it is {'made' if image else why}")
    if image is None:
        return _rerun(row, "equal")
    payload = executor.read(version.measure)
    if hashlib.sha256(image).hexdigest() != row.image_sha256:
        odd = _odd_measures(row, payload, NEAR)
        if odd:
            return _rerun(row, "different", f"other pixels, and another {', '.join(odd)}")
        return _rerun(row, "close", "other pixels, but nearly the same measures")
    odd = _odd_measures(row, payload, TOLERANCE)
    if not odd:
        return _rerun(row, "equal")
    outcome: Outcome = "different" if _odd_measures(row, payload, NEAR) else "close"
    return _rerun(row, outcome, f"the same image, but another {', '.join(odd)}")


def _rerun(row: SampleRow, outcome: Outcome, note: str = "") -> Rerun:
    return Rerun(row.sample_id, row.repetition, outcome, plain(note))


def _odd_measures(row: SampleRow, payload: Payload | None, tolerance: float) -> list[str]:
    if payload is None:
        return ["outcome: here it cannot be measured"]
    found = {name: _finite(measured(payload.meta, name)) for name in payload.meta["values"]}
    return [name for name, value in found.items() if not close(row.measures.get(name), value, tolerance)]


def _distance_problems(
    cell: Cell, tasks: Tasks, versions: Sequence[Version], found: PairDistances, executor: Executor
) -> list[str]:
    """Distances among the chosen originals and the images made of them, held against the file's."""
    number = {name: index for index, name in enumerate(found.sample_ids)}
    column = {int(sample): index for index, sample in enumerate(found.usable)}
    pairs = zip(
        found.version_sample.tolist(), found.version_repetition.tolist(), found.version_row.tolist(), strict=True
    )
    row = {(sample, repetition): index for sample, repetition, index in pairs if index >= 0}
    kept = [each for each in versions if (number[each.sample.sample_id], each.repetition) in row]
    columns = [column[number[each.sample.sample_id]] for each in kept]
    rows = [row[number[each.sample.sample_id], each.repetition] for each in kept]
    problems = []
    for recognizer in cell.recognizers if kept else ():
        name = recognizer.resolved.text
        embeds = tasks.original_embeds(recognizer)
        originals = [embeds[each.sample.sample_id] for each in kept]
        probes = [tasks.version_embed(each, recognizer) for each in kept]
        executor.make(f"embed ({name})", [*originals, *probes])
        digests = [[None if executor.reason(each) else each.digest for each in side] for side in (originals, probes)]
        said = found.distances[name]
        blocks = [
            (digests[0], digests[0], said.originals[np.ix_(columns, columns)]),
            (digests[1], digests[0], said.deidentified[np.ix_(rows, columns)]),
            (digests[1], digests[1], said.versions[np.ix_(rows, rows)]),
        ]
        scale = float(np.nanmax(np.abs(said.originals), initial=0.0, where=np.isfinite(said.originals)))
        for a, b, block in blocks:
            tasks_ = compare_tasks(name, a, b, recognizer)
            executor.make(f"compare ({name})", tasks_)
            parts = [executor.read(each) for each in tasks_]
            fresh = join_blocks(tasks_, parts, len(b)) if all(parts) else None
            odd = block.size if fresh is None else int((~_same(fresh, block, scale)).sum())
            if odd:
                problems.append(f"{odd} of {block.size} distances by {name} that were computed anew are different")
    return problems


def _same(a: NDArray[np.float32], b: NDArray[np.float32], scale: float) -> NDArray[np.bool_]:
    return np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True)
