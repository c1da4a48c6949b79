"""What a dataset is: samples with identities, decoded on demand (floor 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .images import read_image

# Plug-ins take these words from here; inside the package they come from their own module.
from .types import Aspect, Failure, Hand, Image, Modality, ProgressCallback

__all__ = [
    "Aspect",
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
    shown: bool = False
    """True lets images stand on the user's own boards although they may not be passed on; never in packs."""
    no_rates: str = ""
    """Why it supports no rate of recognition, such as `four palms: no rates`; empty: it does. Where it is given,
    images are de-identified, measured and shown, and every rate is absent for this reason."""


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
    aspect: Aspect | None = None
    """Which side of the hand the image shows, as the dataset's labels have it; None: they do not say."""
    bits: int = 0
    """How many bits the samples of a 16-bit file use, where the user states it; 0: what the file declares, else 16."""
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What is known of the person, by kind, such as `{"gender": "female"}`; numbers are told by them, never computed
    from them."""

    def image(self) -> Image:
        """Decode the file: (H, W, 3) uint8 RGB, upright.

        Raises:
            ImageError: the file is not an image this toolkit can use; the message says why.
        """
        return read_image(self.path, self.bits)


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
class PassesOver(Protocol):
    """An optional ability: a dataset that does not use all that it finds."""

    @property
    def ignored(self) -> Mapping[str, int]:
        """How many files, folders and lines by reason; shown, and kept in records."""
        ...


@runtime_checkable
class NamesPassedOver(Protocol):
    """An optional ability: a dataset that names what it does not use."""

    @property
    def ignored_names(self) -> Mapping[str, Sequence[str]]:
        """The first names by reason; shown."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """An optional ability: a dataset of which something has to be known before a number is believed."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences."""
        ...


@runtime_checkable
class RenamesPeople(Protocol):
    """An optional ability: a dataset that changes names of people that could not stand in a text."""

    @property
    def written(self) -> Mapping[str, str]:
        """Names as the files have them, by those in the samples."""
        ...


@runtime_checkable
class HasLabel(Protocol):
    """An optional ability: a dataset that lies in a folder of the user's, whose path is written nowhere."""

    @property
    def label(self) -> str:
        """What it is called instead."""
        ...


@runtime_checkable
class HidesPlaces(Protocol):
    """An optional ability: a dataset with parameters that say where something lies on this machine."""

    places: ClassVar[tuple[str, ...]]
    """Their names; their values never reach anything that is written."""


@runtime_checkable
class Dataset(Protocol):
    """A named, finite, ordered set of samples.

    Parameters of a dataset are the keyword arguments of its constructor, which must be cheap;
    whatever takes long (rendering, unpacking, hashing) happens in `prepare`.

    What it may have beside: `PassesOver`, `NamesPassedOver`, `HasNotes`, `RenamesPeople`, `HasLabel`, `HidesPlaces`,
    and the abilities of every kind in `plugins/abilities.py`.
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
