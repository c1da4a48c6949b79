"""The `synthetic-palm` dataset: procedurally rendered palms, as many as asked for."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from ..files import cache_root, write_atomically
from .base import DatasetError, DatasetInfo, GroundTruth, Sample
from .manifest import file_sha256
from .rendering.palm_seeds import BLOCK_SIZE, user_set_start
from .types import Hand, ProgressCallback

if TYPE_CHECKING:
    from .rendering.palm_render import Capture

RENDERER_VERSION = "1"
"""Raised whenever the same seeds give other images; it names the cache folder, so old files are never mixed in."""
MANIFEST_FIELDS = ("sample_id", "identity", "subject", "hand", "file", "sha256")

SettingName = Literal["controlled", "wild"]


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One image of the set, before it is rendered."""

    sample_id: str
    identity: str
    subject: str
    hand: Hand
    identity_seed: int
    sample_seed: int

    @property
    def file(self) -> str:
        """Name inside the dataset's folder."""
        return f"{self.sample_id}.jpg"


def plan_palms(start: int, identities: int, samples: int) -> Iterator[PlannedImage]:
    """Names and seeds of a set whose first identity seed is `start` (even)."""
    for number in range(identities):
        subject, hand_number = divmod(number, 2)
        hand: Hand = "right" if hand_number else "left"
        identity = f"s{subject:04d}-{hand}"
        for sample in range(samples):
            name = f"{identity}-{sample:02d}"
            yield PlannedImage(name, identity, f"s{subject:04d}", hand, start + number, sample)


