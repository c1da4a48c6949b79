"""A folder of images on disk as a dataset: one sub-folder an identity, or a CSV file that says who is who."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, cast, get_args

from ..files import NOTHING_THERE, expanded, is_folder
from .base import DatasetError, DatasetInfo, Sample
from .images import suffixes
from .layouts.table import check_encoding, read_table
from .layouts.tree import hash_files, natural_key, safe_id, told_apart, walk, why_not
from .manifest import check_samples
from .passed_over import PassedOver, in_words, printable
from .sample_depth import MIN_BITS, WIDE
from .types import Aspect, Failure, Hand, Modality, ProgressCallback

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"})
"""Names of folders, in lower case, that divide a dataset and are no people."""
FLAT = "a folder without sub-folders does not say who is who: quality and drift alone"
_REQUIRED = frozenset({"file", "identity"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Entry:
    """One image before it is hashed; `name` is its path below the root, with slashes."""

    name: str
    identity: str
    subject: str
    session: str | None = None
    hand: Hand | None = None
    aspect: Aspect | None = None
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Folder:
    """Images below a folder of your own.

    Without a manifest every sub-folder of `path` is one identity and every image below it, at any depth, one of its
    samples; the identity stands for the subject too. Where the sub-folders are called train, val, test or the like,
    those below them are the identities. A folder without sub-folders does not say who is who: its images are
    de-identified and measured, and there are no rates.

    With a manifest (CSV with a header) the columns `file` (path relative to `path`) and `identity` are required;
    `subject`, `session`, `hand` (left, right or empty) and `aspect` (palmar, dorsal or empty: which side of the hand is
    seen) are optional, other columns are ignored.

    Files that do not decode stay samples, so that they are counted as failures and do not vanish. Everything that is
    passed over is counted by reason.

    Args:
        path: the folder; `~` is expanded. It is never written anywhere.
        manifest: name of the CSV file, relative to `path` or absolute; empty: sub-folders are identities.
        modality: what the images show, `palm` or `face`.
        name: what records and boards call it; empty: the folder's own name.
        encoding: of the manifest, where it is neither UTF-8 nor UTF-16 with a mark: `latin-1`, `cp1252`, …
        bits: how many bits the samples of 16-bit files use (9 to 16), where the files do not say; 0: what they say.
        level: which level of sub-folders tells identities; 0: the first, or the second below train, val, test.
        groups: columns of the manifest that tell groups of people, divided by `+`, such as `gender+age`.
        show: put images on your own boards. They never go into packs.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="folder",
        version="1",
        modality="palm",
        description="Images below a folder of your own, one sub-folder an identity or with a CSV manifest",
        licence="as the files themselves; never redistributed",
        citation="",
        redistributable=False,
    )
    places: ClassVar[tuple[str, ...]] = ("path", "manifest")

    def __init__(
        self,
        path: str,
        manifest: str = "",
        modality: Modality = "palm",
        name: str = "",
        encoding: str = "",
        bits: int = 0,
        level: int = 0,
        groups: str = "",
        show: bool = False,
    ) -> None:
        if modality not in get_args(Modality):
            raise ValueError(f"expected modality palm or face, got {modality!r}; choose one of the two")
        if not path:
            raise ValueError("expected the path of a folder, got an empty one; pass path=…")
        if bits and not MIN_BITS <= bits <= WIDE:
            raise ValueError(f"expected bits={MIN_BITS} to {WIDE}, got {bits}; leave it out for 8-bit files")
        if level < 0:
            raise ValueError(f"expected level 1 or more, or 0, got {level}")
        if groups and not manifest:
            raise ValueError("expected a manifest with the columns of groups=, got none; pass manifest=…")
        check_encoding(encoding)
        self._root = expanded(path)
        self._manifest, self._encoding = manifest, encoding
        self._bits, self._level = bits, level
        self._groups = tuple(each.strip() for each in groups.split("+") if each.strip())
        self.label = printable(name or self._root.resolve().name) or "folder"
        """What it is called wherever it is named."""
        # Of all folders the class's description holds; what differs is shadowed, not declared anew.
        self._describe(modality=modality, shown=show)
        self._samples: list[Sample] | None = None
        self._passed = PassedOver()
        self._notes: list[str] = []
        self._written: dict[str, str] = {}

    def _describe(self, **changes: object) -> None:
        vars(self)["info"] = dataclasses.replace(self.info, **changes)  # type: ignore[arg-type]

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many entries below the folder were left out, by reason; filled by `prepare`."""
        return self._passed.counts

    @property
    def ignored_names(self) -> Mapping[str, Sequence[str]]:
        """The first names of these, by reason."""
        return self._passed.names

    @property
    def notes(self) -> Sequence[str]:
        """How the folder was read, where that is not the plain case."""
        return tuple(self._notes)

    @property
    def written(self) -> Mapping[str, str]:
        """Names of people as folders or manifest have them, by what became of them in samples; the changed ones."""
        return dict(self._written)

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """List and hash the files, in `jobs` threads. A second call returns at once.

        Raises:
            DatasetError: no such folder, no images, or a manifest that does not fit its files.
        """
        if self._samples is not None:
            return
        if not is_folder(self._root, DatasetError):
            raise DatasetError(f"expected a folder, got {str(self._root)!r} which is none; check path=…")
        self._passed, self._notes, self._written = PassedOver(), [], {}
        found = self._from_manifest() if self._manifest else self._from_folders()
        entries = sorted(found, key=lambda each: natural_key(each.name))
        samples = list(self._hash(entries, max(1, jobs), progress))
        if not samples:
            raise DatasetError(
                f"expected images ({' '.join(sorted(suffixes()))}) in {self._root.name!r}, one sub-folder an identity, "
                f"got none (left out: {in_words(self.ignored) or 'nothing'}); sort them into sub-folders or pass "
                "manifest=…"
            )
        check_samples(samples)
        self._samples = samples

    def samples(self) -> Sequence[Sample]:
        """All samples in natural order of their paths (`2.png` before `10.png`)."""
        if self._samples is None:
            raise DatasetError("expected a prepared dataset, got one whose files are not listed; call prepare() first")
        return tuple(self._samples)

    def _hash(self, entries: Sequence[_Entry], jobs: int, progress: ProgressCallback | None) -> Iterator[Sample]:
        states = hash_files(self._root, [each.name for each in entries], jobs, progress)
        for entry, state in zip(entries, states, strict=True):
            if isinstance(state, Failure):
                self._passed.add(state.reason, entry.name)
                continue
            yield Sample(
                sample_id=safe_id(entry.name),
                identity=self._label(entry.identity),
                subject=self._label(entry.subject),
                path=self._root / entry.name,
                sha256=state.sha256,
                session=entry.session,
                hand=entry.hand,
                aspect=entry.aspect,
                bits=self._bits,
                groups=entry.groups,
            )

    def _label(self, name: str) -> str:
        """A folder's or person's name that can stand in any text; what was replaced is told apart by a digest."""
        plain = printable(name)
        if plain == name:
            return name
        label = told_apart(plain, name)
        self._written[label] = name
        return label

    # -------------------------------------------------------------------------------------------- sub-folders

    def _from_folders(self) -> list[_Entry]:
        names = list(walk(self._root, self._passed))
        if names and not any("/" in each for each in names):
            self._describe(no_rates=FLAT)
            self._notes.append(f"{len(names)} images in one folder: {FLAT}")
            return [_Entry(each, each, each) for each in names]
        level = self._level or self._guess_level(names)
        entries = []
        for name in names:
            parts = name.split("/")
            if len(parts) > level:
                entries.append(_Entry(name, parts[level - 1], parts[level - 1]))
            else:
                self._passed.add("outside a sub-folder", name)
        self._count_empty({each.name.split("/")[0] for each in entries})
        return entries

    def _guess_level(self, names: Sequence[str]) -> int:
        """The level of the identities: the second where the first is splits, and people's folders lie below."""
        inside: dict[str, set[str]] = defaultdict(set)
        for name in names:
            top, *rest = name.split("/")
            if rest:
                inside[top].add(rest[0] if len(rest) > 1 else "")
        tops = {each.lower() for each in inside}
        if not tops or not tops <= SPLITS or any("" in below for below in inside.values()):
            return 1
        people = [each for below in inside.values() for each in below]
        shared = len(people) - len(set(people))
        self._notes.append(
            f"{', '.join(sorted(inside))} are taken for parts of one dataset, not for people: the {len(set(people))} "
            f"sub-folders below them are the identities ({shared} of them occur in several parts). For one part alone "
            f"pass its path; for identities called so, level=1"
        )
        return 2

    def _count_empty(self, used: set[str]) -> None:
        """Sub-folders of which nothing is left: people who would vanish without a word."""
        try:
            children = sorted(self._root.iterdir())
        except OSError:
            return
        for each in children:
            if not each.name.startswith(".") and not each.is_symlink() and each.is_dir() and each.name not in used:
                self._passed.add("sub-folder without an image", each.name)

    # -------------------------------------------------------------------------------------------- manifest

    def _from_manifest(self) -> list[_Entry]:
        table = self._root / self._manifest
        seen: set[str] = set()
        entries = []
        for line, row in read_table(table, _REQUIRED | set(self._groups), self._encoding):
            entry = self._entry(row, line)
            if entry.name in seen:
                raise DatasetError(f"manifest line {line}: expected each file once, got {entry.name!r} again")
            seen.add(entry.name)
            reason = why_not(self._root / entry.name, self._root)
            if reason:
                self._passed.add(f"manifest line: {reason}", f"line {line}: {entry.name}")
            else:
                entries.append(entry)
        inside = table.resolve().is_relative_to(self._root.resolve())
        besides = table.resolve().relative_to(self._root.resolve()).as_posix() if inside else ""
        for name in walk(self._root, self._passed, besides):
            if name not in seen:
                self._passed.add("image without a line in the manifest", name)
        return entries

    def _entry(self, row: Mapping[str, str], line: int) -> _Entry:
        where = f"manifest line {line}"
        name, identity = row["file"], row["identity"]
        hand, aspect = (row.get(each, "").lower() for each in ("hand", "aspect"))
        if not name or not identity:
            raise DatasetError(f"{where}: expected a file and an identity, got {name!r} and {identity!r}; fill both in")
        if hand not in {"", "left", "right"}:
            raise DatasetError(f"{where}: expected hand left, right or empty, got {hand!r}; correct it")
        if aspect not in {"", *get_args(Aspect)}:
            raise DatasetError(f"{where}: expected aspect palmar, dorsal or empty, got {aspect!r}; correct it")
        relative = Path(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise DatasetError(f"{where}: expected a path inside the folder, got {name!r}; give it relative to path=…")
        if not _is_there(self._root / relative):
            raise DatasetError(f"{where}: expected an existing file, got {name!r}; add the file or remove the line")
        return _Entry(
            name=relative.as_posix(),
            identity=identity,
            subject=row.get("subject") or identity,
            session=row.get("session") or None,
            hand=cast(Hand, hand) if hand else None,
            aspect=cast(Aspect, aspect) if aspect else None,
            groups={each: row[each] for each in self._groups if row[each]},
        )


def _is_there(file: Path) -> bool:
    """Whether a file or a link lies there, or something that may not be looked at; what it is is asked later."""
    try:
        file.lstat()
    except ValueError:  # a NUL
        return False
    except OSError as error:
        return error.errno not in NOTHING_THERE
    return True
