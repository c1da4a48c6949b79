"""The `mpd` dataset: Tongji Mobile Palmprint Dataset (DeepMPV+)."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..base import DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from .terms import research_terms

_COUNTS = Published(images=16_000, identities=400, subjects=200, per_identity=40)
_NAME = r"(?P<subject>\d{3})_(?P<session>\d)_(?P<device>[hm])_(?P<hand>[lr])_(?P<sample>\d+)"


class Mpd(LayoutDataset):
    """Both hands of 200 people with two phones in two sessions, ten images each.

    Args:
        root: the folder; empty: the registered one.
        images: `original` or `roi` (names that end in `_ROI`).
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="mpd",
        version="1",
        modality="palm",
        description="Mobile Palmprint Dataset (MPD): 400 palms, 2 phones x 2 sessions x 10 images",
        licence="Academic research; no redistribution",
        citation="Zhang et al., Pay by Showing Your Palm, ICME 2019",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(rf"{_NAME}\.(?:jpe?g|png|bmp)", _COUNTS),
            "roi": Part(rf"{_NAME}_ROI\.(?:jpe?g|png|bmp)", _COUNTS),
        },
        tree="001_1_h_l_01.jpg (person, session, phone h or m, hand, number; …_ROI.jpeg with images=roi)",
        how_to_get="See https://cslinzhang.github.io/deepmpv.",
        terms=research_terms("mpd", "Mobile Palmprint Dataset (MPD)", "Tongji University"),
        errata=("Names of the original images are taken to be those of the regions; else give a pattern.",),
    )

    def __init__(
        self, root: str = "", images: Literal["original", "roi"] = "original", pattern: str = "", drop: str = "none"
    ) -> None:
        super().__init__(root, pattern, drop)
        self.choose(images)
