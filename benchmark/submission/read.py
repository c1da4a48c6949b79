"""Reading a submission as what it is: a file that a stranger made.

Nothing is written to the disk, nothing is unpickled, no plug-in is imported, and every size is bounded before memory is
taken. What comes out satisfies the record's schema and the manifest's hashes; whether its numbers are true is another
question (`recompute`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...characters import can_be_seen, plain
from ...plugins.entries import PluginError
from ..metrics.catalogue import METRICS
from ..records.described import described
from ..records.record import FILE_NAME, SCHEMA_VERSION, RunRecord
from ..results.distances_file import DISTANCES_NAME, PairDistances, read
from ..storage.strict_zip import Archive, Refused
from .bounds import TooMuch, bounded
from .pack import ALLOWED, LIMITS, MANIFEST_NAME, MAX_JSON, MAX_MANIFEST, MAX_RECORDS, SIGNATURE_NAME, Manifest, Packed
from .shape import misfit
from .signature import LONGEST as LONGEST_SIGNATURE

SIGNATURES = frozenset({SIGNATURE_NAME})
"""Files that no manifest lists: they are made after it."""
_LONGEST_TEXT = 5000
_NAME_KEYS = frozenset({"spec", "name", "id", "title", "sample_id", "version", "family", "origin", "metric"})
_HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class Submitted:
    """One record of a submission."""

    packed: Packed
    record: RunRecord
    data: bytes
    """`run.json` as it came."""
    distances: PairDistances | None
    distances_data: bytes | None
    images: dict[str, bytes]
    """PNG files by their name in the zip."""


class Submission:
    """A zip of `deid-bench pack`, whose list of contents was checked; records are read one at a time.

    Args:
        path: the zip.

    Raises:
        Refused: it cannot be read, is not such a zip, or tries something; the message says which file and why.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        try:
            if not path.is_file():
                raise Refused(f"{path}: expected a file")
            self._file = path.open("rb")
        except OSError as error:
            raise Refused(f"{path}: cannot be read ({error.strerror or error})") from error
        self._archive = Archive(self._file, LIMITS, ALLOWED, path.name, MANIFEST_NAME)
        if MANIFEST_NAME not in self._archive.names:
            raise Refused(f"{MANIFEST_NAME} is missing: not a zip of `deid-bench pack`")
        self.manifest_data = self._read(MANIFEST_NAME, MAX_MANIFEST)
        try:
            with bounded():
                self.manifest = _manifest(self.manifest_data, set(self._archive.names) - {*SIGNATURES, MANIFEST_NAME})
        except TooMuch as error:
            raise Refused(f"{MANIFEST_NAME}: {error}") from error
        folders = {packed.folder for packed in self.manifest.records}
        strays = [name for name in self.manifest.files if "/".join(name.split("/")[:2]) not in folders]
        digests = {packed.digest for packed in self.manifest.records}
        if strays or not len(folders) == len(digests) == len(self.manifest.records):
            stray = ", ".join(strays[:3])
            raise Refused(f"{path.name}: {MANIFEST_NAME} lists a record twice, or files of none ({stray})")

    @property
    def signature(self) -> bytes | None:
        """Of `manifest_data`, as it came; None where nobody signed.

        Raises:
            Refused: it is longer than any signature, or damaged.
        """
        return self._read(SIGNATURE_NAME, LONGEST_SIGNATURE) if SIGNATURE_NAME in self._archive.names else None

    @property
    def passed_over(self) -> list[str]:
        """Files that macOS or Windows put there when somebody packed it again."""
        return self._archive.passed_over

    @property
    def records(self) -> Iterator[Submitted]:
        """All records, one after the other.

        Raises:
            Refused: one is broken; see `read`.
        """
        return map(self.read, self.manifest.records)

    def read(self, packed: Packed) -> Submitted:
        """One record; what is wrong with it costs no other.

        Raises:
            Refused: it is not what the manifest says, not a record, or takes too much to read.
        """
        try:
            with bounded():
                names = [name for name in self.manifest.files if name.startswith(f"{packed.folder}/")]
                return _submitted(packed, {name: self._member(name) for name in names})
        except TooMuch as error:
            raise Refused(f"{packed.folder}: {error}") from error

    def _read(self, name: str, longest: int) -> bytes:
        if self._archive.size(name) > longest:
            raise Refused(f"{name}: expected at most {longest} bytes, got {self._archive.size(name)}")
        return self._archive.read(name)

    def _member(self, name: str) -> bytes:
        entry, data = self.manifest.files[name], self._archive.read(name)
        if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise Refused(f"{name}: not the file that {MANIFEST_NAME} names (its SHA-256 or size is another)")
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def strict_json(data: bytes, name: str) -> Any:
    """JSON without NaN, repeated keys or texts that could play tricks on a reader.

    Raises:
        Refused: it is not such JSON, or too large or too deep.
    """
    if len(data) > MAX_JSON:
        raise Refused(f"{name}: expected at most {MAX_JSON} bytes, got {len(data)}")
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
        _check_texts(found, "", name)
    except RecursionError as error:
        raise Refused(f"{name}: nested too deep") from error
    except Refused as error:
        raise Refused(f"{name}: {error}") from None
    except ValueError as error:
        raise Refused(f"{name}: not JSON ({plain(error, 80)})") from error
    return found


