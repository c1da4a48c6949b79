"""What a challenge asks of a record: its rules, images, recognisers and attackers, and the columns of its leaderboard.

It lies in the bundle as `reference_data/challenge.json`, where the scoring program reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..._version import __version__
from ...benchmark.planning.attack_plan import NONE, wanted
from ...benchmark.planning.auxiliary import AuxiliaryPeople
from ...benchmark.planning.cells import SCORE_VERSION, Cell, RunOptions, make_cells, people_unrendered
from ...benchmark.planning.loaded_dataset import LoadedDataset
from ...benchmark.planning.tasks import Plugin
from ...benchmark.protocols import Protocol, protocol_of
from ...benchmark.records.record import Plugin as Said
from ...benchmark.records.record import RunRecord
from ...benchmark.submission.attacks_met import Asked
from ...benchmark.submission.pack import part_digest
from ...benchmark.suites import Suite, get_suite
from ...characters import plain
from ...plugins.entries import Kind
from ...plugins.specs import Spec
from .columns import ChallengeError, Column, columns_of

FILE_NAME = "challenge.json"
_MOST = 2**20


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Model):
    """A plug-in that everybody takes."""

    spec: str
    version: str
    digest: str
    """Of its code, parameters and weights, too."""


class Learned(_Model):
    """On whom attackers learn."""

    source: str
    digest: str
    """Of the people; empty: there is nobody."""
    reason: str
    """Why nothing can be learned on them; empty when it can."""
    people: int
    """How many."""
    least: int
    """So many have to be learned on; those in whose images no hand or face is found drop out."""


class Challenge(_Model):
    """Everything that two rows of one leaderboard have in common."""

    format: Literal[1] = 1
    title: str
    toolkit: str = __version__
    """deid-bench version that wrote it."""
    protocol: str
    protocol_digest: str
    own_rules: bool
    """Whether the protocol is the organisers' own."""
    dataset: str
    dataset_digest: str
    dataset_asked: str
    """Specification for participants; places on their machine are left open."""
    analyzer: Part
    recognizers: list[Part]
    suite: str = ""
    """Of attacks; empty: nobody attacks."""
    attacks: list[str] = Field(default_factory=list)
    """Ids of those that have to be tried, in the suite's order."""
    level: str = ""
    """What they are asked for by, as `--attacks` takes it."""
    learned: Learned | None = None
    """None: nobody attacks."""
    seeds: int
    """De-identified versions of each image by a method that draws; one by others."""
    root_seed: int = 0
    """Nobody picks the luckiest."""
    score_version: int = SCORE_VERSION
    columns: list[Column]
    """The first decides the order."""

    def misfit(self, record: RunRecord) -> str:
        """Why a record is none of the challenge, in half a sentence; empty where it is one."""
        tried = record.attacks
        attacks = (sorted({each.id for each in tried.about}), tried.asked) if tried else ([], [])
        versions = self.seeds if record.method.stochastic else 1
        asked = [
            ("protocol", (self.protocol, self.protocol_digest), (record.protocol.id, record.protocol.digest)),
            ("dataset", self.dataset_digest, record.dataset.digest),
            ("analyzer", self.analyzer, _said(Kind.ANALYZER, record.analyzer)),
            (
                "recognisers",
                _sorted(self.recognizers),
                _sorted([_said(Kind.RECOGNIZER, each) for each in record.recognizers]),
            ),
            ("suite of attacks", self.suite, "" if tried is None else tried.suite),
            ("attacks", (sorted(self.attacks), [self.level] if self.level else []), attacks),
            (f"number of versions (--seeds {versions})", versions, record.repetitions),
            (f"seed (--root-seed {self.root_seed})", self.root_seed, record.root_seed),
            ("version of the scoring", self.score_version, record.score_version),
        ]
        odd = [what for what, expected, got in asked if expected != got]
        if odd:
            return f"not the challenge's {', '.join(odd)}"
        return "of a part of the dataset (--limit)" if record.dataset.limited else ""

    def attackers(self, record: RunRecord) -> Asked | None:
        """What the method of a record of the challenge has to meet; None where nobody attacks."""
        protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
        if self.learned is None or protocol is None:
            return None
        people = AuxiliaryPeople((), self.learned.source, self.learned.reason, known=self.learned.digest)
        suite = get_suite(self.suite)
        return Asked(protocol, suite, (self.level,), people, self.learned.least, self.learned.people)


