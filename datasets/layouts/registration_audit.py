"""Looks through a dataset that is being registered: what is there, what is missing, double or damaged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...files import is_folder
from ..base import DatasetError
from ..images import ImageError, read_image
from ..manifest import manifest_digest, without_copies
from ..types import Failure, ProgressCallback
from .layout import Found, Published, Scan
from .registered import LayoutDataset, make_samples
from .registrations import PartRecord, Registration
from .tree import FileState, hash_files


@dataclass(frozen=True, slots=True)
class PartSurvey:
    """What there is of one part of a dataset."""

    record: PartRecord
    published: Published
    differences: tuple[str, ...]
    """Where counts are not the published ones; sentences. They are no errors: sources differ too."""
    short: Mapping[str, int]
    """Identities with fewer images than they should have, and how many they have."""
    one_handed: tuple[str, ...]
    """Subjects of whom one hand only is there, where most have both."""
    absent: tuple[str, ...]
    """Identities of the owners' list that are not there; without a list, numbers that the subjects' numbering skips."""
    unknown: tuple[str, ...]
    """Identities that are not in the owners' list."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that was found out about a folder."""

    parts: Mapping[str, PartSurvey]
    """By name; parts of which nothing is there are not in it."""
    files: Mapping[str, FileState]
    """Every image file of every part."""
    extra: tuple[str, ...]
    """Image files that fit no part of the layout."""
    unreadable: Mapping[str, str]
    """Files that do not decode, and why."""
    twins: tuple[tuple[str, str], ...]
    """Pairs of files with the same bytes under two identities of one part."""
    copies: tuple[tuple[str, str], ...]
    """Pairs of files with the same bytes under one identity of one part."""
    ignored: Mapping[str, int]
    """How many files were passed over, by reason."""

    @property
    def grave(self) -> bool:
        """Whether results on it would suffer: damaged files, or one picture under two identities."""
        return bool(self.unreadable or self.twins)


def survey(
    dataset: LayoutDataset,
    root: Path,
    parts: Sequence[str],
    jobs: int = 1,
    progress: ProgressCallback | None = None,
) -> Survey:
    """Look through a folder: list, hash and decode every image.

    Args:
        dataset: of the kind that is looked for.
        root: the folder.
        parts: which parts of the layout to look for.
        jobs: threads.
        progress: called with (steps done, steps in all); each file is two steps.

    Raises:
        DatasetError: no such folder, nothing of the layout in it, or two files for one image.
    """
    scans = _scan_parts(dataset, root, parts)
    names = sorted({each.name for found in scans.values() for each in found.all})
    total = 2 * len(names)
    hashing = (lambda done, _: progress(done, total)) if progress else None
    states = dict(zip(names, hash_files(root, names, jobs, hashing), strict=True))
    files = {name: each for name, each in states.items() if not isinstance(each, Failure)}
    closed = {name: each.reason for name, each in states.items() if isinstance(each, Failure)}
    decoding = (lambda done, _: progress(len(names) + done, total)) if progress else None
    twins, copies = _same_bytes(scans.values(), files)
    ignored: Counter[str] = Counter()
    for found in scans.values():
        ignored |= Counter(found.ignored)
    return Survey(
        parts={
            part: _survey_part(root, found, files, dataset.layout.parts[part].published, dataset.expected())
            for part, found in scans.items()
        },
        files=files,
        extra=_extra(scans.values()),
        unreadable=closed | unreadable_files(root, list(files), jobs, decoding),
        twins=twins,
        copies=copies,
        ignored=dict(ignored),
    )


def unreadable_files(
    root: Path, names: Sequence[str], jobs: int = 1, progress: ProgressCallback | None = None
) -> dict[str, str]:
    """Decode files in `jobs` threads; those that do not decode, with the reason."""

    def problem(name: str) -> str:
        try:
            read_image(root / name)
        except ImageError as error:
            return str(error)
        return ""

    found = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for done, (name, text) in enumerate(zip(names, pool.map(problem, names), strict=True), start=1):
            if text:
                found[name] = text
            if progress is not None:
                progress(done, len(names))
    return found


def _scan_parts(dataset: LayoutDataset, root: Path, parts: Sequence[str]) -> dict[str, Scan]:
    scans = {}
    for part in parts:
        dataset.choose(part)
        found = dataset.find(root)
        if found.found:
            dataset.check(root, found)
            scans[part] = found
    if not scans:
        dataset.choose(parts[0])
        dataset.check(root, dataset.find(root))
    return scans


def _extra(scans: Iterable[Scan]) -> tuple[str, ...]:
    """What no part knows."""
    strange = [set(each.strange) for each in scans]
    return tuple(sorted(set.intersection(*strange))) if strange else ()


