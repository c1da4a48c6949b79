"""The `hands-11k` dataset: 11k Hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, cast, get_args

from ..base import DatasetError, DatasetInfo
from ..layouts.layout import Found, Layout, Part, Published, Scan, compile_pattern, plain_labels
from ..layouts.registered import LayoutDataset
from ..layouts.table import Row, read_table
from ..types import Aspect
from .terms import research_terms

TABLE = "HandInfo.csv"
_COLUMNS = frozenset({"id", "aspectOfHand", "imageName"})
_GROUPS = ("gender", "skinColor")


class Hands11k(LayoutDataset):
    """11,076 images of both hands of 190 people, palm and back, each on white. Who and which side stands in
    `HandInfo.csv`, and so do the groups `gender` and `skinColor`.

    Args:
        root: folder with `Hands` and `HandInfo.csv`; empty: the registered one.
        side: `palmar` (the palm), `dorsal` (the back) or `both`.
        pattern: for copies under other names; with a group `subject` the table is not read.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="hands-11k",
        version="1",
        modality="palm",
        description="11k Hands: both hands of 190 people, palms or backs, 1600 x 1200 px",
        licence="Academic fair use; no redistribution",
        citation="Afifi, 11K Hands: gender recognition and biometric identification, Multimed. Tools Appl. 2019",
        redistributable=False,
    )
    palms: ClassVar[bool] = False
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<identity>Hand_\d+)\.(?:jpe?g|png)",
                Published(images=11_076, subjects=190, note="palms and backs together"),
            )
        },
        tree=f"Hands/Hand_0000002.jpg … and {TABLE} beside the folder Hands",
        how_to_get="Download the images and HandInfo.csv from https://sites.google.com/view/11khands.",
        terms=research_terms("hands-11k", "11k Hands", "Mahmoud Afifi"),
        errata=("The number is counted over palms and backs; by default only palms are used.",),
    )

    def __init__(
        self,
        root: str = "",
        side: Literal["palmar", "dorsal", "both"] = "palmar",
        pattern: str = "",
        drop: str = "none",
    ) -> None:
        super().__init__(root, pattern, drop)
        self._side = side
        self._table: Mapping[str, Row] = {}

    def find(self, root: Path, pattern: str = "") -> Scan:
        """Read the table, unless the pattern says who is who, then list the images."""
        own = self._pattern or pattern
        if root.is_dir() and not (own and "subject" in compile_pattern(own).groupindex):
            self._table = read_hand_info(root)
        return super().find(root, pattern)

    def label(self, name: str, groups: Mapping[str, str]) -> Found | str:
        """Person, side and hand from the table."""
        if "subject" in groups:
            return plain_labels(name, groups)
        row = self._table.get(Path(name).name.lower())
        if row is None:
            return f"not in {TABLE}"
        side, hand = (*row["aspectOfHand"].lower().split(), "", "")[:2]
        number = Path(name).stem.rpartition("_")[2]
        found = plain_labels(name, {"subject": row["id"], "hand": hand, "side": side, "sample": number})
        if isinstance(found, str):
            return found
        known = {each: row[each] for each in _GROUPS if row.get(each)}
        aspect = side if side in get_args(Aspect) else None
        left_out = "" if self._side in ("both", side) else f"{side} side"
        return replace(found, groups=known, aspect=cast(Aspect | None, aspect), left_out=left_out)


def read_hand_info(root: Path) -> Mapping[str, Row]:
    """Rows of the table by the lower-case file name of their image.

    Raises:
        DatasetError: there is no table, or it is not as it should be.
    """
    path = next((each for each in (root / TABLE, root.parent / TABLE) if each.is_file()), None)
    if path is None:
        raise DatasetError(f"expected {TABLE} in {str(root)!r}, found none; download it from the dataset's page")
    return {row["imageName"].lower(): row for _, row in read_table(path, _COLUMNS)}
