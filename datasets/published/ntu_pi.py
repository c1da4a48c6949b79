"""The `ntu-pi` dataset: NTU Palmprints from the Internet V1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from ..base import DatasetInfo
from ..layouts.layout import Found, Layout, Part, Published, plain_labels
from ..layouts.registered import LayoutDataset
from .terms import research_terms


class NtuPi(LayoutDataset):
    """2,035 palms of 1,093 people, cut from pictures on the internet.

    Odd numbers are the gallery and even numbers the probes, as in the owners' own split; that stands as the session.
    Mirrored copies in a folder `flip` are not used.

    Args:
        root: the folder; empty: the registered one.
        pattern: for copies under other names, see the guide to datasets.
        drop: subjects to leave out, separated by `+`.
    """

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="ntu-pi",
        version="1",
        modality="palm",
        description="NTU-PI-v1: 2,035 palms of 1,093 people from the internet, 227 x 227 px",
        licence="Forensic biometrics research under a signed agreement; no redistribution",
        citation="Matkowski, Chai and Kong, Palmprint Recognition in Uncontrolled Environment, TIFS 2020",
        redistributable=False,
    )
    layout: ClassVar[Layout] = Layout(
        parts={
            "original": Part(
                r"(?P<subject>\d+)-(?P<hand>[LR])(?P<sample>\d+)-Class(?P<identity>\d+)"
                r"\.(?:jpe?g|png|bmp)",
                Published(
                    images=7881,
                    identities=2035,
                    subjects=1093,
                    note="7,881 in the papers, 7,781 in the agreement",
                ),
            )
        },
        tree="1-L1-Class1.jpg (subject, hand and number, palm)",
        how_to_get="Sign the agreement at https://github.com/BFLTeam/NTU_Dataset and send it in.",
        terms=research_terms(
            "ntu-pi",
            "NTU Palmprints from the Internet, V1 (NTU-PI-v1)",
            "Nanyang Technological University",
            "For research on forensic biometrics only, under a signed agreement.",
            "No storage in a cloud or with third parties. Fewer than 100 images in publications, which go to the "
            "owners for approval 30 days before.",
        ),
        errata=(
            "Sources differ in the number of images (7,881 or 7,781).",
            "Left hands may come with mirrored copies (flip/), which are not used.",
        ),
    )

    def label(self, name: str, groups: Mapping[str, str]) -> Found | str:
        """As named; the parity of the number is the session."""
        if "flip" in name.lower().split("/")[:-1]:
            return "mirrored copy"
        found = plain_labels(name, groups)
        number = groups.get("sample", "")
        if isinstance(found, str) or not number.isdecimal() or found.session:
            return found
        return replace(found, session="gallery" if int(number) % 2 else "probe")
