"""Published folder layouts: which file is which image of whom, and what should be there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ...files import is_folder
from ...licences import Licence
from ..base import DatasetError
from ..passed_over import PassedOver
from ..types import Aspect, Hand
from .tree import natural_key, safe_id, walk

_LABELS = ("identity", "subject", "session", "hand", "sample")


@dataclass(frozen=True, slots=True)
class Published:
    """Counts that a dataset's owners or papers give. They are warnings: what lies on disk is what is used."""

    images: int | None = None
    identities: int | None = None
    subjects: int | None = None
    per_identity: int | None = None
    """Images of every identity, where that is one number."""
    note: str = ""
    """Where sources differ, or what the numbers leave out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One set of files of a dataset: original images, ready-made regions, one of several alignments."""

    pattern: str
    """Regular expression for the end of a file's path (with slashes, upper and lower case alike). Its named groups are
    `subject` or `identity`, and where there are such `hand`, `session` and `sample`; other named groups only make
    sample ids unique."""
    published: Published = field(default_factory=Published)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files of a dataset lie and where they come from."""

    parts: Mapping[str, Part]
    """By name; the first one is the default."""
    tree: str
    """The layout in one line, for messages."""
    how_to_get: str
    """One or two sentences."""
    terms: Licence
    """Shown when the dataset is registered."""
    errata: tuple[str, ...] = ()
    """Known faults of the published files and what is done about them."""
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Published MD5 digests of the archives by part; several where the sources differ."""


@dataclass(frozen=True, slots=True)
class Found:
    """One image before it is hashed."""

    name: str
    """Path below the dataset's folder, with slashes."""
    sample_id: str
    identity: str
    subject: str
    session: str | None = None
    hand: Hand | None = None
    aspect: Aspect | None = None
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What is known of the person, by kind; see `Sample.groups`."""
    left_out: str = ""
    """Why the image is not used, although it belongs to the dataset; a few words. Empty: it is used."""


Labeller = Callable[[str, Mapping[str, str]], Found | str]
"""Makes a `Found` of a path and the groups of the pattern, or says in a few words why the file is no image of the
dataset after all."""


@dataclass(frozen=True)
class Scan:
    """What a folder holds, seen through one part of a layout."""

    found: tuple[Found, ...]
    """In natural order of their sample ids."""
    strange: tuple[str, ...]
    """Image files that do not fit the pattern."""
    clashes: tuple[tuple[str, str], ...]
    """Two files for the same image of the same identity: the second of each pair is not in `found`."""
    left_out: tuple[Found, ...]
    """Images of the dataset that are not used."""
    passed: PassedOver
    """Everything that is passed over."""

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many files were passed over, by reason."""
        return self.passed.counts

    @cached_property
    def all(self) -> tuple[Found, ...]:
        """Every image of the dataset, used or not."""
        return self.found + self.left_out


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern ready to be matched against whole paths.

    Raises:
        DatasetError: no regular expression, or one that does not say whose image it is.
    """
    try:
        compiled = re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE)
    except re.error as error:
        raise DatasetError(f"expected a regular expression as pattern, got {pattern!r} ({error}); correct it") from None
    if not {"subject", "identity"} & set(compiled.groupindex):
        raise DatasetError(
            f"expected a pattern with a named group (?P<subject>…) or (?P<identity>…), got {pattern!r}; add one of the "
            "two and, where there are such, hand, session and sample"
        )
    return compiled


def plain_labels(name: str, groups: Mapping[str, str]) -> Found | str:
    """Labels as the groups have them: a palm is a subject and a hand, a face is a subject."""
    hand = _hand(groups.get("hand", ""))
    subject = groups.get("subject") or groups["identity"]
    identity = groups.get("identity") or (f"{subject}-{hand}" if hand else subject)
    session = groups.get("session") or None
    rest = [groups[each] for each in groups if each not in _LABELS and groups[each]]
    last = groups.get("sample") or Path(name).stem
    sample = "-".join([*([f"s{session}"] if session else []), *rest, last])
    return Found(name, safe_id(f"{identity}/{sample}"), identity, subject, session, hand)


def _hand(text: str) -> Hand | None:
    first = text[:1].lower()
    return "left" if first == "l" else "right" if first == "r" else None


def scan(root: Path, pattern: str, label: Labeller = plain_labels) -> Scan:
    """List the images below a folder.

    The folder's own name counts as part of the paths, so the dataset's folder or one above it may be given.

    Raises:
        DatasetError: no such folder, an unreadable one, or a pattern that is none.
    """
    if not is_folder(root, DatasetError):
        raise DatasetError(f"expected a folder, got {str(root)!r} which is none; check the path")
    compiled, passed, strange = compile_pattern(pattern), PassedOver(), []
    found: dict[str, Found] = {}
    left_out: list[Found] = []
    clashes = []
    top = root.resolve().name
    for name in sorted(walk(root, passed), key=natural_key):
        match = compiled.fullmatch(f"{top}/{name}")
        if match is None:
            strange.append(name)
            continue
        labels = label(name, {key: value or "" for key, value in match.groupdict().items()})
        if isinstance(labels, str):
            passed.add(labels, name)
        elif labels.left_out:
            passed.add(labels.left_out, name)
            left_out.append(labels)
        elif labels.sample_id in found:
            clashes.append((found[labels.sample_id].name, name))
        else:
            found[labels.sample_id] = labels
    order = sorted(found.values(), key=lambda each: natural_key(each.sample_id))
    return Scan(tuple(order), tuple(strange), tuple(clashes), tuple(left_out), passed)