def challenge_of(protocol: Protocol, dataset: str, columns: Sequence[str], title: str, seeds: int = 1) -> Challenge:
    """The challenge of a protocol on a dataset.

    Args:
        protocol: its rules, recognisers and attackers.
        dataset: specification; empty: the protocol's first that is at hand.
        columns: as typed, the one that ranks first; empty: a choice that suits the protocol.
        title: for people.
        seeds: de-identified versions of each image by methods that draw.

    Raises:
        ChallengeError: a column cannot be had, or the dataset supports no rates of recognition.
        PluginError, ProtocolError, DatasetError: protocol and dataset do not fit, or cannot be used.
    """
    cell = _cell(protocol, dataset)
    if cell.dataset.info.no_rates:
        raise ChallengeError(
            f"{cell.dataset.spec} supports no rates of recognition ({cell.dataset.info.no_rates}), and a challenge "
            "ranks by them; take another dataset"
        )
    rule = protocol.attacks
    level = NONE if rule is None else rule.level
    suite = get_suite(rule.suite) if rule is not None and level != NONE else None
    recognizers = [_part(each) for each in cell.recognizers]
    names = [each.spec for each in recognizers]
    return Challenge(
        title=title,
        protocol=protocol.id,
        protocol_digest=protocol.digest,
        own_rules=protocol.own,
        dataset=cell.dataset.spec,
        dataset_digest=cell.dataset.digest,
        dataset_asked=_asked(cell.dataset),
        analyzer=_part(cell.analyzer),
        recognizers=recognizers,
        suite=suite.id if suite else "",
        attacks=[name for name, why in wanted(suite, (level,)).items() if not why] if suite else [],
        level=level if suite else "",
        learned=_learned(cell.dataset, protocol, suite) if suite else None,
        seeds=seeds,
        columns=columns_of(columns, names, attacked=suite is not None, retrieval=protocol.retrieval is not None),
    )


def read_challenge(path: Path) -> Challenge:
    """The challenge of a bundle.

    Raises:
        ChallengeError: there is none, or it is another file.
    """
    try:
        if path.stat().st_size > _MOST:
            raise ChallengeError(f"{path}: no challenge of `deid-bench codabench`: it is too large")
        return Challenge.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ChallengeError(f"{path} cannot be read ({error.strerror or error}); it is in the bundle") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ChallengeError(
            f"{path}: no challenge of `deid-bench codabench` ({plain(where)}: {first['msg']})"
        ) from error


def _cell(protocol: Protocol, dataset: str) -> Cell:
    """What a participant's run is, but for the method; whatever does not fit shows here."""
    options = RunOptions("identity", (dataset,) if dataset else (), protocol, attacks=NONE)
    return make_cells(options, jobs=1)[0]


def _asked(dataset: LoadedDataset) -> str:
    """As somebody else types it: where the files lie is theirs to say."""
    open_ones = tuple((name, "…") for name, _ in dataset.plugin.spec.params if name in dataset.places)
    told = Spec.parse(dataset.spec)
    return str(Spec(told.target, (*open_ones, *told.params)))


def _learned(dataset: LoadedDataset, protocol: Protocol, suite: Suite) -> Learned:
    found = people_unrendered(dataset, protocol, suite)
    rule = suite.auxiliary
    people = found.people or (rule.people if found.known else 0)
    return Learned(
        source=found.source,
        digest=found.digest if people else "",
        reason=found.reason,
        people=people,
        least=min(people, rule.least_people),
    )


def _part(plugin: Plugin) -> Part:
    return Part(spec=plugin.resolved.text, version=str(plugin.info.version), digest=plugin.digest)


def _said(kind: Kind, plugin: Said) -> Part:
    return Part(spec=plugin.spec, version=plugin.version, digest=part_digest(kind, plugin))


def _sorted(parts: Sequence[Part]) -> list[tuple[str, str, str]]:
    return sorted((each.spec, each.version, each.digest) for each in parts)
