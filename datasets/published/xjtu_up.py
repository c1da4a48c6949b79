"""The `xjtu-up` dataset: XJTU Unconstrained Palmprint database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from ..base import DatasetError, DatasetInfo
from ..layouts.layout import Found, Layout, Part, Published, plain_labels
from ..layouts.registered import LayoutDataset
from .terms import research_terms

PHONES = ("iphone", "huawei", "lg", "samsung", "mi8")


class XjtuUp(LayoutDataset):
    """Both hands of 100 people with five phones, by natural light and with flash.

    Usually one phone and one light make a set.

    Args:
        root: folder with one sub-folder a phone; empty: the registered one.
        phone: `iphone`, `huawei`, `lg`, `samsung` or `mi8`; empty: all.
        light: `flash` or `nature`; empty: both.
        pattern: for copies under other names; with groups `phone` and `light` the two choices work there too.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="xjtu-up",
        version="1",
        modality="palm",
        description="XJTU-UP: both hands of 100 people, 5 phones x 2 kinds of light",
        licence="Academic research, on request; no redistribution",
        citation="Shao, Zhong and Du, Deep Ensemble Hashing for palmprint recognition (XJTU-UP database)",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                rf"(?P<phone>{'|'.join(PHONES)})[^/]*/(?P<light>flash|nature)/"
                r"(?P<hand>[LR])_(?P<subject>\d+)/(?P<sample>[^/]+)\.(?:jpe?g|png|bmp)",
                Published(identities=200, subjects=100, note="more than 20,000 images"),
            )
        },
        tree="iPhone/Flash/L_001/1.jpg",
        how_to_get="See https://gr.xjtu.edu.cn/en/web/bell.",
        terms=research_terms("xjtu-up", "XJTU Unconstrained Palmprint database", "Xi'an Jiaotong University"),
        errata=("Names differ between copies: give a pattern where the phone's folder is called otherwise.",),
    )

    def __init__(
        self,
        root: str = "",
        phone: str = "",
        light: Literal["", "flash", "nature"] = "",
        pattern: str = "",
        drop: str = "none",
    ) -> None:
        super().__init__(root, pattern, drop)
        if phone and phone.lower() not in PHONES:
            raise DatasetError(f"expected phone {', '.join(PHONES)} or nothing, got {phone!r}; choose one of them")
        self._wanted = {"phone": phone.lower(), "light": light}

    def label(self, name: str, groups: Mapping[str, str]) -> Found | str:
        """As named, or why the image is left out."""
        lower = {**groups, **{key: groups[key].lower() for key in ("phone", "light") if key in groups}}
        found = plain_labels(name, lower)
        for key, wanted in self._wanted.items():
            if wanted and lower.get(key, wanted) != wanted and isinstance(found, Found):
                return replace(found, left_out=f"another {key}")
        return found
