"""The `coep` dataset: COEP Palmprint Database, right hands with pegs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from ...licences import Licence
from ..base import DatasetError, DatasetInfo, Sample
from ..layouts.layout import Layout, Part, Published
from ..layouts.registered import LayoutDataset
from ..types import ProgressCallback


class Coep(LayoutDataset):
    """Whole hands of 167 people, about eight images each, 1600 x 1200 px, with pegs.

    Published labels are not all right: some palms stand under two numbers. `repair=known` gives every two numbers that
    share a byte-equal file, which proves them one palm, one label. Others are named
    with `same=`.

    Args:
        root: the folder; empty: the registered one.
        repair: `none`, or `known`: numbers that share a file are one palm.
        same: further numbers that are one palm each, such as `12=45+13=46`.
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="coep",
        version="1",
        modality="palm",
        description="COEP Palmprint Database: hands of 167 people with pegs, 1600 x 1200 px",
        licence="None stated by its owners; no redistribution",
        citation="COEP Palm Print Database, College of Engineering Pune",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<subject>\d+)_(?P<sample>\d+)\.(?:jpe?g|bmp|png)",
                Published(images=1344, identities=167, subjects=167, note="copies in circulation hold fewer"),
            )
        },
        tree="001_1.jpg, in folders or all in one",
        how_to_get="Ask the College of Engineering Pune.",
        terms=Licence(
            name="coep",
            title="COEP Palm Print Database, College of Engineering Pune",
            summary="none stated",
            terms=(
                "Its owners state no terms with the files. Ask them before you publish anything, and do not pass the "
                "images on. Boards and packs leave them out.",
            ),
        ),
        errata=("Some palms stand under two numbers, and some files are there twice: see repair= and data verify.",),
    )

    def __init__(
        self,
        root: str = "",
        repair: Literal["none", "known"] = "none",
        same: str = "",
        pattern: str = "",
        drop: str = "none",
    ) -> None:
        if repair not in ("none", "known"):
            raise ValueError(f"expected repair none or known, got {repair!r}")
        super().__init__(root, pattern, drop)
        self._repair = repair
        self._same = [each.split("=") for each in same.split("+") if each]
        if any(len(each) < 2 or not all(each) for each in self._same):
            raise ValueError(f"expected same=NUMBER=NUMBER+…, got {same!r}")
        self.notes: tuple[str, ...] = ()

    def prepare(self, jobs: int = 1, progress: ProgressCallback | None = None) -> None:
        """As every dataset of this kind, then with the labels repaired.

        Raises:
            DatasetError: also when `same` names a number that is not there.
        """
        if self._scan is not None:
            return
        super().prepare(jobs, progress)
        joined = self._joined()
        if joined:
            pairs = ", ".join(f"{other} is {first}" for other, first in sorted(joined.items()))
            self.notes = (f"labels repaired: {pairs}",)
            self._samples = tuple(_relabelled(each, joined) for each in self._samples)

    def _joined(self) -> Mapping[str, str]:
        """The label that takes the place of another."""
        labels = {each.subject.lstrip("0") or "0": each.subject for each in self._samples}
        groups = [[labels.get(each.lstrip("0") or "0", "") for each in group] for group in self._same]
        if any("" in group for group in groups):
            raise DatasetError(f"expected numbers of this set in same=, got {self._same}; see deid-bench data verify")
        if self._repair == "known":
            owners: dict[str, list[str]] = {}
            for each in self._samples:
                owners.setdefault(each.sha256, []).append(each.subject)
            groups += owners.values()
        first: dict[str, str] = {}
        for group in groups:
            roots = sorted({_root(first, each) for each in group})
            first |= dict.fromkeys(roots[1:], roots[0])
        return {each: _root(first, each) for each in first}


def _root(first: Mapping[str, str], label: str) -> str:
    while label in first:
        label = first[label]
    return label


def _relabelled(sample: Sample, joined: Mapping[str, str]) -> Sample:
    """Ids stay, so that two numbers of one palm never give two images one id."""
    label = joined.get(sample.subject, sample.subject)
    return replace(sample, identity=label, subject=label)
