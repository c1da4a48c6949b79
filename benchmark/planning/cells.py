"""What a command asks for, turned into cells with digests before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

from ...datasets.base import DatasetError, Sample
from ...deidentifiers.base import TakesBatches
from ...plugins.entries import Kind, PluginError, Resolved, Spec, registry
from ...plugins.specs import as_specs
from ..metrics.plugged import plugged
from ..protocols import Protocol, ProtocolError, get_protocol, protocols
from ..storage.digest import digest, seed_from
from ..storage.lock import Notice
from ..suites import Suite
from .attack_plan import NONE, AttackPlan, parse_asked, plan_attacks
from .auxiliary import AuxiliaryPeople, people_of_dataset, rendered_people, unrendered_people
from .defaults import DEFAULT_DATASETS, MOST_SEEDS, default_protocol
from .fit import can_be_attacked, check_fit, check_others
from .loaded_dataset import LoadedDataset, load_dataset
from .preparation import one_at_a_time, require_weights
from .retrieval_split import Roles, assign_roles, target_candidates
from .tasks import Plugin, plugin_of

Quality = Literal["basic", "full"]
SCORE_VERSION = 4
"""Raised whenever the same distances and measures give other numbers."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for. Specifications may be text or `Spec`, one or several.

    Raises:
        PluginError: a specification is malformed, or something else than one.
    """

    methods: str | Spec | Sequence[str | Spec]
    datasets: str | Spec | Sequence[str | Spec] = ()
    """Empty: those of the protocol, see `default_datasets`."""
    protocol: str | Protocol = field(default_factory=default_protocol)
    """Its id, a TOML file of the user's own, or what was read from one."""
    recognizers: str | Spec | Sequence[str | Spec] = ()
    """Empty: those of the protocol."""
    analyzer: str | Spec = ""
    """Empty: that of the protocol."""
    metrics: str | Spec | Sequence[str | Spec] = ()
    """Metrics beside those of the toolkit."""
    repetitions: int = 1
    """De-identified versions per image (`--seeds`)."""
    root_seed: int = 0
    quality: Quality = "basic"
    """`full` adds LPIPS and distances of sets with VGG16, regions, the paper's own evaluation, further measures and the
    analyzer's noise floor: minutes, not seconds."""
    limit: int = 0
    """Take the first so many identities only; 0 = all. A limited run is a smoke test and never comparable."""
    attacks: str = ""
    """`none`, `basic` or names of attacks, separated by commas. Empty: what the protocol says."""

    def __post_init__(self) -> None:
        for name in ("methods", "datasets", "recognizers", "metrics"):
            given = getattr(self, name)
            as_specs(given, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str | Spec) else tuple(given))
        if self.limit < 0:
            raise PluginError(f"--limit should be 1 or more, got {self.limit}")

    def specs(self, name: Literal["methods", "datasets", "recognizers", "metrics"]) -> tuple[Spec, ...]:
        """What was given, read."""
        return as_specs(getattr(self, name), name)


@dataclass(frozen=True, eq=False)
class Cell:
    """One row of a board: protocol x dataset x method x recognisers x seeds."""

    protocol: Protocol
    dataset: LoadedDataset
    method: Plugin
    analyzer: Plugin
    recognizers: tuple[Plugin, ...]
    repetitions: int
    root_seed: int
    quality: Quality = "basic"
    metrics: tuple[Plugin, ...] = ()
    """Brought by the user."""
    attacks: AttackPlan | None = None
    """What attackers try; None: nothing beyond the protocol's own numbers."""

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Everything that tasks are carried out with."""
        variants = self.attacks.variants if self.attacks else ()
        attackers = [each for variant in variants for each in variant.plugins]
        return self.analyzer, self.method, *self.recognizers, *self.metrics, *attackers

    @cached_property
    def roles(self) -> Roles | None:
        """Who searches whom; None where the protocol has every image de-identified and every original searched."""
        rule = self.protocol.retrieval
        if rule is None or self.dataset.info.no_rates:
            return None
        return assign_roles(self.dataset.samples, rule)

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """What takes part: all of the dataset, or the queries and the gallery."""
        return self.dataset.samples if self.roles is None else self.roles.used(self.dataset.samples)

    @property
    def queries(self) -> tuple[Sample, ...]:
        """What is de-identified."""
        return self.dataset.samples if self.roles is None else self.roles.queries

    @cached_property
    def targets(self) -> tuple[tuple[Sample, ...], bool]:
        """Candidates for the method's target faces, and whether they stand in the gallery; empty if it needs none."""
        info = self.method.info
        if "targets" not in info.needs:
            return (), False
        rule = self.protocol.retrieval
        seed = self.root_seed + (rule.seed if rule else 0)
        return target_candidates(self.dataset.samples, self.roles, info.targets, seed)

    @cached_property
    def digest(self) -> str:
        """Everything that the numbers of this cell depend on."""
        return self.digest_under(SCORE_VERSION)

    def digest_under(self, score_version: int) -> str:
        """The digest of this cell in a record of this version of the scoring, which need not be today's."""
        attacks = {} if self.attacks is None else {"attacks": self.attacks.digest}
        return digest(
            {
                **attacks,
                "protocol": self.protocol.digest,
                "dataset": self.dataset.digest,
                "method": self.method.digest,
                "analyzer": self.analyzer.digest,
                "recognizers": [each.digest for each in self.recognizers],
                "repetitions": self.repetitions,
                "root_seed": self.root_seed,
                "score_version": score_version,
                **({"metrics": [each.digest for each in self.metrics]} if self.metrics else {}),
            }
        )

    @property
    def name(self) -> str:
        """Folder name below the results folder: readable, and unique by the digest's start."""
        parts = (self.method.resolved.text, self.dataset.spec, self.protocol.id)
        return "__".join(_slug(part) for part in parts) + f"__{self.digest[:10]}"

    def seed(self, sample: Sample, repetition: int) -> int:
        """Seed of one de-identified image."""
        return seed_from(self.root_seed, self.method.digest, sample.sample_id, repetition)