def _no_constant(text: str) -> None:
    raise Refused(f"holds {text}; only finite numbers are allowed")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("names a field twice")
    return found


def _check_texts(value: Any, key: str, name: str) -> None:
    if isinstance(value, dict):
        for inner, each in value.items():
            _check_texts(inner, "name", name)
            _check_texts(each, inner, name)
    elif isinstance(value, list):
        for each in value:
            _check_texts(each, key, name)
    elif isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise Refused(f"{key or 'a text'} has {len(value)} characters; expected at most {_LONGEST_TEXT}")
        if key in _NAME_KEYS and not can_be_seen(value):
            raise Refused(f"{plain(value, 60)!r} has control or direction characters")
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise Refused("holds a number that is too large; only finite numbers are allowed")


def _manifest(data: bytes, there: set[str]) -> Manifest:
    found = strict_json(data, MANIFEST_NAME)
    if odd := misfit(found, Manifest):
        raise Refused(f"{MANIFEST_NAME}: {odd}")
    if len(found["records"]) > MAX_RECORDS:
        raise Refused(f"{MANIFEST_NAME}: expected at most {MAX_RECORDS} records, got {len(found['records'])}")
    try:
        manifest = Manifest.model_validate(found)
    except ValidationError as error:
        raise Refused(f"{MANIFEST_NAME}: {_first(error)}") from error
    listed = set(manifest.files)
    if listed != there:
        stray = sorted(listed ^ there)[0]
        raise Refused(
            f"{plain(stray)}: {'listed but not there' if stray in listed else f'not listed in {MANIFEST_NAME}'}"
        )
    return manifest


def _submitted(packed: Packed, members: dict[str, bytes]) -> Submitted:
    name = f"{packed.folder}/{FILE_NAME}"
    if name not in members:
        raise Refused(f"{plain(name)}: listed in {MANIFEST_NAME}, but not there")
    record = _record(members[name], name)
    if record.digest != packed.digest:
        raise Refused(f"{name}: another digest than {MANIFEST_NAME} says")
    distances, data = _distances(record, f"{packed.folder}/{DISTANCES_NAME}", members)
    prefix = f"{packed.folder}/images/"
    images = {each: members[each] for each in members if each.startswith(prefix)}
    named = [each for pair in packed.pairs for each in (pair.original, pair.deidentified)]
    if sorted(named) != sorted(images):
        raise Refused(f"{prefix}: its images are not those that {MANIFEST_NAME} lists")
    if images and not record.dataset.redistributable:
        raise Refused(f"{prefix}: images of a dataset that may not be passed on")
    return Submitted(packed, record, members[name], distances, data, images)


def _record(data: bytes, name: str) -> RunRecord:
    found = strict_json(data, name)
    version = found.get("schema_version") if isinstance(found, dict) else None
    if version != SCHEMA_VERSION:
        raise Refused(f"{name}: expected a record of schema version {SCHEMA_VERSION}, got {plain(version, 40)}")
    if odd := misfit(found, RunRecord):
        raise Refused(f"{name}: not a record ({odd})")
    try:
        record = RunRecord.model_validate(found)
    except ValidationError as error:
        raise Refused(f"{name}: not a record ({_first(error)})") from error
    try:
        own = described(record)
    except PluginError as error:
        raise Refused(f"{name}: {plain(error)}") from error
    if any(each.spec.partition(":")[0] != each.name for each in record.metrics) or len(own) != len(record.metrics):
        raise Refused(f"{name}: a metric of its own goes by the name of another")
    unknown = sorted({each.metric for each in record.values} - set(METRICS) - set(own))
    if unknown:
        raise Refused(f"{name}: {plain(unknown[0], 60)!r} is no metric of this deid-bench; take a newer one")
    if not all(_HEX.fullmatch(each) for each in (record.digest, record.dataset.digest, record.protocol.digest)):
        raise Refused(f"{name}: a digest is not 64 hexadecimal digits")
    return record


def _distances(record: RunRecord, name: str, members: dict[str, bytes]) -> tuple[PairDistances | None, bytes | None]:
    expected = record.distances_file.sha256 if record.distances_file else None
    data = members.get(name)
    if data is None and expected is None:
        return None, None
    if data is None or expected is None:
        raise Refused(f"{name}: {'is missing' if data is None else 'the record does not know of it'}")
    if hashlib.sha256(data).hexdigest() != expected:
        raise Refused(f"{name}: not the file that the record names")
    told = record.distances_file
    if told is not None and (told.size != len(data) or told.reason is not None):
        raise Refused(f"{name}: has {len(data)} bytes; the record says {told.size} ({plain(told.reason)})")
    try:
        return read(data), data
    except Refused as error:
        raise Refused(f"{name}: {error}") from None


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return plain(f"{'.'.join(map(str, found['loc']))}: {found['msg']}")
