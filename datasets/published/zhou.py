"""The `zhou` dataset: palms photographed with a phone, 166 palms."""

from __future__ import annotations

from typing import ClassVar

from ..base import DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from .terms import research_terms


class Zhou(LayoutDataset):
    """166 palms in 1,295 images of 1080 x 1920 px. Which palms belong to one person is not published: every palm counts
    as a person of its own.

    Args:
        root: folder with `CLASS_NUMBER` files; empty: the registered one.
        pattern: for copies under other names, see the guide to datasets.
        drop: palms to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="zhou",
        version="1",
        modality="palm",
        description="Zhou: 166 palms, 1,295 images of 1080 x 1920 px",
        licence="Not public; as agreed with its owners",
        citation="Ref. [40] of Yan et al., arXiv 2504.08272",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<identity>\d+)_(?P<sample>\d+)\.(?:jpe?g|png|bmp)", Published(images=1295, identities=166)
            )
        },
        tree="1_1.jpg … in one folder",
        how_to_get="The set is not public: ask the authors of the paper that describes it.",
        terms=research_terms("zhou", "Zhou palm images (166 palms)", "its authors"),
    )
