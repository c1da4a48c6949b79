"""The `iitd` dataset: IIT Delhi Touchless Palmprint Database V1."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..base import DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from .terms import research_terms

_COUNTS = Published(
    images=2601, identities=460, subjects=230, note="2,601 in most papers; 3,290 has been printed too: the disk decides"
)


class Iitd(LayoutDataset):
    """Both hands of 230 people, five or six images each, whole hands or the owners' 150 x 150 px palm regions.

    Args:
        root: folder with `Left Hand`, `Right Hand` and `Segmented`; empty: the registered one.
        images: `original` (whole hands) or `segmented` (ready-made palm regions).
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="iitd",
        version="1",
        modality="palm",
        description="IIT Delhi Touchless Palmprint Database V1: both hands of 230 people, no sessions",
        licence="Academic research, on request; no redistribution",
        citation="Kumar, Incorporating Cohort Information for Reliable Palmprint Authentication, ICVGIP 2008",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<hand>left|right)[ _]*hand/(?P<subject>\d+)_(?P<sample>\d+)\.(?:jpe?g|bmp|png)", _COUNTS
            ),
            "segmented": Part(
                r"segmented/(?P<hand>left|right)/(?P<subject>\d+)_(?P<sample>\d+)\.(?:bmp|png|jpe?g)", _COUNTS
            ),
        },
        tree="Left  Hand/001_1.JPG, Right Hand/001_1.JPG (or Segmented/Left/001_1.bmp with images=segmented)",
        how_to_get="Apply at https://www4.comp.polyu.edu.hk/~csajaykr/IITD/Database_Palm.htm and unpack the archive.",
        terms=research_terms(
            "iitd", "IIT Delhi Touchless Palmprint Database (Version 1.0)", "IIT Delhi and the Hong Kong PolyU"
        ),
        errata=(
            "The folder of left hands has two blanks in its name in the owners' archive; both spellings are read.",
            "Sources differ in the number of images (2,601 or 3,290) and their size; counts are warnings only.",
        ),
    )

    def __init__(
        self,
        root: str = "",
        images: Literal["original", "segmented"] = "original",
        pattern: str = "",
        drop: str = "none",
    ) -> None:
        super().__init__(root, pattern, drop)
        self.choose(images)
