"""Submissions: records, distances and a few pairs of images in one zip, for somebody else to check.

    manifest.json                       `Manifest`
    records/000/run.json                the record as the run wrote it
    records/000/distances.npz           see `distances_file`; absent where the run kept none
    records/000/images/00-original.png  and `00-deidentified.png`: pairs, for redistributable datasets only

Packing the same results with the same options on the same machine gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..._version import __version__
from ...datasets.base import Sample
from ...files import read_bytes
from ...plugins.entries import Kind, PluginError, registry
from ...plugins.specs import Spec
from ...weights.files import WeightsError
from ..planning.loaded_dataset import load_dataset
from ..planning.tasks import ImageRef, analyze_task, crop_task, plugin_of
from ..protocols import protocol_of
from ..records.collection import collect
from ..records.record import FILE_NAME, Plugin, RecordError, RunRecord, SampleRow
from ..results.distances_file import DISTANCES_NAME
from ..storage.digest import digest
from ..storage.host import machine, packages
from ..storage.store import STORE_FOLDER, Store, save_file
from ..storage.strict_zip import Limits, make_zip
from .signature import sign

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
"""By SSH key, as `ssh-keygen -Y sign` makes it."""
MAX_RECORDS = 100
MAX_SAMPLES = 50
LIMITS = Limits(archive=2**29, entries=MAX_RECORDS * (2 + 2 * MAX_SAMPLES) + 1, entry=2**28, total=2**30)
MAX_JSON = 2**25
"""Bytes of a record."""
MAX_MANIFEST = 2**23
"""Bytes of a manifest; one of all records and pairs that a submission may have takes some three million."""
ALLOWED = re.compile(
    r"manifest\.json(?:\.sig)?|records/[0-9]{3}/(?:run\.json|distances\.npz|images/[0-9]{2}-(?:original|deidentified)\.png)"
)

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Short = Annotated[str, Field(max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Submitter(_Model):
    """Who submits; nothing of it is checked."""

    name: Short = ""
    contact: Short = ""
    url: Short = ""


class FileEntry(_Model):
    """One file of the zip."""

    sha256: Sha256
    size: int


class Pair(_Model):
    """An original and what was made of it."""

    sample_id: str
    repetition: int
    original: str
    """File in the zip, PNG of the decoded original."""
    deidentified: str
    """File in the zip, the PNG of the run, byte for byte."""


class Packed(_Model):
    """One record of the zip."""

    folder: str
    """`records/000`, …"""
    digest: Sha256
    """Of the record."""
    pairs: list[Pair]
    note: str = ""
    """Why there are no images, or fewer than were asked for."""


class Manifest(_Model):
    """Table of contents of the zip."""

    format: Literal[1] = 1
    toolkit: Short = __version__
    """deid-bench version that packed it."""
    machine: dict[str, str]
    packages: dict[str, str]
    submitter: Submitter
    records: list[Packed]
    files: dict[str, FileEntry]
    """Every file but this one."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Outcome of packing."""

    records: int
    images: int
    """Pairs."""
    size: int
    """Bytes."""
    left_out: list[str] = field(default_factory=list)
    """What could not be packed, and why."""


def pack(sources: Sequence[Path], output: Path, samples: int, submitter: Submitter, key: Path | None = None) -> Packing:
    """Write a submission of all records below the sources.

    Args:
        sources: results folders or records.
        output: the zip.
        samples: pairs of images per record, 0 for none.
        submitter: who submits.
        key: private SSH key to sign with.

    Raises:
        RecordError: a source is missing or not what the run wrote, there is no record, or one cannot be packed.
        StoreError: the zip cannot be written.
    """
    read = collect(sources)
    records = {record.digest: (record, folder / FILE_NAME) for record, folder in read.records}
    left_out = [f"{path}: {why}" for path, why in read.left_out]
    if not records or len(records) > MAX_RECORDS:
        raise RecordError(
            "\n".join([f"expected 1 to {MAX_RECORDS} records, got {len(records)}; name folders of results", *left_out])
        )
    seed = hashlib.sha256("".join(sorted(records)).encode()).digest()
    packed, files = [], {}
    for index, (_, (record, path)) in enumerate(sorted(records.items())):
        folder = f"records/{index:03d}"
        files[f"{folder}/{FILE_NAME}"] = read_bytes(path)
        distances = _distances(record, path)
        if distances is None:
            left_out.append(f"{path}: no distances, so nothing can be computed anew; run the method again")
        else:
            files[f"{folder}/{DISTANCES_NAME}"] = distances
        images, pairs, note = _pairs(record, path, folder, samples, np.random.default_rng([*seed, index]))
        files |= images
        packed.append(Packed(folder=folder, digest=record.digest, pairs=pairs, note=note))
        left_out += [f"{path}: {note}"] if note else []
    manifest = _manifest(packed, files, submitter)
    if len(manifest) > MAX_MANIFEST:
        raise RecordError(
            f"{output}: its list of {len(manifest)} bytes is more than `deid-bench verify` takes; pack fewer"
        )
    signature = {} if key is None else {SIGNATURE_NAME: sign(manifest, key)}
    data = make_zip(files | {MANIFEST_NAME: manifest} | signature)
    if len(data) > LIMITS.archive or sum(map(len, files.values())) > LIMITS.total:
        raise RecordError(f"{output}: {len(data)} bytes are more than `deid-bench verify` takes; pack fewer records")
    save_file(output, data)
    return Packing(len(packed), sum(len(each.pairs) for each in packed), len(data), left_out)


