"""The `tongji` dataset: Tongji Contactless Palmprint Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from ..base import DatasetInfo
from ..layouts.layout import Found, Layout, Part, Published, plain_labels
from ..layouts.registered import LayoutDataset
from .terms import research_terms

_PER_SESSION = 10
_COUNTS = Published(images=12_000, identities=600, subjects=300, per_identity=20)


class Tongji(LayoutDataset):
    """600 palms of 300 people, ten images in each of two sessions about two months apart.

    Files are numbered through; ten in a row are one palm. Neighbouring palms are taken to be the two hands of one
    person; which is left and which is right is not published.

    Args:
        root: folder with `session1` and `session2`; empty: the registered one.
        images: `original` (.tiff) or `roi` (ready-made palm regions, .bmp).
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="tongji",
        version="1",
        modality="palm",
        description="Tongji Contactless Palmprint Dataset: 600 palms x 10 images x 2 sessions",
        licence="Academic research, on request; no redistribution",
        citation="Zhang et al., Towards contactless palmprint recognition, Pattern Recognition 2017",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(r"session(?P<session>[12])/(?P<identity>\d{5})\.(?:tiff?|jpe?g)", _COUNTS),
            "roi": Part(r"session(?P<session>[12])/(?P<identity>\d{5})\.(?:bmp|png)", _COUNTS),
        },
        tree="session1/00001.tiff … session2/06000.tiff (.bmp with images=roi)",
        how_to_get="See https://cslinzhang.github.io/ContactlessPalm.",
        terms=research_terms("tongji", "Tongji Contactless Palmprint Dataset", "Tongji University"),
    )

    def __init__(
        self, root: str = "", images: Literal["original", "roi"] = "original", pattern: str = "", drop: str = "none"
    ) -> None:
        super().__init__(root, pattern, drop)
        self.choose(images)

    def label(self, name: str, groups: Mapping[str, str]) -> Found | str:
        """Palm and person from the running number; a pattern of the user's own may say them itself."""
        number = groups.get("identity", "")
        if "sample" in groups or "subject" in groups or not number.isdecimal():
            return plain_labels(name, groups)
        palm, sample = divmod(int(number) - 1, _PER_SESSION)
        identity, subject = f"{palm + 1:03d}", f"{palm // 2 + 1:03d}"
        made = {**groups, "identity": identity, "subject": subject, "sample": f"{sample + 1:02d}"}
        return plain_labels(name, made)
