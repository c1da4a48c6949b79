"""The method, the data and the plug-ins of a record as they are installed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...characters import plain
from ...plugins.entries import Kind, registry
from ...plugins.specs import PluginError, Spec
from ..planning.cells import Cell, RunOptions, describe, make_cells
from ..planning.defaults import DEFAULT_DATASETS
from ..protocols import protocol_of
from ..records.record import Plugin, RunRecord
from ..scoring.cell import labels
from .fields import is_word
from .foreign_choices import foreign_choices
from .pack import known_plugin

_TARGETS = "retrieval.targets"
"""Follow from the images made anew."""


class NotAtHand(ValueError):
    """The method, its weights or the dataset are not here, or are not those of the record."""

    exit_code = 2


def method_for(record: RunRecord, methods: Sequence[str]) -> str:
    """The specification, of several, that is the method of a record: the very one, else one of its name.

    Args:
        record: a stranger's.
        methods: specifications by the user; one alone is taken whatever the record's is, so that what differs is said.

    Raises:
        NotAtHand: none of several is.
    """
    if len(methods) == 1:
        return methods[0]
    try:
        found = {each: registry().resolve(Kind.DEIDENTIFIER, each) for each in methods}
    except ValueError as error:
        raise NotAtHand(str(error)) from error
    named = [each for each, resolved in found.items() if resolved.name == record.method.name]
    if not named:
        raise NotAtHand(f"{plain(record.method.name)} is none of the methods at hand ({', '.join(methods)})")
    same = [each for each in named if found[each].text == record.method.spec]
    return (same or named)[0]


def cell_of(record: RunRecord, method: str, dataset: str, *, own: bool = False) -> Cell:
    """The cell of a record, made of what is installed here.

    Args:
        record: a stranger's. None of its specifications may make this process import a file or read a folder.
        method: specification by the user.
        dataset: by the user; empty: the record's, if it is one of the built-in palms.
        own: whether the record was made here, so that its parameters may name files and weights.

    Raises:
        NotAtHand: something is not here, or differs from the record's; the message says what.
    """
    if not dataset and record.dataset.spec not in {*DEFAULT_DATASETS, *map(_canonical_dataset, DEFAULT_DATASETS)}:
        raise NotAtHand(f"name the dataset with --dataset; the record says {plain(record.dataset.spec)}")
    named: list[tuple[Kind, Plugin]] = [(Kind.ANALYZER, record.analyzer)]
    named += [(Kind.RECOGNIZER, each) for each in record.recognizers]
    named += [(Kind.METRIC, each) for each in record.metrics]
    for kind, each in named:
        if not known_plugin(kind, each.spec):
            raise NotAtHand(f"{kind} {plain(each.spec)} is not installed; take its file in with --plugin")
        if not own:
            _refuse_choices(kind, each)
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        raise NotAtHand(f"protocol {plain(record.protocol.id)}: its digest is none of this deid-bench's")
    options = RunOptions(
        methods=(method,),
        datasets=(dataset or record.dataset.spec,),
        protocol=protocol,
        recognizers=tuple(each.spec for each in record.recognizers),
        analyzer=record.analyzer.spec,
        metrics=tuple(each.spec for each in record.metrics),
        attacks=",".join(record.attacks.asked) if record.attacks else "none",
        repetitions=record.repetitions,
        root_seed=record.root_seed,
        quality=record.quality,
        limit=record.dataset.identities if record.dataset.limited else 0,
    )
    try:
        # Another method than the record's may give one version whatever the seed; that it is another one is said below.
        stochastic = registry().resolve(Kind.DEIDENTIFIER, method).info.stochastic
        cell = make_cells(options if stochastic else replace(options, repetitions=1), jobs=1)[0]
    except (ValueError, RuntimeError) as error:
        raise NotAtHand(str(error)) from error
    # A record of before is scored as it was; what it was made with has to be here all the same.
    if cell.digest_under(record.score_version) != record.digest:
        raise NotAtHand(_other_parts(cell, record))
    if odd := _spelled_otherwise(cell, record):
        raise NotAtHand(f"not as a run writes it: {'; '.join(odd)}")
    return cell


def _spelled_otherwise(cell: Cell, record: RunRecord) -> list[str]:
    """Specifications that are not the one text of their plug-in, which rows and distances are listed under."""
    groups = [((cell.analyzer,), (record.analyzer,)), (cell.recognizers, record.recognizers)]
    pairs = [
        pair for mine, theirs in [*groups, (cell.metrics, record.metrics)] for pair in zip(mine, theirs, strict=True)
    ]
    odd = [(said.spec, found.resolved.text) for found, said in pairs if said.spec != found.resolved.text]
    return [f"{plain(said)!r} for {plain(found)!r}" for said, found in odd]


def _refuse_choices(kind: Kind, plugin: Plugin) -> None:
    try:
        chosen = foreign_choices(kind, plugin.spec)
    except (ValueError, RuntimeError) as error:
        raise NotAtHand(str(error)) from error
    if chosen:
        raise NotAtHand(
            f"{kind} {plain(plugin.name, 40)}: {', '.join(chosen)} would have this machine read or fetch what the "
            "submitter names, which a record may not; registered weights can be named, and models of the hub that you "
            "have fetched yourself"
        )


def _canonical_dataset(spec: str) -> str:
    """As records write it."""
    return registry().resolve(Kind.DATASET, spec).text


def _other_parts(cell: Cell, record: RunRecord) -> str:
    """In which parts a cell is not the record's."""
    odd = [] if cell.dataset.digest == record.dataset.digest else ["other images in the dataset"]
    if len(cell.recognizers) != len(record.recognizers):
        odd.append("a recogniser that stands in the record twice")
    pairs = [(cell.method, record.method), (cell.analyzer, record.analyzer)]
    if cell.method.resolved.name != record.method.name:
        return (
            f"--method names {plain(cell.method.resolved.text)}, and the record is of {plain(record.method.spec)}: "
            "name that one, too (--method may be given several times)"
        )
    for mine, theirs in [*pairs, *zip(cell.recognizers, record.recognizers, strict=False)]:
        said, found = theirs.model_dump(), Plugin(**describe(mine)).model_dump()
        fields = [
            name for name in ("name", "version", "params", "source_sha256", "weights") if said[name] != found[name]
        ]
        odd += [f"{plain(theirs.name, 40)}: another {' and '.join(fields)}"] if fields else []
    return f"what is installed here is not what the record was made with ({'; '.join(odd) or 'another seed'})"


