"""Whether dataset, protocol and method fit each other; said before an hour of work."""

from __future__ import annotations

import shlex

from ...plugins.specs import Spec
from ..protocols import Protocol, ProtocolError
from .loaded_dataset import LoadedDataset
from .retrieval_split import assign_roles
from .tasks import Plugin


def check_fit(dataset: LoadedDataset, protocol: Protocol) -> None:
    """One identity or one sample each leaves nothing to compare; say so before an hour of work.

    Raises:
        ProtocolError: nothing could be compared, or the images show something else.
    """
    identities = {each.identity for each in dataset.samples}
    name = dataset.spec
    if dataset.info.modality != protocol.modality:
        raise ProtocolError(
            f"{name} is a {dataset.info.modality} dataset; {protocol.id} needs a {protocol.modality} one"
            f"{_other_modality(dataset, protocol)}"
        )
    if dataset.info.no_rates:
        return
    if len(identities) < 2:
        raise ProtocolError(
            f"{name} holds one identity only; recognition needs impostors, so at least two identities. "
            "Put each identity's images into a sub-folder of its own"
        )
    if len(identities) == len(dataset.samples):
        raise ProtocolError(
            f"{name} holds one image of each identity; recognition needs genuine pairs, so at least one identity "
            "with two images"
        )
    protocol.eval_subjects([each.subject for each in dataset.samples])
    if protocol.retrieval:
        assign_roles(dataset.samples, protocol.retrieval)


def check_others(method: Plugin, dataset: LoadedDataset) -> None:
    """A method that takes images of other people, as donors or targets, needs another person.

    Raises:
        ProtocolError: there is none.
    """
    if {"donor", "targets"} & {*method.info.needs} and len({each.subject for each in dataset.samples}) < 2:
        raise ProtocolError(
            f"{method.resolved.text} needs another person's image; {dataset.spec} has images of one person only"
        )


def _other_modality(dataset: LoadedDataset, protocol: Protocol) -> str:
    """What to type where a parameter of the dataset says what its images show; empty for datasets of one kind."""
    if "modality" not in dataset.plugin.params:
        return ""
    kept = [each for each in dataset.plugin.spec.params if each[0] != "modality"]
    wanted = Spec(dataset.plugin.spec.target, (*kept, ("modality", protocol.modality)))
    return f"; if its images show {protocol.modality}s, say so: --dataset {shlex.quote(str(wanted))}"


def can_be_attacked(dataset: LoadedDataset, named: str) -> bool:
    """Whether a number of an attacker can be told; each is a rate of recognition.

    Args:
        dataset: that methods are tried on.
        named: `--attacks` as typed; empty where the protocol alone asks for attackers, who then are left away.

    Raises:
        ProtocolError: attackers are asked for by name.
    """
    why = dataset.info.no_rates
    if why and named:
        raise ProtocolError(
            f"--attacks {named}: expected a dataset that supports rates of recognition, got {dataset.spec} ({why}); "
            "leave --attacks out, or take another dataset"
        )
    return not why