def _slug(text: str) -> str:
    kept = "".join(each if each.isalnum() or each in "._+" else "-" for each in text)
    # Folders' names are bounded in bytes, of which a character may take four.
    return kept.strip("-").encode()[:60].decode(errors="ignore")


def make_cells(
    options: RunOptions,
    jobs: int,
    progress: Callable[[str, int, int], None] | None = None,
    notice: Notice | None = None,
) -> list[Cell]:
    """Resolve everything that was asked for; every mistake shows here, before any work.

    Args:
        options: what was asked for.
        jobs: threads or processes for preparing datasets.
        progress: called with (dataset, done, total) while one is prepared.
        notice: is told in a sentence what is waited for.

    Raises:
        PluginError, ProtocolError, DatasetError, WeightsError: something cannot be used.
    """
    if not options.specs("methods"):
        raise PluginError("name at least one method, for example --method blurring")
    if not isinstance(options.repetitions, int) or not 1 <= options.repetitions <= MOST_SEEDS:
        raise PluginError(
            f"--seeds should be 1 to {MOST_SEEDS:,}, the de-identified versions of each image, got "
            f"{options.repetitions}; --root-seed takes any number"
        )
    protocol = options.protocol if isinstance(options.protocol, Protocol) else get_protocol(options.protocol)
    methods = _distinct(_method(spec, protocol) for spec in options.specs("methods"))
    if options.repetitions > 1 and not any(each.info.stochastic for each in methods):
        raise PluginError(
            f"--seeds {options.repetitions} asks for as many versions of each image, and {_names(methods)} gives one "
            "whatever the seed; leave it out"
        )
    analyzer = _fitting(Kind.ANALYZER, options.analyzer or protocol.analyzer, protocol)
    named = options.specs("recognizers") or protocol.recognizers
    recognizers = tuple(_distinct(_fitting(Kind.RECOGNIZER, spec, protocol) for spec in named))
    metrics = _metrics(options.specs("metrics"), protocol)
    asked = parse_asked(options.attacks) or (protocol.attacks.level if protocol.attacks else NONE,)
    cells = []
    wanted = options.specs("datasets") or as_specs(default_datasets(protocol), "datasets")
    for spec in dict.fromkeys(wanted):
        hook = (lambda done, total, text=str(spec): progress(text, done, total)) if progress else None
        dataset = load_dataset(spec, options.limit, jobs, hook, notice)
        check_fit(dataset, protocol)
        attacked = asked != (NONE,) and can_be_attacked(dataset, options.attacks)
        for method in methods:
            check_others(method, dataset)
            repetitions = options.repetitions if method.info.stochastic else 1
            plan = None
            if attacked:
                needed = (method, analyzer, *recognizers)
                found = people(dataset, protocol, jobs, hook, notice, partial(require_weights, needed))
                plan = plan_attacks(protocol, method, repetitions, asked, found)
            parts = protocol, dataset, method, analyzer, recognizers, repetitions
            cells.append(Cell(*parts, options.root_seed, options.quality, metrics, plan))
    return cells


def _names(plugins: Sequence[Plugin]) -> str:
    return " or ".join(each.resolved.spec.target for each in plugins)


def _distinct(plugins: Iterable[Plugin]) -> list[Plugin]:
    """Each once: what was named twice is one row or column."""
    return list({each.resolved.spec: each for each in plugins}.values())