def _same_bytes(
    scans: Iterable[Scan], files: Mapping[str, FileState]
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    twins: list[tuple[str, str]] = []
    copies: list[tuple[str, str]] = []
    for found in scans:
        groups: dict[str, list[Found]] = defaultdict(list)
        for each in found.found:
            if each.name in files:
                groups[files[each.name].sha256].append(each)
        for first, *others in groups.values():
            for other in others:
                (copies if other.identity == first.identity else twins).append((first.name, other.name))
    return tuple(sorted(twins)), tuple(sorted(copies))


def _survey_part(
    root: Path, found: Scan, files: Mapping[str, FileState], published: Published, expected: Mapping[str, int]
) -> PartSurvey:
    kept, _ = without_copies(
        list(make_samples(root, ((each, files[each.name]) for each in found.found if each.name in files)))
    )
    record = PartRecord(
        images=len(found.found),
        identities=len({each.identity for each in found.found}),
        subjects=len({each.subject for each in found.found}),
        manifest=manifest_digest(kept),
    )
    counts = Counter(each.identity for each in found.all)
    wanted = expected or dict.fromkeys(counts, published.per_identity or 0)
    return PartSurvey(
        record=record,
        published=published,
        differences=tuple(_differences(found.all, published)),
        short={name: counts[name] for name, least in wanted.items() if 0 < counts[name] < least},
        one_handed=_one_handed(found.all),
        absent=tuple(sorted(set(expected) - set(counts))) if expected else _absent(found.all),
        unknown=tuple(sorted(set(counts) - set(expected))) if expected else (),
    )


def _differences(found: Sequence[Found], published: Published) -> Iterable[str]:
    counts = {
        "images": (len(found), published.images),
        "identities": (len({each.identity for each in found}), published.identities),
        "subjects": (len({each.subject for each in found}), published.subjects),
    }
    for what, (here, there) in counts.items():
        if there is not None and here != there:
            yield f"{here} {what} here, {there} published"
    hands = {each.hand for each in found}
    if len(hands) == 1 and None not in hands and (published.identities or 0) > (published.subjects or 0):
        yield f"{hands.pop()} hands only"


def _one_handed(found: Sequence[Found]) -> tuple[str, ...]:
    hands: dict[str, set[str]] = defaultdict(set)
    for each in found:
        if each.hand is not None:
            hands[each.subject].add(each.hand)
    single = sorted(name for name, both in hands.items() if len(both) == 1)
    return tuple(single) if 2 * len(single) < len(hands) else ()


def _absent(found: Sequence[Found]) -> tuple[str, ...]:
    numbers = {each.subject for each in found}
    if not numbers or not all(each.isdecimal() for each in numbers):
        return ()
    there = {int(each) for each in numbers}
    first, last = min(1, *there), max(there)
    if last - first + 1 >= 2 * len(there):  # counted before any is listed: it is no numbering, and could be endless
        return ()
    return tuple(str(n) for n in range(first, last) if n not in there)


@dataclass(frozen=True, slots=True)
class Changes:
    """How a folder differs from what was registered; paths below it."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    new: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.new)


def quick_changes(root: Path, files: Mapping[str, FileState]) -> Changes:
    """Files that are gone or whose size or modification time is another one; nothing is read."""
    changed, missing = [], []
    for name, state in files.items():
        try:
            now = (root / name).stat()
        except OSError:
            missing.append(name)
            continue
        if (now.st_size, now.st_mtime_ns) != (state.size, state.mtime_ns):
            changed.append(name)
    return Changes(tuple(changed), tuple(missing), ())


def full_changes(
    dataset: LayoutDataset, known: Registration, jobs: int = 1, progress: ProgressCallback | None = None
) -> Changes:
    """Files whose bytes are others, that are gone, or that came in since; every file is read.

    Raises:
        DatasetError: the folder is gone or cannot be read.
    """
    root, files = known.root, known.files
    if not is_folder(root, DatasetError):
        raise DatasetError(f"expected the registered folder {str(root)!r}, got none; is its disk there?")
    now: set[str] = set()
    for part in known.parts:
        dataset.choose(part)
        now |= {each.name for each in dataset.find(root, known.pattern).all}
    here = [name for name in files if (root / name).is_file()]
    states = dict(zip(here, hash_files(root, here, jobs, progress), strict=True))
    return Changes(
        changed=tuple(
            name for name, state in states.items() if isinstance(state, Failure) or state.sha256 != files[name].sha256
        ),
        missing=tuple(name for name in files if name not in states),
        new=tuple(sorted(now - set(files))),
    )
