"""Datasets and submissions described in Croissant 1.0 (JSON-LD), so that archives and loaders know what is in them.

A description holds names of files, digests and labels, no image, and never says where something lies on this machine:
addresses are relative to the folder that the files are in.
"""

from __future__ import annotations

import json
import mimetypes
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..benchmark.planning.loaded_dataset import LoadedDataset
from ..benchmark.records.record import RunRecord
from ..benchmark.submission.pack import FileEntry, Packed, Submitter
from ..benchmark.submission.read import Submission
from ..datasets.base import Sample
from ..datasets.layouts.tree import safe_id
from ..files import hash_if_changed

VERSION = "http://mlcommons.org/croissant/1.0"
_CONTEXT: Mapping[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""As the specification prints it."""
_DOI = re.compile(r"\bdoi:(10\.\S+[^\s.,;])")
_TEXT, _NUMBER, _WHOLE = "sc:Text", "sc:Float", "sc:Integer"

Document = dict[str, object]
Column = tuple[str, str, str]
"""Name, type, and what it holds."""


def document_text(document: Document) -> str:
    """The file; names from outside stay inert in it."""
    return json.dumps(document, indent=1) + "\n"


def _document(name: str, description: str, **parts: object) -> Document:
    """What both kinds begin with; parts that are empty are left out rather than made up."""
    kept = {key: value for key, value in parts.items() if value}
    return {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": name,
        "description": description,
        **kept,
    }


def _file(identifier: str, name: str, sha256: str, archive: str = "") -> Document:
    """A file; identifiers hold no spaces, which addresses may."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    inside: Document = {"containedIn": {"@id": archive}} if archive else {}
    address = {"@type": "cr:FileObject", "@id": identifier, "name": name, "contentUrl": name}
    return {**address, **inside, "encodingFormat": kind, "sha256": sha256}


def _record_set(name: str, description: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Document:
    """A table with its rows in it; the first column is the key."""
    fields = [
        {"@type": "cr:Field", "@id": f"{name}/{each}", "name": f"{name}/{each}", "description": text, "dataType": kind}
        for each, kind, text in columns
    ]
    ids = [each["@id"] for each in fields]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": ids[0]},
        "field": fields,
        "data": [dict(zip(ids, row, strict=True)) for row in rows],
    }


# ------------------------------------------------------------------------------------------------ datasets

_LABELS: tuple[tuple[Column, Callable[[Sample], str | None]], ...] = (
    (("identity", _TEXT, "what is compared: one palm (person and hand) or one face"), lambda each: each.identity),
    (("subject", _TEXT, "the person"), lambda each: each.subject),
    (("hand", _TEXT, "left or right"), lambda each: each.hand),
    (("aspect", _TEXT, "side of the hand that is seen: palmar or dorsal"), lambda each: each.aspect),
    (("session", _TEXT, "session of the photograph"), lambda each: each.session),
)


def dataset_document(dataset: LoadedDataset) -> Document:
    """A dataset: its files with their digests, and a row for each image that says whose it is."""
    info, samples = dataset.info, dataset.samples
    root = Path(os.path.commonpath([each.path.absolute().parent for each in samples]))
    names = {each.sample_id: each.path.absolute().relative_to(root).as_posix() for each in samples}
    doi = _DOI.search(info.citation)
    people = len({each.subject for each in samples})
    kind = "Rendered by computer graphics, not photographs. " if info.rendered else ""
    return _document(
        dataset.spec,
        f"{info.description.rstrip('.')}. {kind}{len(samples)} images of {people} people.",
        license=info.licence,
        url=f"https://doi.org/{doi[1]}" if doi else "",
        citeAs=info.citation,
        version=info.version,
        identifier=f"deid-bench:{dataset.digest}",
        conditionsOfAccess="" if info.redistributable else "The images may not be passed on.",
        distribution=[_file(each.sample_id, names[each.sample_id], each.sha256) for each in samples],
        recordSet=[_images(samples, names)],
    )


def _images(samples: Sequence[Sample], names: Mapping[str, str]) -> Document:
    labels = [(column, get) for column, get in _LABELS if any(map(get, samples))]
    groups = sorted({kind for each in samples for kind in each.groups})
    columns: list[Column] = [("sample_id", _TEXT, "of the image, and of its file in the distribution")]
    columns += [("file", _TEXT, "below the folder of the images"), ("sha256", _TEXT, "of the file")]
    columns += [column for column, _ in labels]
    columns += [(f"group_{safe_id(kind)}", _TEXT, f"group of the person by {kind}") for kind in groups]
    rows = (
        (
            *(each.sample_id, names[each.sample_id], each.sha256),
            *(get(each) or "" for _, get in labels),
            *(each.groups.get(kind, "") for kind in groups),
        )
        for each in samples
    )
    return _record_set("images", "Whose each image is.", columns, rows)


# ------------------------------------------------------------------------------------------------ submissions

_ZIP = "submission"
"""Identifier of the zip, whatever it is called."""
_RECORDS: tuple[Column, ...] = (
    ("digest", _TEXT, "everything that the numbers depend on"),
    ("file", _TEXT, "the record in the zip"),
    ("method", _TEXT, "the de-identifier with its parameters"),
    ("dataset", _TEXT, "what it was run on"),
    ("dataset_digest", _TEXT, "ids, labels and files of the dataset"),
    ("protocol", _TEXT, "the rules"),
    ("created", _TEXT, "UTC time"),
)
_NUMBERS: tuple[Column, ...] = (
    ("id", _WHOLE, "number of the row"),
    ("record", _TEXT, "digest of the record"),
    ("metric", _TEXT, "as `deid-bench explain` says"),
    ("recognizer", _TEXT, "the recogniser that it is of; empty: of none"),
    ("value", _NUMBER, "the number"),
    ("interval", _TEXT, "its 95 % interval; empty: it has none"),
)


def submission_document(path: Path) -> Document:
    """What `deid-bench pack` wrote: the files in the zip, the records, and their numbers.

    Args:
        path: the zip; the description has to lie beside it.

    Raises:
        Refused: it is no such zip.
    """
    submission = Submission(path)
    manifest = submission.manifest
    found = [(packed, submission.read(packed).record) for packed in manifest.records]
    records = [record for _, record in found]
    return _document(
        path.stem,
        f"Results of deid-bench {manifest.toolkit}: {_listed(each.method.name for each in records)} on "
        f"{_listed(each.dataset.spec for each in records)} under {_listed(each.protocol.id for each in records)}.",
        license=_licences(found),
        url=manifest.submitter.url,
        creator=_creator(manifest.submitter),
        citeAs=" ".join(_citations(records)),
        dateCreated=max(each.host.created for each in records)[:10],
        distribution=_members(path, manifest.files),
        recordSet=[
            _record_set("records", "One row for each run.", _RECORDS, (_record_row(*each) for each in found)),
            _record_set("numbers", "The numbers of the records; those that could not be had are left out.",
                        _NUMBERS, _number_rows(records)),
        ],
    )  # fmt: skip


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _licences(found: Iterable[tuple[Packed, RunRecord]]) -> list[str]:
    """Of the images that came along; under what numbers are passed on is for their author to say."""
    return sorted({record.dataset.licence for packed, record in found if packed.pairs})


def _creator(submitter: Submitter) -> Document:
    return {"@type": "sc:Person", "name": submitter.name} if submitter.name else {}


def _citations(records: Iterable[RunRecord]) -> list[str]:
    return sorted({text for each in records for text in (each.method.citation, each.dataset.citation) if text})


def _members(path: Path, files: Mapping[str, FileEntry]) -> list[Document]:
    inside = [_file(name, name, entry.sha256, _ZIP) for name, entry in sorted(files.items())]
    return [_file(_ZIP, path.name, hash_if_changed(path)), *inside]


def _record_row(packed: Packed, record: RunRecord) -> tuple[object, ...]:
    about = (record.method.spec, record.dataset.spec, record.dataset.digest, record.protocol.id, record.host.created)
    return (record.digest, f"{packed.folder}/run.json", *about)


def _number_rows(records: Iterable[RunRecord]) -> Iterable[tuple[Any, ...]]:
    known = ((record, value) for record in records for value in record.values if value.value is not None)
    for index, (record, value) in enumerate(known):
        interval = f"[{value.interval.low:.6g}, {value.interval.high:.6g}]" if value.interval else ""
        yield index, record.digest, value.metric, value.recognizer or "", value.value, interval
