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
from ...benchmark.planning.cells import SCORE_VERSION, Cell, RunOptions, make_cells
from ...benchmark.planning.loaded_dataset import LoadedDataset
from ...benchmark.planning.tasks import Plugin
from ...benchmark.protocols import Protocol
from ...benchmark.records.record import RunRecord
from ...benchmark.suites import get_suite
from ...characters import plain
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
    score_version: int = SCORE_VERSION
    columns: list[Column]
    """The first decides the order."""

    def misfit(self, record: RunRecord) -> str:
        """Why a record is none of the challenge, in half a sentence; empty where it is one."""
        tried = record.attacks
        asked = [
            ("protocol", (self.protocol, self.protocol_digest), (record.protocol.id, record.protocol.digest)),
            ("dataset", self.dataset_digest, record.dataset.digest),
            ("analyzer", self.analyzer, Part(spec=record.analyzer.spec, version=record.analyzer.version)),
            (
                "recognisers",
                _named(self.recognizers),
                _named([Part(spec=each.spec, version=each.version) for each in record.recognizers]),
            ),
            ("suite of attacks", self.suite, "" if tried is None else tried.suite),
            ("attacks", sorted(self.attacks), sorted({each.id for each in tried.about} if tried else ())),
            ("version of the scoring", self.score_version, record.score_version),
        ]
        odd = [what for what, expected, got in asked if expected != got]
        if odd:
            return f"not the challenge's {', '.join(odd)}"
        return "of a part of the dataset (--limit)" if record.dataset.limited else ""


def challenge_of(protocol: Protocol, dataset: str, columns: Sequence[str], title: str) -> Challenge:
    """The challenge of a protocol on a dataset.

    Args:
        protocol: its rules, recognisers and attackers.
        dataset: specification; empty: the protocol's first that is at hand.
        columns: as typed, the one that ranks first; empty: a choice that suits the protocol.
        title: for people.

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
    suite = get_suite(rule.suite) if rule is not None and rule.level != NONE else None
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
        attacks=[name for name, why in wanted(suite, (rule.level,)).items() if not why] if suite and rule else [],
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
    places = getattr(dataset.plugin.cls, "places", ())
    open_ones = tuple((name, "…") for name, _ in dataset.plugin.spec.params if name in places)
    told = Spec.parse(dataset.spec)
    return str(Spec(told.target, (*open_ones, *told.params)))


def _part(plugin: Plugin) -> Part:
    return Part(spec=plugin.resolved.text, version=str(plugin.info.version))


def _named(parts: Sequence[Part]) -> list[tuple[str, str]]:
    return sorted((each.spec, each.version) for each in parts)
