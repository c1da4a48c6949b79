"""The result record: what a run leaves behind, and all that reports read.

Numbers and everything they depend on stand in the record itself. Times, machine and library versions stand apart in
`host`, so that two runs of the same work can be compared field by field without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from ...files import found_at, read_bytes
from .attacks import Attacks
from .counts import Counts as Counts
from .counts import impairing, is_complete
from .curves import CurveName
from .failures import Failure
from .groups import Groups
from .layout import Model, Outside, Text
from .value import Interval as Interval
from .value import Range as Range
from .value import Value as Value

SCHEMA_VERSION = 1
FILE_NAME = "run.json"


class RecordError(ValueError):
    """A file is not a record that this version can read."""

    exit_code = 2


class Plugin(Model):
    """A plug-in as it was used."""

    spec: Text
    """As a user would type it."""
    name: Text
    """Registry name."""
    version: Text
    """Its own version."""
    params: dict[Text, Outside]
    """Every parameter as used, defaults included."""
    origin: Text
    """Distribution and version, or file, that it came from."""
    source_sha256: Text
    """Digest of the file that defines it."""
    description: Text
    """One line by its author."""
    licence: Text
    """Licence of code and weights."""
    citation: Text
    """What to cite."""
    training_data: Text = "none"
    """What its weights were trained on."""
    weights: dict[Text, Text] = Field(default_factory=dict)
    """SHA-256 of each weight file it reads."""


class Method(Plugin):
    """The de-identifier."""

    family: Text
    """Facet: classical, diffusion, adversarial, sanity, …"""
    knowledge: Text
    """`black box`, or the surrogate it looks into."""
    stochastic: bool
    """Whether its output depends on the seed."""

    @property
    def surrogate(self) -> str:
        """Name of the recogniser that it looks into; empty for a black box."""
        name, _, value = self.knowledge.partition("=")
        return value.partition(":")[0].strip() if name.strip() == "surrogate" else ""

    def box(self, recognizer: str) -> Literal["", "WB", "BB"]:
        """White box or black box: whether it looked into this recogniser; empty where it looks into none.

        Args:
            recognizer: registry name.
        """
        if not self.surrogate:
            return ""
        return "WB" if recognizer == self.surrogate else "BB"


class PluggedMetric(Plugin):
    """A metric that the user brought, with all that reports say about it."""

    takes: Literal["images", "comparisons"]
    """Pairs of images, or a recogniser's distances."""
    title: str
    """Heading."""
    short: str = ""
    """Heading where there is little room."""
    group: Literal["privacy", "quality", "usability", "recognition"]
    """Where it stands."""
    unit: str
    """Empty for pure numbers."""
    better: Literal["higher", "lower", "target"]
    """Which way is better."""
    low: float | None = None
    """Smallest possible value."""
    high: float | None = None
    """Largest possible value."""
    target: float | None = None
    """The best value when `better` is `target`."""
    decimals: int = Field(default=3, ge=0, le=12)
    """Digits after the point that reports show."""
    formula: str = ""
    """As its author gives it."""
    caveat: str = ""
    """What it must not be read as."""


class Dataset(Plugin):
    """The dataset."""

    digest: Text
    """Digest of its manifest: ids, identities and the hash of every file."""
    samples: int
    """Images."""
    identities: int
    """Palms or faces."""
    subjects: int
    """People."""
    rendered: bool
    """Computer graphics, not photographs."""
    redistributable: bool
    """Whether its images may be shown in boards and packs."""
    limited: bool
    """Only its first identities were taken (`--limit`): a smoke test, not comparable with anything."""
    shown: bool = False
    """Whether its user lets its images stand on boards of their own, although they may not be passed on."""
    no_rates: Text = ""
    """Why it supports no rate of recognition; empty: it does."""
    passed_over: dict[Text, int] = Field(default_factory=dict)
    """Files, folders and lines of its table that were not used, by reason."""
    notes: list[Text] = Field(default_factory=list)
    """What was seen on its files and has to be known before a number is believed; these are alarms, too."""


