"""Datasets that a user brings in their published layout: what all their loaders share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ...files import expanded
from ..base import DatasetError, DatasetInfo, Sample
from ..manifest import check_samples
from ..types import Failure, ProgressCallback
from .layout import Found, Layout, Scan, compile_pattern, plain_labels, scan
from .registrations import Registration, find_registration
from .tree import FileState, hash_files


class LayoutDataset:
    """A dataset that lies on disk in a published layout.

    A loader declares `info` and `layout`; where names alone do not say who is who, it overrides `label`. The files are
    looked for in `root`, else where they were registered (`deid-bench data register NAME PATH`).

    Args:
        root: the dataset's folder; empty: the registered one.
        pattern: regular expression with the named groups `subject` or `identity`, `hand`, `session` and `sample`,
            in the place of the published one; for copies under other names.
        drop: subjects to leave out, separated by `+`; `none`: nobody.
    """

    info: ClassVar[DatasetInfo]
    layout: ClassVar[Layout]
    places: ClassVar[tuple[str, ...]] = ("root",)
    palms: ClassVar[bool] = True
    """Whether all its hands show the palm, where labels say nothing else."""

    def __init__(self, root: str = "", pattern: str = "", drop: str = "none") -> None:
        if pattern:
            compile_pattern(pattern)
        self._root = root
        self._pattern = pattern
        self._drop = frozenset(_plain(each) for each in drop.split("+") if each) - {"none"}
        self._part = next(iter(self.layout.parts))
        self._scan: Scan | None = None
        self._samples: tuple[Sample, ...] = ()

    def label(self, name: str, groups: Mapping[str, str]) -> Found | str:
        """Labels of one file, or why it is left out."""
        return plain_labels(name, groups)

    def expected(self) -> Mapping[str, int]:
        """How many images each identity has by the owners' own list; empty: there is no such list."""
        return {}

    def elsewhere(self) -> Path | None:
        """A folder to use when none is given and none is registered."""
        return None

    @classmethod
    def ready_without(cls) -> str:
        """How the dataset can be used although it is not registered, in a few words; empty: it cannot."""
        return ""

    @property
    def part(self) -> str:
        """Which files of the dataset these are: the original images, ready-made regions, an alignment."""
        return self._part

    def choose(self, part: str) -> None:
        """Use another part of the layout.

        Raises:
            DatasetError: there is none of this name.
        """
        if part not in self.layout.parts:
            raise DatasetError(f"expected one of {', '.join(self.layout.parts)}, got {part!r}; choose one of them")
        self._part = part

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many files below the folder were left out, by reason; filled by `prepare`."""
        return {} if self._scan is None else self._scan.ignored

    @property
    def ignored_names(self) -> Mapping[str, Sequence[str]]:
        """The first names of these, by reason."""
        return {} if self._scan is None else self._scan.passed.names

    def find(self, root: Path, pattern: str = "") -> Scan:
        """List the images of this part below a folder; nothing is hashed or decoded.

        Raises:
            DatasetError: no such folder, or a part that cannot be read.
        """
        return scan(root, self._pattern or pattern or self.layout.parts[self._part].pattern, self._label)

    def _label(self, name: str, groups: Mapping[str, str]) -> Found | str:
        found = self.label(name, groups)
        if isinstance(found, Found) and found.aspect is None and self.palms and self.info.modality == "palm":
            found = replace(found, aspect="palmar")
        if isinstance(found, Found) and not found.left_out and _plain(found.subject) in self._drop:
            return replace(found, left_out="subject left out")
        return found

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """List the files and hash those that are not known from the registration. A second call returns at once.

        Raises:
            DatasetError: the dataset is neither given nor registered, its files do not lie as they should, or they
                are not those that were registered.
        """
        if self._scan is not None:
            return
        root, registration = self._place()
        found = self.find(root, registration.pattern if registration else "")
        self.check(root, found)
        known = registration.files if registration else {}
        states = hash_files(root, [each.name for each in found.found], jobs, progress, known)
        readable = list(readable_files(found, states))
        samples = list(make_samples(root, readable))
        check_samples(samples)
        if registration is not None:
            _check_registered(registration, {each.name: state.sha256 for each, state in readable})
        for name in found.strange:
            found.passed.add("name does not fit the layout", name)
        self._samples = tuple(samples)
        self._scan = found

    def samples(self) -> Sequence[Sample]:
        """All samples in natural order of their ids (`2` before `10`)."""
        if self._scan is None:
            raise DatasetError("expected a prepared dataset, got one whose files are not listed; call prepare() first")
        return self._samples

    def _place(self) -> tuple[Path, Registration | None]:
        if self._root:
            return expanded(self._root), None
        registration = find_registration(self.info.name)
        if registration is not None:
            return registration.root, registration
        other = self.elsewhere()
        if other is not None:
            return other, None
        name = self.info.name
        raise DatasetError(
            f"{name} is not on this machine as far as deid-bench knows. To get it: {self.layout.how_to_get} "
            f"Then: deid-bench data register {name} PATH, or once only: --dataset {name}:root=PATH"
        )

    def check(self, root: Path, found: Scan) -> None:
        """Make sure that what was found can be used.

        Raises:
            DatasetError: no image of the layout, or two files for one image.
        """
        if not found.found:
            seen = f"image files under other names, such as {found.strange[0]!r}" if found.strange else "no image files"
            raise DatasetError(
                f"expected {self.info.name} ({self._part}) as {self.layout.tree} in {str(root)!r}, got {seen}; "
                f"give the dataset's own folder, or describe your names with {self.info.name}:pattern=…"
            )
        if found.clashes:
            first, second = found.clashes[0]
            raise DatasetError(
                f"expected one file for each image of {self.info.name}, got {first!r} and {second!r} for the same one "
                f"({len(found.clashes)} such in all); move the copies out of the folder"
            )


def _plain(subject: str) -> str:
    """A subject without leading zeros, so that 7 and 007 are the same."""
    return subject.strip().lower().lstrip("0") or "0"


def readable_files(found: Scan, states: Iterator[FileState | Failure]) -> Iterator[tuple[Found, FileState]]:
    """The images with the states of their files; those that cannot be read are counted among the passed over."""
    for each, state in zip(found.found, states, strict=True):
        if isinstance(state, Failure):
            found.passed.add(state.reason, each.name)
        else:
            yield each, state


def make_samples(root: Path, files: Iterable[tuple[Found, FileState]]) -> Iterator[Sample]:
    """Samples of the images found, with the digests of their files."""
    for each, state in files:
        yield Sample(
            sample_id=each.sample_id,
            identity=each.identity,
            subject=each.subject,
            path=root / each.name,
            sha256=state.sha256,
            session=each.session,
            hand=each.hand,
            aspect=each.aspect,
            groups=each.groups,
        )


def _check_registered(registration: Registration, now: Mapping[str, str]) -> None:
    files = registration.files
    changed = [name for name, sha256 in now.items() if name not in files or files[name].sha256 != sha256]
    missing = [name for name in files if name not in now and not (registration.root / name).is_file()]
    if changed or missing:
        raise DatasetError(
            f"expected {registration.name} as it was registered on {registration.date[:10]}, got {len(changed)} new or "
            f"changed and {len(missing)} missing files, first {(changed + missing)[0]!r}; see "
            f"deid-bench data verify {registration.name}, then restore the files or register again"
        )
