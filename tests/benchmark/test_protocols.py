"""Protocols: versioned, and the split by subjects."""

from __future__ import annotations

import pytest

from deid_bench.benchmark.protocols import ProtocolError, get_protocol, protocols

DIGESTS = {
    "face/1.0": "400c2fd161c087d86a03df650c1c4fd2a22b288cbe4021bc5542d652e1292a18",
    "palm-paper/1.0": "b174fb8544d5ba346c2130f6f30fe7fad4750a727131001df0ab44e487f3a2be",
    "palm/1.0": "8d6a4e7a1695028d8af5fb9b83db72749af4d352911578f52efa0470c44771ff",
}


def test_released_protocols_never_change() -> None:
    """A change is a new version and a new file: numbers under one id have to stay comparable."""
    assert {each.id: each.digest for each in protocols().values()} == DIGESTS


def test_an_unknown_protocol_names_close_ones() -> None:
    with pytest.raises(ProtocolError, match=r"did you mean .*palm/1\.0"):
        get_protocol("palm/1.1")


def test_the_paper_takes_everybody_for_everything() -> None:
    protocol = get_protocol("palm-paper/1.0")
    people = ["a", "b", "c"]
    assert protocol.dev_subjects(people) == protocol.eval_subjects(people) == frozenset(people)


def test_the_split_is_by_subject_disjoint_and_independent_of_order() -> None:
    protocol = get_protocol("palm/1.0")
    people = [f"s{index}" for index in range(50)]
    dev, evaluated = protocol.dev_subjects(people), protocol.eval_subjects(people)
    assert not dev & evaluated
    assert dev | evaluated == set(people)
    assert len(dev) == 17
    assert protocol.dev_subjects(people[::-1] * 3) == dev


def test_a_person_stays_on_their_side_when_others_come() -> None:
    protocol = get_protocol("palm/1.0")
    few, many = ([f"s{index}" for index in range(count)] for count in (40, 400))
    moved = protocol.dev_subjects(few) ^ (protocol.dev_subjects(many) & set(few))
    assert len(moved) < 12
