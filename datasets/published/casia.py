"""The `casia` dataset: CASIA Palmprint Image Database V1."""

from __future__ import annotations

from typing import ClassVar

from ..base import DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from .terms import research_terms


class Casia(LayoutDataset):
    """Both hands of 312 people, grey images.

    People 0019 and 0101 are said to be the same person; nobody is left out unless asked for (`drop=0101`), because no
    publication of the owners confirms it.

    Args:
        root: folder with `0001` and so on; empty: the registered one.
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="casia",
        version="1",
        modality="palm",
        description="CASIA Palmprint Image Database V1: both hands of 312 people, grey",
        licence="Academic research, on request; no redistribution",
        citation="Sun et al., Ordinal Palmprint Representation for Personal Identification, CVPR 2005",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<subject>\d{4})_[mf]_(?P<hand>[lr])_(?P<sample>\d+)\.jpe?g",
                Published(images=5502, subjects=312, note="an older page has 5,239 images of 301 people"),
            )
        },
        tree="0001_m_l_01.jpg, in folders by person or all in one",
        how_to_get="Apply at http://biometrics.idealtest.org (CASIA Palmprint V1).",
        terms=research_terms("casia", "CASIA Palmprint Image Database V1", "the Chinese Academy of Sciences"),
        errata=(
            "An older page counts 5,239 images of 301 people.",
            "People 0019 and 0101 are said to be the same; unconfirmed, so both stay (drop=0101 leaves one out).",
        ),
    )
