"""Protocols: one versioned file each. A change is a new version and a new file; old versions stay runnable."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

import numpy as np

from ...datasets.types import Modality
from ..storage.digest import digest

Alignment = Literal["own-else-original", "original"]


class ProtocolError(ValueError):
    """There is no such protocol, or it does not fit the dataset."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class CropRule:
    """Faces are cut and aligned before anything else sees them."""

    template: Literal["arcface"]
    """Where the landmarks come to lie."""
    size: int
    """Side of the crop in px."""


@dataclass(frozen=True, slots=True)
class RetrievalRule:
    """How many images search, and how many are searched, where the dataset is large enough."""

    queries: int
    """Images of as many identities; only these are de-identified."""
    gallery_mates: int
    """Gallery images of the queries' identities, one each."""
    gallery_others: int
    """Gallery images of other identities."""
    seed: int
    """Of the choice."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules that make two numbers comparable."""

    id: str
    digest: str
    modality: Modality
    title: str
    source: str
    summary: str
    analyzer: str
    recognizers: tuple[str, ...]
    """Default recognisers; others may be named in a run."""
    dev_share: float
    """Share of the subjects whose originals set the threshold; 0 = everybody is in both sets, as in the paper."""
    split_seed: int
    threshold_from: Literal["dev", "eval"]
    alignment: Alignment
    """Where the recogniser takes the place of the palm from, for a de-identified image."""
    datasets: tuple[str, ...] = ()
    """Datasets by registry name, the source's own first; a run that names none takes the first that is at hand."""
    crop: CropRule | None = None
    """None: images are taken as they are."""
    retrieval: RetrievalRule | None = None
    """None: every image is de-identified, and every original is in the gallery."""

    def dev_subjects(self, subjects: Sequence[str]) -> frozenset[str]:
        """The dev part of the subjects; the same set whatever the order they are given in.

        Raises:
            ProtocolError: too few subjects to leave two in each part.
        """
        names = sorted(set(subjects))
        if self.dev_share == 0:
            return frozenset(names)
        order = sorted(names, key=lambda name: hashlib.sha256(f"{self.split_seed}/{name}".encode()).digest())
        count = int(np.floor(self.dev_share * len(names) + 0.5))
        if count < 2 or len(names) - count < 2:
            raise ProtocolError(
                f"{self.id} splits the subjects into dev and eval and needs at least two in each part; "
                f"got {len(names)} subjects. Use --protocol palm-paper/1.0, or a dataset with more people"
            )
        return frozenset(order[:count])

    def eval_subjects(self, subjects: Sequence[str]) -> frozenset[str]:
        """Everybody who is measured."""
        if self.dev_share == 0:
            return frozenset(subjects)
        return frozenset(subjects) - self.dev_subjects(subjects)


@cache
def protocols() -> dict[str, Protocol]:
    """All protocols by id."""
    found = {}
    for file in resources.files(__package__).iterdir():
        if file.name.endswith(".toml"):
            protocol = _from_data(tomllib.loads(file.read_text(encoding="utf-8")))
            found[protocol.id] = protocol
    return dict(sorted(found.items()))


def get_protocol(name: str) -> Protocol:
    """The protocol of that id.

    Raises:
        ProtocolError: there is none; the message names close ones.
    """
    known = protocols()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
    raise ProtocolError(f"there is no protocol {name!r}; {hint}")


def _from_data(data: dict[str, Any]) -> Protocol:
    return Protocol(
        id=data["id"],
        digest=digest(data),
        modality=cast(Modality, data["modality"]),
        title=data["title"],
        source=data["source"],
        summary=" ".join(data["summary"].split()),
        analyzer=data["analyzer"],
        recognizers=tuple(data["recognizers"]),
        dev_share=float(data["split"]["dev_share"]),
        split_seed=int(data["split"]["seed"]),
        threshold_from=cast(Literal["dev", "eval"], data["threshold"]["from"]),
        alignment=cast(Alignment, data["alignment"]["probe"]),
        datasets=tuple(data.get("datasets", ())),
        crop=CropRule(**data["crop"]) if "crop" in data else None,
        retrieval=RetrievalRule(**data["retrieval"]) if "retrieval" in data else None,
    )
