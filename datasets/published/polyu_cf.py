"""The `polyu-cf` dataset: PolyU Contact-free 3D/2D Hand Images Database V1."""

from __future__ import annotations

from typing import ClassVar

from ..base import DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from .terms import research_terms


class PolyuCf(LayoutDataset):
    """Ten images of one hand of 177 people, in two sessions of five.

    The names of the original files are not published. The default is `CLASS_NUMBER`, as lists of this dataset have it;
    for other names give `pattern`, for example
    `pattern="(?P<subject>\\d+)/session(?P<session>\\d)/(?P<sample>\\d+)\\.bmp"`.

    Args:
        root: the folder; empty: the registered one.
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="polyu-cf",
        version="1",
        modality="palm",
        description="PolyU Contact-free 3D/2D Hand Images V1: 177 palms x 10 images of 640 x 480 px",
        licence="Academic research, on request; no redistribution",
        citation="Kanhangad, Kumar and Zhang, A unified framework for contactless hand verification, TIFS 2011",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<subject>\d+)_(?P<sample>\d+)\.(?:bmp|jpe?g|png|tiff?)",
                Published(images=1770, identities=177, subjects=177, per_identity=10),
            )
        },
        tree="1_1.bmp … 177_10.bmp",
        how_to_get="Apply at https://www4.comp.polyu.edu.hk/~csajaykr/myhome/database_request/3dhand/Hand3D.htm.",
        terms=research_terms(
            "polyu-cf", "PolyU Contact-free 3D/2D Hand Images Database (Version 1.0)", "the Hong Kong PolyU"
        ),
        errata=("The owners' file names are not published: check `data register`'s counts, or give a pattern.",),
    )
