"""Photographs that ship with the package, with the licence and the consent that allow it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, cast

from .base import DatasetError, DatasetInfo, Sample
from .manifest import file_sha256
from .types import Aspect, Hand, ProgressCallback

MANIFEST = "manifest.csv"
_LABELS = ("sample_id", "identity", "subject", "hand", "session", "file", "sha256")


class ShippedPhotographs:
    """A folder of photographs inside the package, listed with their digests in a manifest beside them."""

    info: ClassVar[DatasetInfo]
    folder: ClassVar[str]
    """Below `assets`."""
    aspect: ClassVar[Aspect | None] = None
    """Which side of a hand all photographs show."""

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """Check that every file is there and unchanged.

        Args:
            jobs: accepted for the contract; hashing takes a fraction of a second.
            progress: called with (files checked, files in all).

        Raises:
            DatasetError: a file is missing or differs from the manifest.
        """
        samples = self.samples()
        for number, each in enumerate(samples, 1):
            if not each.path.is_file():
                raise self._damage(f"{each.path.name} is missing")
            if file_sha256(each.path) != each.sha256:
                raise self._damage(f"{each.path.name} differs from its SHA-256 in {MANIFEST}")
            if progress is not None:
                progress(number, len(samples))

    def samples(self) -> Sequence[Sample]:
        """All photographs, in the order of the manifest.

        Raises:
            DatasetError: there is no manifest.
        """
        root = Path(__file__).parent / "assets" / self.folder
        try:
            with (root / MANIFEST).open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
        except OSError:
            raise self._damage(f"{MANIFEST} is missing") from None
        return [
            Sample(
                sample_id=row["sample_id"],
                identity=row["identity"],
                subject=row["subject"],
                path=root / row["file"],
                sha256=row["sha256"],
                session=row["session"] or None,
                hand=cast(Hand, row["hand"]) if row["hand"] else None,
                aspect=self.aspect,
                groups=self.groups({key: value for key, value in row.items() if key not in _LABELS and value}),
            )
            for row in rows
        ]

    def groups(self, row: Mapping[str, str]) -> Mapping[str, str]:
        """What is known of a person, from the manifest's further columns."""
        return row

    def _damage(self, what: str) -> DatasetError:
        return DatasetError(f"{self.info.name} is damaged: {what}; install deid-bench again to restore it")


class PalmPhotos(ShippedPhotographs):
    """48 photographs of four open hands, palm side, at most 1280 px: for a first look, tests and pictures in docs.

    Four palms support no rate of recognition: images are de-identified, measured and shown, and every rate is absent.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="palm-photos",
        version="1",
        modality="palm",
        description="48 photographs of four open hands, shipped with the package; for looking, not for rates.",
        licence="MIT, Copyright (c) 2026 anjitbohara; collected with informed consent",
        citation="anjitbohara, palm-recognition-csy2082, github.com/anjitbohara/palm-recognition-csy2082",
        no_rates="four palms: no rates",
    )
    folder: ClassVar[str] = "palm_photos"
    aspect: ClassVar[Aspect | None] = "palmar"


class FaceLondon(ShippedPhotographs):
    """102 adults, one neutral and one smiling portrait each, 512 x 512 px, in colour, with age, gender and ethnicity.

    The Face Research Lab London Set, resized and compressed. The expression stands as the session. Groups are
    `gender`, `age` (18-24, 25-34, 35 and over) and `ethnicity`, as the people said themselves where they said it.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="face-london",
        version="1",
        modality="face",
        description="Face Research Lab London Set: 102 adults, neutral and smiling, 512 x 512 px, resized; shipped.",
        licence="CC BY 4.0; all signed consent for use in studies and to illustrate research",
        citation="DeBruine and Jones, Face Research Lab London Set, 2017, doi:10.6084/m9.figshare.5047666",
    )
    folder: ClassVar[str] = "face_london"

    def groups(self, row: Mapping[str, str]) -> Mapping[str, str]:
        """Ages in years as three groups; the rest as it stands."""
        known = dict(row)
        if "age" in known:
            known["age"] = age_group(float(known["age"]))
        return known


def age_group(years: float) -> str:
    """Which of three groups an adult's age falls into."""
    return "18-24" if years < 25 else "25-34" if years < 35 else "35 and over"
