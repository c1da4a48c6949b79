"""Suites of attacks: one versioned file each. A change is a new version and a new file; old versions stay runnable."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...plugins.specs import suggest
from ..storage.digest import digest

Gallery = Literal["originals", "parrot", "seed"]
"""`originals`; `parrot`: these, put through the method with other seeds; `seed`: with the seed of the probe."""
Pooling = Literal["one", "mean", "nearest"]
"""Of the versions of one image: each for itself; the mean of their distances; the least."""
Level = Literal["basic", "full"]

AS_PUBLISHED, FROZEN = "published", "frozen"
"""The probe as it is; the recogniser as it is."""
OWN_ENCODER = "own"
"""As a recogniser: the method's own network."""


NOT_ASKED = "not asked for"
"""Why an attack does not run that a user did not name; records leave it out."""


class SuiteError(ValueError):
    """There is no such suite or attack, or a suite's file is wrong."""

    exit_code = 2


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AuxiliaryRule(_Part):
    """How many people an attacker may learn on, and how many he needs."""

    people: Annotated[int, Field(ge=3)]
    images: Annotated[int, Field(ge=2)]
    """Of each."""
    least_people: Annotated[int, Field(ge=3)]
    least_images: Annotated[int, Field(ge=2)]


class ChoiceRule(_Part):
    """On whom the worst attack is chosen, where the protocol has no dev people."""

    folds: Annotated[int, Field(ge=2)]
    seed: int


class Attack(_Part):
    """One attack; every combination of its slots' choices is tried."""

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]*$")]
    title: str
    knows: str
    """Who the attacker is, in plain words."""
    level: Level = "basic"
    gallery: tuple[Gallery, ...] = ("originals",)
    probe: tuple[str, ...] = (AS_PUBLISHED,)
    """`published`, or specifications of attackers with this slot."""
    recognizer: tuple[str, ...] = (FROZEN,)
    """`frozen`, `own` or specifications of attackers with this slot."""
    pooling: tuple[Pooling, ...] = ("one",)
    systems: tuple[str, ...] = ()
    """Recognisers of the attacker's own; empty: those of the protocol."""
    candidates: int = 0
    """Gallery `seed`: how many of the nearest gallery images are made anew with the probe's seed."""
    fuses: bool = False
    """Weighs the scores of all attacks before it."""
    stronger_than: tuple[str, ...] = ()
    """Attacks whose attackers know less: who does significantly worse than one of them did not try hard enough."""


class Suite(_Part):
    """The attacks that a protocol asks for."""

    id: str
    title: str
    summary: str
    auxiliary: AuxiliaryRule
    choice: ChoiceRule
    attack: tuple[Attack, ...]

    @model_validator(mode="after")
    def _known(self) -> Suite:
        seen: set[str] = set()
        for each in self.attack:
            if each.id in seen:
                raise ValueError(f"attack {each.id} is there twice")
            unknown = set(each.stronger_than) - seen
            if unknown:
                raise ValueError(f"{each.id}: stronger than {', '.join(sorted(unknown))}, which is no attack before it")
            if (each.candidates > 0) != ("seed" in each.gallery):
                raise ValueError(f"{each.id}: candidates go with the gallery `seed`, and with no other")
            seen.add(each.id)
        if not self.attack or self.attack[0].id != "A0":
            raise ValueError("the first attack should be A0, the ignorant one")
        return self

    @property
    def digest(self) -> str:
        """Of everything that it says."""
        return digest(self.model_dump(mode="json"))

    def get(self, name: str) -> Attack:
        """The attack of that id, in any case.

        Raises:
            SuiteError: there is none.
        """
        for each in self.attack:
            if each.id.lower() == name.lower():
                return each
        raise SuiteError(f"{self.id} has no attack {name!r}{suggest(name, [each.id for each in self.attack])}")


def read_suite(text: str, source: str) -> Suite:
    """A suite from the text of its file.

    Raises:
        SuiteError: it is not TOML, or not a suite; the message names the first mistake.
    """
    try:
        return Suite.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"{source} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the file"
        raise SuiteError(f"{source}: {where}: {first['msg']}") from error


@cache
def suites() -> dict[str, Suite]:
    """All suites by id.

    Raises:
        SuiteError: a file is wrong.
    """
    files = [each for each in resources.files(__package__).iterdir() if each.name.endswith(".toml")]
    found = [read_suite(each.read_text(encoding="utf-8"), each.name) for each in files]
    return {each.id: each for each in sorted(found, key=lambda each: each.id)}


def get_suite(name: str) -> Suite:
    """The suite of that id.

    Raises:
        SuiteError: there is none; the message names close ones.
    """
    known = suites()
    if name not in known:
        raise SuiteError(f"there is no suite of attacks {name!r}{suggest(name, known)}")
    return known[name]