def label_problems(cell: Cell, record: RunRecord) -> list[str]:
    """Labels of a record that are not those of the plug-ins at hand: names, families, knowledge, licences, …"""
    found = {name: _plain_data(each) for name, each in labels(cell, ()).items()}
    said = {name: _plain_data(getattr(record, name)) for name in found}
    problems = [f"{name} is not what the plug-in at hand says" for name in _differences(said, found, "")]
    return [*problems, *_attack_problems(cell, record)]


def _attack_problems(cell: Cell, record: RunRecord) -> list[str]:
    """What a record says of its attacks before any is made; the cell's digest covers most of it."""
    plan, said = cell.attacks, record.attacks
    if plan is None or said is None:
        same = plan is None and said is None
        return [] if same else ["attacks are said and not planned here, or planned and not said"]
    source = plan.auxiliary.source if said.auxiliary_people else ""
    found = (plan.suite.id, plan.digest, list(plan.asked), source)
    same = (said.suite, said.digest, said.asked, said.auxiliary) == found
    return [] if same else ["attacks are not those of the suite at hand"]


def _plain_data(label: Any) -> Any:
    if isinstance(label, list):
        return [_plain_data(each) for each in label]
    return None if label is None else label.model_dump()


def _differences(said: Any, found: Any, where: str) -> Iterator[str]:
    """Dotted names of what is not the same."""
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        for name in sorted({*said, *found}):
            place = f"{where}.{name}".strip(".")
            if place != _TARGETS and not is_word(place):
                yield from _differences(said.get(name), found.get(name), place)
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for number, (a, b) in enumerate(zip(said, found, strict=True)):
            yield from _differences(a, b, f"{where}.{number}")
    elif said != found and not (where.endswith("spec") and _same_class(said, found)):
        yield where


def _same_class(said: object, found: object) -> bool:
    """Whether two specifications name one class of a file, wherever that lies, with the same parameters.

    Records of today name every plug-in by its name, so that there any difference counts: boards show this text.
    """
    try:
        a, b = Spec.parse(str(said)), Spec.parse(str(found))
    except PluginError:
        return False
    if a.file is None or b.file is None:
        return False
    names = [(each[0].replace("\\", "/").rpartition("/")[2], each[1]) for each in (a.file, b.file)]
    return names[0] == names[1] and a.params == b.params
