"""Registering a dataset: its archives, the terms, and what is remembered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ... import licences as _licences
from ...files import expanded
from ...licences import Licence
from ..base import DatasetError
from .registered import LayoutDataset
from .registration_audit import Survey
from .registrations import Registration, find_registration, save_registration

_CHUNK = 1 << 20

Archives = Mapping[str, Mapping[str, str]]
"""SHA-256 and MD5 by file name."""


def terms_accepted(terms: Licence) -> bool:
    """True when the terms as they stand now were accepted when the dataset was registered, or for this process."""
    named = os.environ.get(_licences.VARIABLE, "").split(",")
    if terms.name in {each.strip() for each in named}:
        return True
    try:
        known = find_registration(terms.name)
    except DatasetError:  # a damaged registration is about to be replaced
        return False
    return known is not None and known.terms_sha256 == terms.sha256


def check_archives(dataset: LayoutDataset, parts: Sequence[str], archives: Sequence[Path]) -> Archives:
    """Compare archives with the published digests.

    The MD5 stands for what its owners published, no more; the SHA-256 is what is remembered.

    Returns:
        SHA-256 and MD5 of each, by file name.

    Raises:
        DatasetError: no such file, another one than the published, or nothing is published for this dataset.
    """
    published = {md5 for part in parts for md5 in dataset.layout.archives.get(part, ())}
    if archives and not published:
        raise DatasetError(
            f"expected no --archive for {dataset.info.name}: no digest of its archives is published; leave it out"
        )
    checked = {}
    for path in archives:
        sha256, md5 = _digests(path)
        if md5 not in published:
            raise DatasetError(
                f"{path.name}: expected an archive with a published MD5 ({', '.join(sorted(published))}), got {md5}; "
                "download it again"
            )
        checked[path.name] = {"sha256": sha256, "md5": md5}
    return checked


def _digests(path: Path) -> tuple[str, str]:
    both = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        for piece in _pieces(path):
            for each in both:
                each.update(piece)
    except OSError as error:
        raise DatasetError(
            f"{path}: expected a readable archive, got {type(error).__name__}; check the path"
        ) from error
    return both[0].hexdigest(), both[1].hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    with expanded(path).open("rb") as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def register_dataset(dataset: LayoutDataset, root: Path, pattern: str, found: Survey, archives: Archives) -> Path:
    """Remember a dataset whose terms were accepted; returns the file that says so.

    Raises:
        DatasetError: the data folder cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    terms = dataset.layout.terms
    new = Registration(
        name=dataset.info.name,
        root=root,
        date=now,
        pattern=pattern,
        parts={part: each.record for part, each in found.parts.items()},
        files=found.files,
        terms_sha256=terms.sha256,
        terms_accepted=_accepted_before(terms) or now,
        archives=archives,
    )
    return save_registration(new)


def _accepted_before(terms: Licence) -> str:
    try:
        known = find_registration(terms.name)
    except DatasetError:
        return ""
    return known.terms_accepted if known is not None and known.terms_sha256 == terms.sha256 else ""
