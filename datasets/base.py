"""What a dataset is: samples with identities, decoded on demand (floor 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .images import read_image

# Plug-ins take these words from here; inside the package they come from their own module.
from .types import Failure, Hand, Image, Modality, ProgressCallback

__all__ = [
    "Dataset",
    "DatasetError",
    "DatasetInfo",
    "Failure",
    "GroundTruth",
    "Hand",
    "Image",
    "Modality",
    "ProgressCallback",
    "Sample",
]


class DatasetError(ValueError):
    """The dataset cannot be used as it is; the message says what was expected, what came and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What a dataset says about itself; copied into every record."""

    name: str
    """Registry name."""
    version: str
    """Raised whenever the images or labels of the same parameters change."""
    modality: Modality
    description: str
    """One line."""
    licence: str
    citation: str
    """BibTeX key or plain reference; empty when there is none."""
    rendered: bool = False
    """True when the images are computer graphics; boards and figures say so."""
    redistributable: bool = True
    """False keeps every image of this dataset out of boards and packs."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of one identity. The pixels are decoded on demand and never kept."""

    sample_id: str
    """Unique and stable inside the dataset; `[A-Za-z0-9._/-]+`."""
    identity: str
    """What is compared: one palm (person and hand) or one face."""
    subject: str
    """The person; both palms of a person share it."""
    path: Path
    """The image file."""
    sha256: str
    """Hex digest of the file's bytes."""
    session: str | None = None
    hand: Hand | None = None

    def image(self) -> Image:
        """Decode the file: (H, W, 3) uint8 RGB, upright.

        Raises:
            ImageError: the file is not an image this toolkit can use; the message says why.
        """
        return read_image(self.path)


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What a renderer knows about its own image. Coordinates in px of the image, x right, y down."""

    keypoints_2d: NDArray[np.float32]
    """(21, 2), MediaPipe order."""
    mask: NDArray[np.bool_]
    """(H, W), hand without sleeve."""
    roi: NDArray[np.float32]
    """(4, 2) corners of the palm square from the true joints."""


@runtime_checkable
class Dataset(Protocol):
    """A named, finite, ordered set of samples.

    Parameters of a dataset are the keyword arguments of its constructor, which must be cheap;
    whatever takes long (rendering, unpacking, hashing) happens in `prepare`.
    """

    info: ClassVar[DatasetInfo]

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """Make the files ready. Idempotent; a second call returns at once.

        Raises:
            DatasetError: files are missing, damaged or not in the expected layout.
        """
        ...

    def samples(self) -> Sequence[Sample]:
        """All samples, in a fixed order. Call `prepare` first."""
        ...
