"""Suites of attacks: one versioned file each. A change is a new version and a new file; old versions stay runnable."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...plugins.specs import suggest
from ..storage.digest import digest

Gallery = Literal["originals", "parrot", "seeded"]
"""`originals`; `parrot`: these, put through the method with other seeds; `seeded`: of these, the likeliest of each
search are put through the method once more, with the very seed of the image that is searched for."""
Pooling = Literal["one", "mean", "nearest"]
"""Of the versions of one image: each for itself; the mean of their distances; the least."""
Control = Literal["identity", "stranger"]
"""What an attack has to find where the answer is known: on unchanged images as many as the plain recogniser does; in
images of people who are nobody's, nobody beyond chance."""

IDENTITY: Control = "identity"
STRANGER: Control = "stranger"
CONTROLS: tuple[Control, ...] = (IDENTITY, STRANGER)

AS_PUBLISHED, FROZEN, ENCODER = "published", "frozen", "encoder"
"""The probe as it is; the recogniser as it is; the method's own encoder in the place of a recogniser."""

NOT_ASKED = "not asked for"
"""Why an attack does not run that a user did not name; records leave it out."""
ONE_VERSION = "one version of each image; --seeds N makes several"
"""Why several versions of an image are not pooled, of a method that draws."""
TOO_FEW = "too few to learn from: "
"""Starts the reason of an attack that could not learn, whatever the method is."""


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
    gallery: tuple[Gallery, ...] = ("originals",)
    probe: tuple[str, ...] = (AS_PUBLISHED,)
    """`published`, or specifications of attackers with this slot."""
    recognizer: tuple[str, ...] = (FROZEN,)
    """`frozen`, `encoder`, or specifications of attackers with this slot."""
    pooling: tuple[Pooling, ...] = ("one",)
    level: Literal["basic", "full"] = "basic"
    """`--attacks full` tries those of level `basic`, too."""
    candidates: Annotated[int, Field(ge=2)] = 5
    """Of a `seeded` gallery: so many people are put through the method once more for each search."""
    controls: tuple[Control, ...] = CONTROLS
    """What it has to pass in order to count."""
    own: bool = False
    """What the method under attack brings against itself (`info.attacks`) fills the slots of probe or recogniser."""
    fuses: bool = False
    """Weighs the scores of all attacks before it that count, and has no probes of its own for controls."""
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
            if each.fuses and each.controls:
                raise ValueError(f"{each.id}: a fusion has no controls; say controls = []")
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
