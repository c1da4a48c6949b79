"""The `rest` dataset: REgim Sfax Tunisian hand database 2016."""

from __future__ import annotations

from typing import ClassVar

from ...licences import Licence
from ..base import DatasetInfo
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset


class Rest(LayoutDataset):
    """Both hands of about 179 people, whole hands without pegs.

    Person 122 is person 121 once more: two names for one person would count genuine comparisons as impostors, so 122 is
    left out, as others do (358 palms become 356). `drop=none` keeps it.

    Args:
        root: the folder; empty: the registered one.
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`; `none`: nobody.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="rest",
        version="1",
        modality="palm",
        description="REST'2016 (REgim Sfax Tunisian hand database): both hands of 179 people",
        licence="Open access with acknowledgement; see its page",
        citation="REgim Sfax Tunisian hand database 2016 (REST'2016), IEEE DataPort",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"p(?P<subject>\d+)_(?P<hand>[lr])_(?P<sample>\d+)\.(?:jpe?g|bmp|png|tiff?)",
                Published(images=1948, identities=358, subjects=179, note="before person 122 is left out"),
            )
        },
        tree="p1_l_1.jpg, p1_r_1.jpg",
        how_to_get="Download from https://ieee-dataport.org/open-access/rest-database and unpack.",
        terms=Licence(
            name="rest",
            title="REST'2016, REGIM-Lab, University of Sfax",
            summary="open access, acknowledge its makers",
            terms=(
                "Open access for research. In what you publish, acknowledge REGIM-Lab with the text on its page.",
                "Whether images may be passed on is not stated: boards and packs leave them out.",
            ),
        ),
        errata=("Persons 121 and 122 are one person: 122 is left out (drop=none keeps it).",),
    )

    def __init__(self, root: str = "", pattern: str = "", drop: str = "122") -> None:
        super().__init__(root, pattern, drop)
