"""The shape of a protocol file: every key is checked, and every key is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ...characters import can_be_seen
from ...datasets.types import Modality
from ...suggestions import suggest
from ..storage.digest import digest, drawn_place
from ..suites import suites

Alignment = Literal["own-else-original", "original"]
ThresholdSet = Literal["eer", "eer-range"]

NOT_RULES = frozenset({"superseded_by"})
"""Keys that say something about the file, and are no part of its digest."""

_MADE = ("digest", "own", "rules")
"""Fields that no file sets."""


class ProtocolError(ValueError):
    """There is no such protocol, its file cannot be used, or it does not fit the dataset."""

    exit_code = 2


class _Section(BaseModel):
    # Strict: a text is no number, and neither are true and false. A whole number is a number.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _line(text: str) -> str:
    if not can_be_seen(text):
        raise ValueError("a control or direction character, or one that is none, may not stand in it")
    return text


def _lines(text: str) -> str:
    _line("".join(text.split("\n")))
    return text


_Line = Annotated[str, AfterValidator(_line)]
"""Stands in records and submissions, whose readers refuse what cannot be seen."""
_Lines = Annotated[str, AfterValidator(_lines)]
_Names = Annotated[tuple[_Line, ...], Field(strict=False)]
"""A list of TOML or JSON."""


class CropRule(_Section):
    """Faces are cut and aligned before anything else sees them."""

    template: Literal["arcface"]
    """Where the landmarks come to lie."""
    size: int = Field(ge=16, le=4096)
    """Side of the crop in px."""


class SessionRule(_Section):
    """Which session's image of a person is asked, and which is found."""

    query: str = Field(min_length=1)
    """Of the queries."""
    mate: str = Field(min_length=1)
    """Of their mates in the gallery."""


class RetrievalRule(_Section):
    """How many images search, and how many are searched, where the dataset is large enough."""

    queries: int = Field(ge=1)
    """Images of as many identities; only these are de-identified."""
    gallery_mates: int = Field(ge=1)
    """Gallery images of the queries' identities, one each."""
    gallery_others: int = Field(ge=1)
    """Gallery images of other identities."""
    seed: int
    """Of the choice."""
    sessions: SessionRule | None = None
    """Where a dataset has both, everybody who has them is asked, with one query. None: sessions do not count."""


class SplitRule(_Section):
    """Who sets thresholds, and who is measured."""

    dev_share: float = Field(ge=0, lt=1)
    """Share of the subjects whose originals set the threshold; 0: everybody is in both sets, as in the paper."""
    seed: int
    """Of the choice."""


class ThresholdRule(_Section):
    """Where decisions are made."""

    rule: ThresholdSet
    """`eer`: at the lowest threshold of equal error. `eer-range`: over all of them; numbers are those of the end that
    is worst for privacy, and the range stands beside them."""
    source: Literal["dev", "eval"] = Field(alias="from")
    """Whose originals set it."""


class AlignmentRule(_Section):
    """Where the recogniser takes the place of the palm or face from."""

    probe: Alignment
    """For a de-identified image: its own analysis where there is one, or always that of the original."""


class AttackRule(_Section):
    """What attackers try."""

    suite: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*/[0-9]+\.[0-9]+$", max_length=60)
    """The suite of attacks, by id and version."""
    level: Literal["none", "basic"]
    """What a run tries that says nothing about attacks."""


