"""The `lfw` dataset: Labeled Faces in the Wild, in any of its three alignments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from ...licences import Licence
from ..base import DatasetError, DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from ..types import ProgressCallback
from .lfw_lists import PUBLISHED_NAMES, read_names

Alignment = Literal["", "original", "funneled", "deepfunneled"]
FOLDERS: Mapping[str, str] = {"original": "lfw", "funneled": "lfw_funneled", "deepfunneled": "lfw-deepfunneled"}
"""Folder that each published archive unpacks to."""
UNNAMED = "unnamed"
"""People's folders that lie in none of these."""

PUBLISHED = Published(images=13_233, identities=5_749, subjects=5_749, note="1,680 people have two or more images")
_IMAGE = r"(?P<subject>[^/]+)/(?P=subject)_(?P<sample>\d{4})\.(?:jpe?g|png)"
_NO_FOLDER = "".join(rf"(?<!/{each}/)(?<!^{each}/)" for each in FOLDERS.values())


class Lfw(LayoutDataset):
    """13,233 images of 5,749 people from the news, 250 x 250 px; 1,680 people have two images or more.

    Args:
        root: folder with `lfw`, `lfw_funneled` or `lfw-deepfunneled`, or with the people's folders themselves; empty:
            the registered one.
        alignment: `original`, `funneled` or `deepfunneled`; empty: the one that is there.
        pattern: for copies under other names, see the guide to datasets.
        drop: people to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="lfw",
        version="1",
        modality="face",
        description="Labeled Faces in the Wild: 13,233 images of 5,749 people, 250 x 250 px",
        licence="Free download for research; the photographs belong to their agencies",
        citation="Huang, Ramesh, Berg and Learned-Miller, Labeled Faces in the Wild, UMass Amherst TR 07-49, 2007",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            **{part: Part(rf"{folder}/{_IMAGE}", PUBLISHED) for part, folder in FOLDERS.items()},
            UNNAMED: Part(rf"{_NO_FOLDER}{_IMAGE}", PUBLISHED),
        },
        tree="lfw/NAME/NAME_0001.jpg (or lfw_funneled/…, lfw-deepfunneled/…)",
        how_to_get="Download lfw.tgz, lfw-funneled.tgz or lfw-deepfunneled.tgz (http://vis-www.cs.umass.edu/lfw, or a "
        "copy of it; data register --archive checks its digest) and unpack it.",
        terms=Licence(
            name="lfw",
            title="Labeled Faces in the Wild, University of Massachusetts Amherst",
            summary="research use; the photographs belong to their agencies",
            terms=(
                "Offered for research on face recognition. The photographs were published by news agencies, to whom "
                "they belong; boards and packs leave them out.",
                "Its makers warn that no result on it proves a system fit for commercial use, and that many groups of "
                "people are hardly in it.",
            ),
        ),
        errata=(
            "The page prints MD5 ac79dc88658530a91423ebbba2b07bf3 for lfw.tgz, the file in circulation has "
            "a17d05bd522c52d84eca14327a23d494: both are accepted.",
        ),
        archives={
            "original": ("a17d05bd522c52d84eca14327a23d494", "ac79dc88658530a91423ebbba2b07bf3"),
            "funneled": ("1b42dfed7d15c9b2dd63d5e5840c86ad",),
            "deepfunneled": ("68331da3eb755a505a502b5aacb3c201",),
        },
    )

    def __init__(self, root: str = "", alignment: Alignment = "", pattern: str = "", drop: str = "none") -> None:
        super().__init__(root, pattern, drop)
        self._open = not alignment and not pattern
        if alignment:
            self.choose(alignment)

    def expected(self) -> Mapping[str, int]:
        """People and numbers of images of LFW's own list."""
        return read_names(PUBLISHED_NAMES)

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """As every dataset of this kind; without `alignment`, settle first on the one that is there.

        Raises:
            DatasetError: also when several alignments are there and none was chosen.
        """
        if self._open:
            self._settle()
        super().prepare(jobs, progress)

    def _settle(self) -> None:
        root, registration = self._place()
        if registration is not None and registration.pattern:
            return
        there = list(registration.parts) if registration else self._parts_in(root)
        if len(there) > 1:
            raise DatasetError(f"expected one alignment of lfw, got {', '.join(there)}; choose with lfw:alignment=…")
        if there:
            self.choose(there[0])
        self._open = False

    def _parts_in(self, root: Path) -> list[str]:
        before, there = self.part, []
        for part in self.layout.parts:
            self.choose(part)
            if self.find(root).found:
                there.append(part)
        self.choose(before)
        return there