class ProtocolRef(Model):
    """The rules."""

    id: Text
    """Name and version."""
    digest: Text
    """Digest of the protocol file."""
    title: Text
    """Name for people."""
    summary: Text
    """What it does."""
    rules: dict[str, Any] | None = None
    """All of them, where a user brought a protocol file; null for those that come with the toolkit."""


class Retrieval(Model):
    """Who searched whom, under a protocol with queries and a gallery."""

    queries: int
    """Images that were de-identified and searched."""
    query_identities: int
    """Identities of the queries."""
    mates: int
    """Gallery: one image of each query identity."""
    others: int
    """Gallery: images of other identities."""
    other_identities: int
    """Identities of these."""
    unused: int
    """Images of the dataset in no role."""
    targets: list[Text] = Field(default_factory=list)
    """Ids of the images of other people that the method was given; empty for methods that need none."""
    notes: list[Text] = Field(default_factory=list)
    """Where this is not what the protocol has in mind."""


class Curve(Model):
    """A curve in points."""

    name: CurveName
    """DET: x = FMR of the originals, y = FNMR of the originals (`det`), or of de-identified images against their own
    (`det_own`) and against other originals (`det_cross`); `det_deidentified`, in records of before, has the FMR of the
    de-identified images. CMC: x = rank, y = identification rate of the de-identified images, or of the queries'
    originals."""
    recognizer: Text
    """Specification of the recogniser."""
    x: list[float]
    """Abscissa."""
    y: list[float]
    """Ordinate."""
    at: list[float] | None = None
    """Of a DET: x and y at the threshold of the EER of originals."""
    comparisons: list[int] | None = None
    """Of a DET: how many stand behind x and behind y."""


class SampleRow(Model):
    """One planned image."""

    sample_id: Text
    """Id in the dataset."""
    repetition: int
    """Which of the versions (`--seeds`)."""
    status: Literal["done", "failed", "skipped"]
    """What became of it."""
    reason: Text | None = None
    """Why it is not done."""
    survived: bool | None = None
    """Whether the analyzer still finds the hand; null when there is no image, or the analyzer crashed on it."""
    measures: dict[Text, float | None] = Field(default_factory=dict)
    """Quality and drift of this image by metric name."""
    distances: dict[Text, float | None] = Field(default_factory=dict)
    """Distance to its own original by recogniser."""
    task: Text | None = None
    """Digest of the work that made it; the image lies in the results folder's store under this name."""
    image_sha256: Text | None = None
    """Of the de-identified image as PNG; the same pixels and the same Pillow give the same file."""


class DistancesFile(Model):
    """`distances.npz` beside the record: all that its recognition numbers are made of."""

    sha256: Text | None = None
    """Of the file; null when none was written."""
    size: int | None = None
    """Its bytes."""
    reason: Text | None = None
    """Why none was written."""


class Host(Model):
    """Where, when and how fast. Nothing in here is a result."""

    created: Text
    """UTC time, ISO 8601."""
    backend: Text
    """Back-end of the run that finished this record."""
    jobs: int
    """Worker processes."""
    machine: dict[Text, Text]
    """Processor, operating system, Python."""
    packages: dict[Text, Text]
    """Versions of the libraries that compute."""
    seconds: dict[Text, float]
    """Mean seconds per task by stage, over the tasks of this record that were timed."""
    wall_seconds: float
    """Of the command that finished this record."""
    peak_memory_mb: float
    """Largest resident size of the command's process or any of its workers, in MiB."""