def manifest_text(rows: Sequence[tuple[PlannedImage, str]]) -> str:
    """The manifest's CSV text for images and the SHA-256 digests of their files."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(MANIFEST_FIELDS)
    for image, sha256 in rows:
        writer.writerow((image.sample_id, image.identity, image.subject, image.hand, image.file, sha256))
    return stream.getvalue()


def read_manifest(path: Path) -> list[Sample]:
    """The samples listed in a manifest; files are relative to it.

    Raises:
        DatasetError: there is no manifest, or it lacks columns.
    """
    if not path.is_file():
        raise DatasetError(f"expected a manifest at {path}, found none; call prepare() first")
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != MANIFEST_FIELDS:
            raise DatasetError(
                f"expected the columns {', '.join(MANIFEST_FIELDS)} in {path}, found {reader.fieldnames}; "
                "delete the file and call prepare() again"
            )
        return [
            Sample(
                sample_id=row["sample_id"],
                identity=row["identity"],
                subject=row["subject"],
                path=path.parent / row["file"],
                sha256=row["sha256"],
                hand="left" if row["hand"] == "left" else "right",
                aspect="palmar",
            )
            for row in reader
        ]


def with_skin(samples: Sequence[Sample], plan: Iterable[PlannedImage]) -> list[Sample]:
    """The samples with the skin tone of their person as a group."""
    from .rendering.palm_identity import skin_group

    tones = {image.sample_id: skin_group(image.identity_seed) for image in plan}
    return [
        replace(each, groups={"skin": tones[each.sample_id]}) if each.sample_id in tones else each for each in samples
    ]


class SyntheticPalm:
    """Rendered palms in a cache folder; the same parameters always give the same files.

    Args:
        identities: number of palms; they come in pairs, the left and the right hand of one subject.
        samples: images of each palm.
        setting: `controlled` (dark backing, even light) or `wild` (any light, everyday background).
        seed: which block of identities; sets of different seeds have no palm in common.

    The files go to the user's cache folder, or to the folder that the environment variable DEID_BENCH_CACHE names.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="synthetic-palm",
        version=RENDERER_VERSION,
        modality="palm",
        description="Procedurally rendered open hands; the creases are the identity.",
        licence="Apache-2.0",
        citation="",
        rendered=True,
    )

    def __init__(
        self, identities: int = 100, samples: int = 4, setting: SettingName = "controlled", seed: int = 0
    ) -> None:
        if not 1 <= identities <= BLOCK_SIZE:
            raise DatasetError(f"identities must lie in 1..{BLOCK_SIZE}, got {identities}")
        if samples < 1:
            raise DatasetError(f"samples must be at least 1, got {samples}")
        if setting not in ("controlled", "wild"):
            raise DatasetError(f"setting must be controlled or wild, got {setting!r}")
        try:
            self._start = user_set_start(seed)
        except ValueError as error:
            raise DatasetError(str(error)) from error
        self.identities = identities
        self.samples_per_identity = samples
        self.setting: SettingName = setting
        self.seed = seed

    @property
    def block(self) -> int | str:
        """Which identity seeds: part of the folder's name."""
        return self.seed

    @property
    def folder(self) -> Path:
        """Where this set's files are; its name depends on all parameters and on the renderer's version."""
        parameters = (RENDERER_VERSION, self.identities, self.samples_per_identity, self.setting, self.block)
        digest = hashlib.sha256(repr(parameters).encode()).hexdigest()[:16]
        return cache_root() / "datasets" / "synthetic-palm" / digest

    @property
    def recipe(self) -> tuple[str, str, tuple[tuple[str, int, int], ...]]:
        """What the images are rendered from: the renderer's version, the setting, and ids with their two seeds.

        The files are the same on one kind of processor alone: OpenCV rounds otherwise on another.
        """
        planned = tuple((each.sample_id, each.identity_seed, each.sample_seed) for each in self._plan())
        return RENDERER_VERSION, self.setting, planned

    @property
    def is_rendered(self) -> bool:
        """Whether all images were made before, so that `prepare` only looks after them."""
        return (self.folder / "manifest.csv").is_file()

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """Render what is missing or damaged; a killed run is taken up where it stopped.

        Args:
            jobs: number of processes; the files do not depend on it.
            progress: called with (images ready, images in all).

        Raises:
            DatasetError: jobs is below 1.
        """
        if jobs < 1:
            raise DatasetError(f"jobs must be at least 1, got {jobs}")
        manifest = self.folder / "manifest.csv"
        plan = self._plan()
        known = {s.sample_id: s.sha256 for s in read_manifest(manifest)} if manifest.is_file() else {}
        missing = [image for image in plan if not self._is_intact(image, known.get(image.sample_id))]
        if known and not missing:
            return
        done = len(plan) - len(missing)
        for _ in self._render_all(missing, jobs):
            done += 1
            if progress is not None:
                progress(done, len(plan))
        digests = [file_sha256(self.folder / image.file) for image in plan]
        write_atomically(manifest, manifest_text(list(zip(plan, digests, strict=True))).encode())

    def samples(self) -> Sequence[Sample]:
        """All samples, ordered by subject, hand and number.

        Raises:
            DatasetError: `prepare` was not called.
        """
        return with_skin(read_manifest(self.folder / "manifest.csv"), self._plan())

    def truth(self, sample_id: str) -> GroundTruth:
        """What the renderer knows about an image (rendered anew, about a third of a second).

        Raises:
            DatasetError: no such sample.
        """
        for image in self._plan():
            if image.sample_id == sample_id:
                return _capture(image, self.setting).truth
        raise DatasetError(f"expected a sample id of this set such as s0000-left-00, got {sample_id!r}")

    def _is_intact(self, image: PlannedImage, sha256: str | None) -> bool:
        path = self.folder / image.file
        return path.is_file() and sha256 in (None, file_sha256(path))

    def _plan(self) -> list[PlannedImage]:
        return list(plan_palms(self._start, self.identities, self.samples_per_identity))

    def _render_all(self, missing: Sequence[PlannedImage], jobs: int) -> Iterator[None]:
        folder = self.folder
        if jobs == 1 or len(missing) < 2:
            for image in missing:
                render_to_file(folder, image, self.setting)
                yield
            return
        from concurrent.futures import ProcessPoolExecutor, as_completed
        from multiprocessing import get_context

        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
            futures = [pool.submit(render_to_file, folder, image, self.setting) for image in missing]
            try:
                for future in as_completed(futures):
                    future.result()
                    yield
            finally:
                for future in futures:
                    future.cancel()


def render_to_file(folder: Path, image: PlannedImage, setting: SettingName) -> None:
    """Render one image into its file (also runs in worker processes)."""
    write_atomically(folder / image.file, _capture(image, setting).jpeg)


def _capture(image: PlannedImage, setting: SettingName) -> Capture:
    from .rendering.palm_render import render

    return render(image.identity_seed, image.sample_seed, setting)


def _one_thread() -> None:
    """Each worker has a core of its own."""
    import cv2

    cv2.setNumThreads(1)
