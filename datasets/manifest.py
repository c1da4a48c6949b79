"""What a set of samples is, as one digest, and whether it can be used at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ..characters import alike, plain, spelled
from ..files import hash_if_changed
from .base import DatasetError, Sample

_ID = re.compile(r"[A-Za-z0-9._/-]+")
_TYPES: Mapping[tuple[str, ...], type] = {("sample_id", "identity", "subject", "sha256"): str, ("path",): Path}
_FORMAT = "deid-bench-manifest/1"


def file_sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes.

    Remembered for the life of the process and computed anew when the file's size or modification time changes.

    Raises:
        DatasetError: the file cannot be read.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, a device read without end
            raise DatasetError(f"{path.name}: expected a file, got a pipe, socket, device or folder; leave it out")
        return hash_if_changed(path)
    except OSError as error:
        raise DatasetError(
            f"{path.name}: expected a readable file, got {type(error).__name__}; restore it or its permissions"
        ) from error


def manifest_digest(samples: Iterable[Sample]) -> str:
    """Hex SHA-256 of what the samples are: ids, labels and file contents, whatever their order or folder.

    The hashed text is one JSON array a sample, `[sample_id, identity, subject, hand, session, sha256]`, sorted by
    id, after a line that names this format; so two copies of a dataset agree and a relabelled one does not. A stated
    depth of the samples is added where there is one, and that an image shows the back of a hand.
    """
    rows = sorted(json.dumps([*_labels(s)], separators=(",", ":")) for s in samples)
    return hashlib.sha256("\n".join([_FORMAT, *rows, ""]).encode("ascii")).hexdigest()


def _labels(sample: Sample) -> Iterator[object]:
    yield from (sample.sample_id, sample.identity, sample.subject, sample.hand, sample.session, sample.sha256)
    if sample.bits:
        yield {"bits": sample.bits}
    if sample.aspect == "dorsal":
        yield {"aspect": sample.aspect}


def without_copies(samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], dict[str, str]]:
    """Of byte-equal images of one identity, the first alone: a file compared with itself is no genuine comparison.

    Returns:
        The samples that stay, and by the id of each that does not, the id of its equal.
    """
    first: dict[tuple[str, str], str] = {}
    copies: dict[str, str] = {}
    for each in samples:
        earlier = first.setdefault((each.identity, each.sha256), each.sample_id)
        if earlier != each.sample_id:
            copies[each.sample_id] = earlier
    return tuple(each for each in samples if each.sample_id not in copies), copies


def under_two_identities(samples: Sequence[Sample]) -> dict[str, str]:
    """Byte-equal images of different identities: one picture that counts as two people.

    Returns:
        By the id of each later one, the id of the first.
    """
    first: dict[str, Sample] = {}
    pairs = ((each, first.setdefault(each.sha256, each)) for each in samples)
    return {each.sample_id: earlier.sample_id for each, earlier in pairs if each.identity != earlier.identity}


def alike_names(samples: Sequence[Sample], written: Mapping[str, str] | None = None) -> dict[str, str]:
    """Identities, and subjects, whose names differ only in what people do not see or do not mind: see `alike`.

    Args:
        samples: of a dataset.
        written: names as the files have them, by the name in the samples, where that is another one.

    Returns:
        By each later name the first that is like it, both spelled out.
    """
    written = written or {}
    found: dict[str, str] = {}
    for names in (dict.fromkeys(each.identity for each in samples), dict.fromkeys(each.subject for each in samples)):
        first: dict[str, str] = {}
        for name in (written.get(each, each) for each in names):
            if (earlier := first.setdefault(alike(name), name)) != name:
                found[spelled(name)] = spelled(earlier)
    return found


def check_samples(samples: Sequence[Sample]) -> None:
    """Make sure that a list of samples can be planned with.

    Raises:
        DatasetError: there is none, an id occurs twice or could not serve as a relative file name, or an identity is
            of two subjects or of two hands, or a person in two groups of one kind.
        TypeError: one is not made as the contract says.
    """
    if not samples:
        raise DatasetError("expected at least one sample, got none; check the dataset's path and parameters")
    seen: set[str] = set()
    owners: dict[str, Sample] = {}
    hands: dict[str, Sample] = {}
    grouped: dict[tuple[str, str], tuple[str, str]] = {}
    for sample in samples:
        _check_types(sample)
        name = sample.sample_id
        if not _ID.fullmatch(name) or any(part in {"", ".", ".."} for part in name.split("/")):
            raise DatasetError(
                f"expected sample ids of letters, digits and . _ - in parts divided by /, got {name!r}; rename it"
            )
        if name in seen:
            raise DatasetError(f"expected unique sample ids, got {name!r} twice; rename one of them")
        seen.add(name)
        first = owners.setdefault(sample.identity, sample)
        if first.subject != sample.subject:
            raise DatasetError(
                "expected one subject for an identity, one palm or face of one person; "
                f"{sample.identity!r} is of {first.subject!r} ({first.sample_id}) and of {sample.subject!r} ({name}): "
                "correct one of them; where no subject is given, it is the identity"
            )
        if sample.hand is not None and (other := hands.setdefault(sample.identity, sample)).hand != sample.hand:
            raise DatasetError(
                f"expected one hand for an identity, one palm of one person; {sample.identity!r} is a {other.hand} "
                f"hand ({other.sample_id}) and a {sample.hand} one ({name}): correct one of them, or give each hand an "
                "identity of its own and the person as subject"
            )
        for kind, group in sample.groups.items():
            known, where = grouped.setdefault((sample.subject, kind), (group, name))
            if known != group:
                raise DatasetError(
                    f"expected one {kind} for a person, whose numbers stand in one group; {sample.subject!r} is "
                    f"{known!r} ({where}) and {group!r} ({name}): correct one of them, or leave out {kind}"
                )


def _check_types(sample: object) -> None:
    if not isinstance(sample, Sample):
        raise TypeError(f"expected samples() to give Sample, got {type(sample).__name__}")
    for names, kind in _TYPES.items():
        for name in names:
            if not isinstance(value := getattr(sample, name), kind):
                raise TypeError(
                    f"expected Sample.{name} to be {kind.__name__}, got {type(value).__name__} {plain(repr(value), 80)}"
                )