class RunRecord(Model):
    """One row of a board."""

    schema_version: Literal[1] = 1
    """Version of this layout."""
    digest: Text
    """Digest of everything the numbers depend on; also in the folder's name."""
    toolkit: Text
    """deid-bench version."""
    score_version: int = 1
    """Version of the scoring, which the digest covers; 1 in records of before it was noted."""
    protocol: ProtocolRef
    dataset: Dataset
    method: Method
    analyzer: Plugin
    recognizers: list[Plugin]
    metrics: list[PluggedMetric] = Field(default_factory=list)
    """Metrics beside those of the toolkit (`--metric`); empty where there are none."""
    repetitions: int
    """De-identified versions per image."""
    root_seed: int
    """Seed that all others come from."""
    quality: Literal["basic", "full"]
    """`full` adds LPIPS, distances between sets of images and the analyzer's noise floor."""
    counts: Counts
    values: list[Value]
    """All numbers."""
    alarms: list[Text] = Field(default_factory=list)
    """What looks implausible or too small to be trusted; empty when nothing does."""
    failures: list[Failure] = Field(default_factory=list)
    """Everything that failed, whatever the stage; empty also in records of before there was a ledger."""
    curves: list[Curve]
    retrieval: Retrieval | None = None
    """Null under protocols in which everything is de-identified and every original is searched."""
    samples: list[SampleRow]
    groups: Groups | None = None
    """Numbers by groups of people; null where the dataset knows none."""
    attacks: Attacks | None = None
    """What attackers who try find; null where none was asked for, and in records of before there were any."""
    distances_file: DistancesFile | None = None
    """Null in records of before there was one."""
    host: Host

    @property
    def impaired(self) -> list[Failure]:
        """What keeps this from being a whole record; see `Failure.impairs`."""
        return impairing(self.failures)

    @property
    def complete(self) -> bool:
        """Whether everything was done: no image failed, nothing crashed, and there is an image at all."""
        return is_complete(self.counts, self.failures)

    def value(self, metric: str, recognizer: str | None = None) -> Value | None:
        """The number of that name, or None when the record has none."""
        for each in self.values:
            if each.metric == metric and each.recognizer == recognizer:
                return each
        return None


def schema() -> str:
    """The JSON Schema of a record, as it is committed."""
    return json.dumps(RunRecord.model_json_schema(), indent=1, sort_keys=True) + "\n"


def record_bytes(record: RunRecord) -> bytes:
    """What stands in `run.json`, read back before anybody has it.

    Raises:
        RuntimeError: what came out is not this record: something in the process changes how records are
            written.
    """
    data = (record.model_dump_json(indent=1) + "\n").encode()
    try:
        again = RunRecord.model_validate_json(data)
    except ValidationError as error:
        raise RuntimeError(
            f"the record as it was to be written is none: {' '.join(str(error).split())[:200]}"
        ) from error
    numbers = [[each.value for each in one.values] for one in (again, record)]  # names are made safe when read
    if again.digest != record.digest or numbers[0] != numbers[1]:
        raise RuntimeError("the record as it was to be written is another one")
    return data


def load_record(path: Path) -> RunRecord:
    """Read one `run.json`.

    Raises:
        RecordError: it is not a record, or of a version that this toolkit does not know.
    """
    try:
        data = json.loads(read_bytes(path).decode("utf-8"))
        version = data.get("schema_version") if isinstance(data, dict) else None
        if version != SCHEMA_VERSION:
            raise RecordError(f"{path}: expected a record of schema version {SCHEMA_VERSION}, got {version!r}")
        return RunRecord.model_validate(data)
    except RecordError:
        raise
    except RecursionError as error:
        raise RecordError(f"{path} is not a deid-bench record: nested too deep") from error
    except (OSError, ValueError) as error:  # also integers of thousands of digits
        first = " ".join(str(error).split())[:300]
        raise RecordError(f"{path} is not a deid-bench record: {first}") from error


def find_records(path: Path) -> Iterator[Path]:
    """All `run.json` below a folder (or the file itself), in order of name.

    Raises:
        RecordError: there is nothing there.
        PathError: it may not be looked at.
    """
    if (found := found_at(path)) == "file":
        yield path
        return
    if found != "folder":
        raise RecordError(f"there is no file or folder {path}")
    yield from sorted(each for each in path.rglob(FILE_NAME) if ".store" not in each.parts)