def people(
    dataset: LoadedDataset,
    protocol: Protocol,
    jobs: int,
    progress: Callable[[int, int], None] | None,
    notice: Notice | None = None,
    before: Callable[[], None] = lambda: None,
) -> Callable[[Suite], AuxiliaryPeople]:
    """Finds those on whom attackers learn: of reserved seeds for rendered palms, else of the dataset.

    `before` is called before any of them is rendered.
    """

    def find(suite: Suite) -> AuxiliaryPeople:
        told = people_unrendered(dataset, protocol, suite)
        return rendered_people(suite.auxiliary, jobs, progress, notice, before) if told.known else told

    return find


def people_unrendered(dataset: LoadedDataset, protocol: Protocol, suite: Suite) -> AuxiliaryPeople:
    """Who `people` finds, for plans that nobody carries out: of rendered palms there is no picture."""
    if dataset.info.rendered and dataset.info.modality == "palm":
        return unrendered_people(suite.auxiliary)
    roles = None if protocol.retrieval is None else assign_roles(dataset.samples, protocol.retrieval)
    return people_of_dataset(suite.auxiliary, protocol, dataset.samples, roles)


def _resolved_plugin(kind: Kind, spec: str | Spec) -> Plugin:
    resolved = registry().resolve(kind, spec)
    resolved.create()  # a bad parameter should show before any work
    return plugin_of(resolved)


def _fitting(kind: Kind, spec: str | Spec, protocol: Protocol) -> Plugin:
    plugin = _resolved_plugin(kind, spec)
    if plugin.info.modality != protocol.modality:
        raise PluginError(
            f"{kind} {plugin.resolved.text} is for {plugin.info.modality}s; "
            f"{protocol.id} needs one for {protocol.modality}s"
        )
    return plugin


def _metrics(specs: Sequence[Spec], protocol: Protocol) -> tuple[Plugin, ...]:
    """Users' metrics, each once."""
    found: dict[str, Plugin] = {}
    for spec in specs:
        plugin = _resolved_plugin(Kind.METRIC, spec)
        metric = plugged(plugin.resolved).metric
        if protocol.modality not in plugin.info.modality:
            raise PluginError(f"metric {spec} is for {', '.join(plugin.info.modality)}; {protocol.id} is not")
        other = found.setdefault(metric.name, plugin)
        if other.digest != plugin.digest:
            raise PluginError(f"two metrics are called {metric.name!r}; rename one")
    return tuple(found.values())


def default_datasets(protocol: Protocol) -> tuple[str, ...]:
    """What a run takes that names no dataset: of those that the protocol names, the first that is at hand.

    Raises:
        ProtocolError: none of them is.
    """
    if not protocol.datasets:
        return DEFAULT_DATASETS
    reasons = []
    for name in protocol.datasets:
        try:
            resolved = registry().resolve(Kind.DATASET, name)
            with one_at_a_time(str(resolved.spec)):
                resolved.create().prepare()
        except (PluginError, DatasetError) as error:
            reasons.append(f"{name}: {error}")
        else:
            return (name,)
    raise ProtocolError(f"{protocol.id} has no dataset at hand; name one with --dataset. {'; '.join(reasons)}")


def _method(spec: str | Spec, protocol: Protocol) -> Plugin:
    method = _resolved_plugin(Kind.DEIDENTIFIER, spec)
    info: object = method.info
    size: object = info.batch_size if isinstance(info, TakesBatches) else 1
    if not isinstance(size, int) or size < 1:
        raise PluginError(f"{method.resolved.text}: expected info.batch_size to be 1 or more, got {size!r}")
    if protocol.modality not in method.info.modality:
        fitting = [each.id for each in protocols().values() if each.modality in method.info.modality]
        raise PluginError(
            f"{method.resolved.text} is a method for {', '.join(method.info.modality)}; "
            f"{protocol.id} needs {protocol.modality}: use --protocol {' or '.join(fitting)}"
        )
    return method


def describe(plugin: Resolved | Plugin) -> dict[str, Any]:
    """A plug-in as it stands in a record: name, version, parameters as used, origin, licence, weights."""
    resolved = plugin.resolved if isinstance(plugin, Plugin) else plugin
    info = resolved.info
    return {
        "spec": resolved.text,
        "name": resolved.name,
        "version": str(info.version),
        "params": dict(resolved.recorded),
        "origin": resolved.entry.origin,
        "source_sha256": resolved.source,
        "description": info.description,
        "licence": info.licence,
        "citation": info.citation,
        "training_data": getattr(info, "training_data", "none"),
        "weights": plugin.weights if isinstance(plugin, Plugin) else {},
    }