def part_digest(kind: Kind, plugin: Plugin) -> str:
    """The digest that a plug-in as a record describes it has; see `planning.tasks.Plugin.digest`."""
    fields = {name: getattr(plugin, name) for name in ("name", "version", "params", "weights")}
    return digest({**fields, "kind": kind.value, "source": plugin.source_sha256})


def record_digest(record: RunRecord, score_version: int) -> str:
    """The digest that a cell with the record's parts has; see `Cell.digest`."""
    part = part_digest
    attacks = {} if record.attacks is None else {"attacks": record.attacks.digest}
    return digest(
        {
            **attacks,
            "protocol": record.protocol.digest,
            "dataset": record.dataset.digest,
            "method": part(Kind.DEIDENTIFIER, record.method),
            "analyzer": part(Kind.ANALYZER, record.analyzer),
            "recognizers": [part(Kind.RECOGNIZER, each) for each in record.recognizers],
            "repetitions": record.repetitions,
            "root_seed": record.root_seed,
            "score_version": score_version,
            **({"metrics": [part(Kind.METRIC, each) for each in record.metrics]} if record.metrics else {}),
        }
    )


def known_plugin(kind: Kind, spec: str) -> bool:
    """Whether a record's specification names a plug-in of this installation or of `--plugin`.

    A record may come from anybody: it must not make this process import a file.
    """
    try:
        return Spec.parse(spec).target in registry().entries(kind)
    except ValueError:
        return False


def _manifest(packed: list[Packed], files: Mapping[str, bytes], submitter: Submitter) -> bytes:
    entries = {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data)) for name, data in sorted(files.items())
    }
    found = Manifest(machine=machine(), packages=packages(), submitter=submitter, records=packed, files=entries)
    return (found.model_dump_json(indent=1) + "\n").encode()


def _distances(record: RunRecord, path: Path) -> bytes | None:
    """The record's distances, None where it has none.

    Raises:
        RecordError: the file is gone or is another one.
    """
    expected = record.distances_file and record.distances_file.sha256
    if not expected:
        return None
    place = path.with_name(DISTANCES_NAME)
    try:
        data = read_bytes(place)
    except OSError as error:
        raise RecordError(f"{place} cannot be read ({error.strerror}); run the method again") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise RecordError(f"{place} is not the file that its run.json names; run the method again")
    return data


def _pairs(
    record: RunRecord, path: Path, folder: str, count: int, rng: np.random.Generator
) -> tuple[dict[str, bytes], list[Pair], str]:
    """Files, their list, and why there are none."""
    if not count:
        return {}, [], ""
    if not record.dataset.redistributable:
        return {}, [], "no images: the dataset may not be passed on"
    try:
        originals = _originals(record)
    except ValueError as error:
        return {}, [], f"no images: {error}"
    store = Store(path.parent.parent / STORE_FOLDER)
    rows = [row for row in record.samples if row.status == "done" and row.task and row.sample_id in originals]
    files: dict[str, bytes] = {}
    pairs: list[Pair] = []
    for row in (rows[int(place)] for place in rng.permutation(len(rows))):
        image, original = _image(store, row), original_as_given(store, record, originals[row.sample_id])
        if image is None or original is None:
            continue
        names = [f"{folder}/images/{len(pairs):02d}-{kind}.png" for kind in ("original", "deidentified")]
        files |= {names[0]: original, names[1]: image}
        pairs.append(Pair(sample_id=row.sample_id, repetition=row.repetition, original=names[0], deidentified=names[1]))
        if len(pairs) == count:
            return files, pairs, ""
    note = f"{len(pairs)} pairs of images, not {count}: the others are not in {store.root} any more"
    return files, pairs, "" if len(pairs) == len(rows) else note


def _originals(record: RunRecord) -> dict[str, Sample]:
    """Samples of the record's dataset by id.

    Raises:
        ValueError: the dataset is not at hand, or may not be passed on.
    """
    if not known_plugin(Kind.DATASET, record.dataset.spec):
        raise ValueError(f"{record.dataset.spec} is not installed; take its file in with --plugin")
    dataset = load_dataset(record.dataset.spec, 0, 1, None)
    if not dataset.info.redistributable:
        raise ValueError("the dataset may not be passed on")
    if dataset.digest != record.dataset.digest and not record.dataset.limited:
        raise ValueError(f"{record.dataset.spec} is no longer the one of the run")
    return {each.sample_id: each for each in dataset.samples}


def original_as_given(store: Store, record: RunRecord, sample: Sample) -> bytes | None:
    """The image as methods got it, a PNG: the file's, or the crop where the protocol cuts; None: there is none."""
    from ...datasets.images import write_png

    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    rule = protocol.crop if protocol else None
    if rule is None:
        return write_png(sample.image())
    if not known_plugin(Kind.ANALYZER, record.analyzer.spec):
        return None
    try:
        analyzer = plugin_of(registry().resolve(Kind.ANALYZER, record.analyzer.spec))
    except (PluginError, WeightsError):
        return None
    seen = analyze_task(sample.sample_id, ImageRef.of(sample), analyzer)
    payload = store.read(crop_task(sample.sample_id, ImageRef.of(sample), seen.digest, rule).digest)
    return payload.blobs.get("image.png") if payload else None


def _image(store: Store, row: SampleRow) -> bytes | None:
    """The de-identified image of a row, as the run made it."""
    payload = store.read(row.task or "")
    image = payload.blobs.get("image.png") if payload else None
    return image if image and hashlib.sha256(image).hexdigest() == row.image_sha256 else None
