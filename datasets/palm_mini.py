"""The `palm-mini` dataset: 24 rendered palms that ship inside the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from .base import DatasetError, DatasetInfo, GroundTruth, Sample
from .manifest import file_sha256
from .rendering.palm_seeds import MINI_SET
from .synthetic_palm import PlannedImage, SettingName, plan_palms, read_manifest, with_skin
from .types import ProgressCallback

IDENTITIES = 24
SAMPLES = 4
MANIFEST, TRUTH = "manifest.csv", "truth.npz"


def mini_folder(setting: SettingName) -> Path:
    """Where the images of one setting are."""
    return Path(__file__).parent / "assets" / "palm_mini" / setting


def mini_plan() -> list[PlannedImage]:
    """Names and seeds of the set; both settings show the same palms."""
    return list(plan_palms(MINI_SET.start, IDENTITIES, SAMPLES))


class PalmMini:
    """24 palms (both hands of 12 subjects), 4 images each, in either of two settings; nothing to download.

    Args:
        setting: `controlled` (dark backing, even light) or `wild` (any light, everyday background).
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="palm-mini",
        version="1",
        modality="palm",
        description="24 procedurally rendered palms x 4 images, shipped with the package.",
        licence="Apache-2.0",
        citation="",
        rendered=True,
    )

    def __init__(self, setting: SettingName = "controlled") -> None:
        if setting not in ("controlled", "wild"):
            raise DatasetError(f"setting must be controlled or wild, got {setting!r}")
        self.setting: SettingName = setting

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """Check that every file is there and unchanged.

        Args:
            jobs: accepted for the contract; hashing takes a fraction of a second.
            progress: called with (files checked, files in all).

        Raises:
            DatasetError: a file is missing or differs from the manifest.
        """
        samples = self.samples()
        if len(samples) != IDENTITIES * SAMPLES:
            raise DatasetError(self._damage(f"expected {IDENTITIES * SAMPLES} samples, found {len(samples)}"))
        for number, sample in enumerate(samples, 1):
            if not sample.path.is_file():
                raise DatasetError(self._damage(f"{sample.path.name} is missing"))
            if file_sha256(sample.path) != sample.sha256:
                raise DatasetError(self._damage(f"{sample.path.name} differs from its SHA-256 in {MANIFEST}"))
            if progress is not None:
                progress(number, len(samples))

    def samples(self) -> Sequence[Sample]:
        """All 96 samples, ordered by subject, hand and number."""
        manifest = mini_folder(self.setting) / MANIFEST
        if not manifest.is_file():
            raise DatasetError(self._damage(f"{MANIFEST} is missing"))
        return with_skin(read_manifest(manifest), mini_plan())

    def truth(self, sample_id: str) -> GroundTruth:
        """What the renderer knows about an image.

        Raises:
            DatasetError: no such sample, or the file of ground truths is damaged.
        """
        path = mini_folder(self.setting) / TRUTH
        try:
            with np.load(path, allow_pickle=False) as arrays:
                rows = np.flatnonzero(arrays["sample_ids"] == sample_id)
                if len(rows) != 1:
                    raise DatasetError(f"expected a sample id of this set such as s0000-left-00, got {sample_id!r}")
                height, width = (int(v) for v in arrays["size"])
                bits = np.unpackbits(arrays["masks"][rows[0]], count=height * width)
                return GroundTruth(
                    keypoints_2d=arrays["keypoints"][rows[0]],
                    mask=bits.reshape(height, width).astype(bool),
                    roi=arrays["rois"][rows[0]],
                )
        except (OSError, KeyError, EOFError) as error:
            raise DatasetError(self._damage(f"{TRUTH} cannot be read ({type(error).__name__})")) from error

    def _damage(self, what: str) -> str:
        return f"the {self.setting} part of palm-mini is damaged: {what}; install deid-bench again to restore it"
