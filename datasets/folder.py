"""A folder of images on disk as a dataset: one sub-folder an identity, or a CSV file that says who is who."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, cast, get_args

from .base import DatasetError, DatasetInfo, Sample
from .images import SUFFIXES
from .layouts.tree import hash_files, natural_key, safe_id, walk
from .manifest import check_samples
from .types import Hand, Modality, ProgressCallback


@dataclasses.dataclass(frozen=True, slots=True)
class _Entry:
    """One image before it is hashed; `name` is its path below the root, with slashes."""

    name: str
    identity: str
    subject: str
    session: str | None = None
    hand: Hand | None = None


class Folder:
    """Images below a folder of your own.

    Without a manifest every sub-folder of `path` is one identity and every image below it, at any depth, one of its
    samples; the identity stands for the subject too. With a manifest (CSV with a header, UTF-8) the columns `file`
    (path relative to `path`) and `identity` are required; `subject`, `session` and `hand` (left, right or empty) are
    optional, other columns are ignored.

    Files that do not decode stay samples, so that they are counted as failures and do not vanish.

    Args:
        path: the folder; `~` is expanded.
        manifest: name of the CSV file, relative to `path` or absolute; empty: sub-folders are identities.
        modality: what the images show, `palm` or `face`.
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

    def __init__(self, path: str, manifest: str = "", modality: Modality = "palm") -> None:
        if modality not in get_args(Modality):
            raise ValueError(f"expected modality palm or face, got {modality!r}; choose one of the two")
        if not path:
            raise ValueError("expected the path of a folder, got an empty one; pass path=…")
        # Only the modality differs between folders, so the class's description is shadowed, not declared anew.
        vars(self)["info"] = dataclasses.replace(type(self).info, modality=modality)
        self._root = Path(path).expanduser()
        self._manifest = manifest
        self._samples: list[Sample] | None = None
        self._ignored: Counter[str] = Counter()

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many entries below the folder were left out, by reason; filled by `prepare`."""
        return dict(self._ignored)

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """List and hash the files, in `jobs` threads. A second call returns at once.

        Raises:
            DatasetError: no such folder, no images, a manifest that does not fit its files, or a path that leads
                out of the folder.
        """
        if self._samples is not None:
            return
        if not self._root.is_dir():
            raise DatasetError(f"expected a folder, got {str(self._root)!r} which is none; check path=…")
        self._ignored.clear()
        try:
            entries = sorted(
                self._from_manifest() if self._manifest else self._from_folders(),
                key=lambda each: natural_key(each.name),
            )
        except (csv.Error, OSError) as error:
            raise DatasetError(f"expected a readable folder and manifest, got: {error}; correct that") from error
        if not entries:
            left_out = ", ".join(f"{n} {why}" for why, n in sorted(self._ignored.items())) or "nothing"
            raise DatasetError(
                f"expected images ({' '.join(sorted(SUFFIXES))}) in sub-folders of {self._root.name!r}, one sub-folder "
                f"an identity, got none (left out: {left_out}); sort them into sub-folders or pass manifest=…"
            )
        samples = list(self._hash(entries, max(1, jobs), progress))
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
            yield Sample(
                sample_id=safe_id(entry.name),
                identity=entry.identity,
                subject=entry.subject,
                path=self._root / entry.name,
                sha256=state.sha256,
                session=entry.session,
                hand=entry.hand,
            )

    def _from_folders(self) -> Iterator[_Entry]:
        for name in walk(self._root, self._ignored):
            identity, slash, _ = name.partition("/")
            if slash:
                yield _Entry(name=name, identity=identity, subject=identity)
            else:
                self._ignored["outside a sub-folder"] += 1

    def _check_inside(self, file: Path, name: str) -> None:
        if not file.resolve().is_relative_to(self._root.resolve()):
            raise DatasetError(f"expected files inside the folder, got {name!r} which leads out of it; copy it inside")

    def _from_manifest(self) -> Iterator[_Entry]:
        table = self._root / self._manifest
        try:
            text = table.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(
                f"expected a UTF-8 CSV file as manifest, got {self._manifest!r} ({type(error).__name__}); "
                "name it relative to path=…"
            ) from error
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        missing = {"file", "identity"} - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(
                f"expected the manifest columns file and identity, got {list(reader.fieldnames or ())}; "
                f"add {' and '.join(sorted(missing))} to its first line"
            )
        seen: set[str] = set()
        for row in reader:
            entry = self._entry({k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}, reader.line_num)
            if entry.name in seen:
                raise DatasetError(
                    f"manifest line {reader.line_num}: expected each file once, got {entry.name!r} again"
                )
            seen.add(entry.name)
            yield entry

    def _entry(self, row: Mapping[str, str], line: int) -> _Entry:
        where = f"manifest line {line}"
        name, identity, hand = row["file"], row["identity"], row.get("hand", "").lower()
        if not name or not identity:
            raise DatasetError(f"{where}: expected a file and an identity, got {name!r} and {identity!r}; fill both in")
        if hand not in {"", "left", "right"}:
            raise DatasetError(f"{where}: expected hand left, right or empty, got {hand!r}; correct it")
        relative = Path(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise DatasetError(f"{where}: expected a path inside the folder, got {name!r}; give it relative to path=…")
        file = self._root / relative
        if not file.is_file():
            raise DatasetError(f"{where}: expected an existing file, got {name!r}; add the file or remove the line")
        self._check_inside(file, name)
        return _Entry(
            name=relative.as_posix(),
            identity=identity,
            subject=row.get("subject") or identity,
            session=row.get("session") or None,
            hand=cast(Hand, hand) if hand else None,
        )