class Protocol(_Section):
    """The rules that make two numbers comparable, as they stand in one TOML file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*/[0-9]+\.[0-9]+$", max_length=60)
    """Name and version."""
    modality: Modality
    """What is in the images."""
    title: _Line = Field(min_length=1, max_length=120)
    """Name for people."""
    source: _Lines
    """What it follows."""
    summary: _Lines
    """What it does, in a few sentences."""
    analyzer: _Line
    """Default detector."""
    recognizers: _Names = Field(min_length=1)
    """Default recognisers; others may be named in a run."""
    datasets: _Names = ()
    """Datasets by registry name, the source's own first; a run that names none takes the first that is at hand."""
    split: SplitRule
    threshold: ThresholdRule
    alignment: AlignmentRule
    crop: CropRule | None = None
    """None: images are taken as they are."""
    retrieval: RetrievalRule | None = None
    """None: every image is de-identified, and every original is in the gallery."""
    attacks: AttackRule | None = None
    """None: a run tries no attacks unless it asks for some (`--attacks`)."""
    superseded_by: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*/[0-9]+\.[0-9]+)?$", max_length=60)
    """Id of the version that new work should use; empty where this is it."""
    digest: str
    """Of all rules of the file."""
    own: bool = False
    """Whether a user brought it (`--protocol FILE.toml`)."""
    rules: dict[str, Any]
    """The rules as the file has them; `of` makes a protocol of the same digest from them."""

    @property
    def about(self) -> str:
        """The summary on one line."""
        return " ".join(self.summary.split())

    @staticmethod
    def of(data: Mapping[str, Any], where: str, own: bool = False) -> Protocol:
        """The protocol that plain data describe.

        Args:
            data: as a TOML file holds them.
            where: name of the file, for messages.
            own: whether a user brought it.

        Raises:
            ProtocolError: a key is missing, unknown or has a value that does not fit.
        """
        taken = [name for name in _MADE if name in data]
        if taken:
            raise ProtocolError(f"{where}: {', '.join(taken)}: no key of a protocol file; remove it")
        rules = {key: value for key, value in data.items() if key not in NOT_RULES}
        try:
            # Before the digest, which has no name for the key that is no plain data.
            Protocol.model_validate({**data, "digest": "", "own": own, "rules": {}})
            made = Protocol.model_validate({**data, "digest": digest(rules), "own": own, "rules": rules})
        except ValidationError as error:
            raise ProtocolError(f"{where}: {_first_problem(error)}") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise ProtocolError(f"{where}: {error}") from error
        if problem := _contradiction(made):
            raise ProtocolError(f"{where}: {problem}")
        return made

    def dev_subjects(self, subjects: Sequence[str]) -> frozenset[str]:
        """The dev part of the subjects; the same set whatever the order they are given in.

        Raises:
            ProtocolError: too few subjects to leave two in each part.
        """
        names = sorted(set(subjects))
        if self.split.dev_share == 0:
            return frozenset(names)
        order = sorted(names, key=lambda name: drawn_place(self.split.seed, name))
        count = int(np.floor(self.split.dev_share * len(names) + 0.5))
        if count < 2 or len(names) - count < 2:
            raise ProtocolError(
                f"{self.id} splits the subjects into dev and eval and needs at least two in each part; "
                f"got {len(names)} subjects. Take a protocol that measures everybody "
                "(deid-bench explain --protocols), or a dataset with more people"
            )
        return frozenset(order[:count])

    def eval_subjects(self, subjects: Sequence[str]) -> frozenset[str]:
        """Everybody who is measured."""
        if self.split.dev_share == 0:
            return frozenset(subjects)
        return frozenset(subjects) - self.dev_subjects(subjects)


def _contradiction(made: Protocol) -> str:
    """What in it cannot be together, or names what there is not; empty where nothing does."""
    if made.threshold.source == "dev" and not made.split.dev_share:
        return 'threshold.from = "dev" needs a split.dev_share above 0'
    if made.crop is not None and made.modality != "face":
        return f"crop: faces are cut and aligned, and this is of {made.modality}s; remove it"
    if made.superseded_by == made.id:
        return "superseded_by: this is the version itself; name a newer one, or remove it"
    if made.attacks is not None and made.attacks.suite not in suites():
        known = suites()
        return f"attacks.suite: there is no suite of attacks {made.attacks.suite!r}{suggest(made.attacks.suite, known)}"
    return ""


def _first_problem(error: ValidationError) -> str:
    """What is wrong, where, and what would be right."""
    problems = error.errors(include_url=False)
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    text = first["msg"]
    if first["type"] == "extra_forbidden":
        text = f"there is no such key; known are {', '.join(_keys(first['loc'][:-1]))}"
    elif first["type"] != "missing":
        text = f"{text}, got {_shown(first['input'])}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {text}{more}"


def _shown(value: object) -> str:
    try:
        return repr(str(value)[:60])
    except RecursionError:
        return "something nested too deep"


def _keys(section: tuple[int | str, ...]) -> list[str]:
    """Keys of a section, as they are written."""
    model: type[BaseModel] = Protocol
    for part in section:
        inner = model.model_fields[str(part)].annotation
        options = getattr(inner, "__args__", (inner,))
        model = next(each for each in options if isinstance(each, type) and issubclass(each, BaseModel))
    return [field.alias or name for name, field in model.model_fields.items() if name not in _MADE]


def read_file(path: Path, own: bool = True) -> Protocol:
    """A protocol from a TOML file.

    Raises:
        ProtocolError: the file cannot be read or is no protocol.
    """
    import tomllib

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProtocolError(f"{path}: the protocol cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise ProtocolError(f"{path}: no protocol (nested too deep)") from error
    except ValueError as error:  # no TOML, no text, a number of thousands of digits, or a NUL in the path
        raise ProtocolError(f"{path}: no TOML file ({error})") from error
    return Protocol.of(data, str(path), own)
