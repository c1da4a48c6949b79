"""LFW: three alignments, and its lists in every form that is in circulation."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from narrowed import present

from deid_bench.benchmark.planning.retrieval_split import assign_roles
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.datasets.base import DatasetError, Sample
from deid_bench.datasets.layouts.registration_audit import survey
from deid_bench.datasets.published import lfw_lists
from deid_bench.datasets.published.lfw import Lfw
from deid_bench.datasets.published.lfw_lists import (
    PUBLISHED_NAMES,
    is_published,
    read_names,
)

PEOPLE = [
    *(f"Aaron_Peirsol/Aaron_Peirsol_{n:04d}.jpg" for n in range(1, 5)),
    "AJ_Cook/AJ_Cook_0001.jpg",
    "Abdullah_al-Attiyah/Abdullah_al-Attiyah_0001.jpg",
    "Jean-Pierre_Raffarin/Jean-Pierre_Raffarin_0010.jpg",
]


def listed(root: Path, **options: Any) -> tuple[Lfw, list[str]]:
    dataset = Lfw(str(root), **options)
    dataset.prepare()
    return dataset, [s.sample_id for s in dataset.samples()]


@pytest.mark.parametrize(
    ("folder", "alignment"),
    [("lfw", "original"), ("lfw_funneled", "funneled"), ("lfw-deepfunneled", "deepfunneled"), ("mylfw", "unnamed")],
)
def test_the_alignment_is_the_folder(build: Callable[[Iterable[str]], Path], folder: str, alignment: str) -> None:
    root = build(f"{folder}/{name}" for name in PEOPLE)
    for start in (root, root / folder):
        dataset, ids = listed(start)
        assert dataset.part == alignment
        assert ids == [
            "AJ_Cook/0001",
            "Aaron_Peirsol/0001",
            "Aaron_Peirsol/0002",
            "Aaron_Peirsol/0003",
            "Aaron_Peirsol/0004",
            "Abdullah_al-Attiyah/0001",
            "Jean-Pierre_Raffarin/0010",
        ]
        assert {s.session for s in dataset.samples()} == {None}
        assert {s.identity for s in dataset.samples()} == {name.split("/")[0] for name in PEOPLE}


def test_of_several_alignments_one_has_to_be_chosen(build: Callable[[Iterable[str]], Path]) -> None:
    root = build(f"{folder}/{name}" for folder in ("lfw", "lfw_funneled") for name in PEOPLE)
    with pytest.raises(DatasetError, match=r"got original, funneled; choose with lfw:alignment="):
        listed(root)
    assert len(listed(root, alignment="funneled")[1]) == len(PEOPLE)
    with pytest.raises(DatasetError, match="deepfunneled"):
        listed(root, alignment="deepfunneled")


def test_files_under_another_person_do_not_count(build: Callable[[Iterable[str]], Path]) -> None:
    dataset, ids = listed(build(["lfw/AJ_Cook/AJ_Cook_0001.jpg", "lfw/AJ_Cook/Aaron_Pena_0001.jpg"]))
    assert ids == ["AJ_Cook/0001"]
    assert dataset.ignored == {"name does not fit the layout": 1}


# ---------------------------------------------------------------------------------------------------- lists

GENUINE = ["Aaron_Peirsol 1 2", "Aaron_Peirsol 3 4"]
IMPOSTOR = ["AJ_Cook 1 Aaron_Peirsol 4", "Jean-Pierre_Raffarin 10 AJ_Cook 1"]
FOLD = [*GENUINE, *IMPOSTOR]


def test_names_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "lfw-names.txt"
    path.write_text("AJ_Cook\t1\nAaron_Peirsol\t4\n")
    assert read_names(path) == {"AJ_Cook": 1, "Aaron_Peirsol": 4}
    (tmp_path / "people.txt").write_text("10\n2\nAJ_Cook\t1\nAaron_Peirsol\t4\n1\nZ\t2\n")
    assert read_names(tmp_path / "people.txt") == {"AJ_Cook": 1, "Aaron_Peirsol": 4, "Z": 2}
    (tmp_path / "bad.txt").write_text("nothing here\n")
    with pytest.raises(DatasetError, match="got none"):
        read_names(tmp_path / "bad.txt")


def test_published_lists_are_known_by_their_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "people.txt"
    path.write_text("x")
    assert not is_published(path)
    monkeypatch.setitem(lfw_lists.MD5, "people.txt", hashlib.md5(b"x").hexdigest())
    assert is_published(path)


# ---------------------------------------------------------------------------------------------------- what ships


def everybody() -> list[Sample]:
    names = read_names(PUBLISHED_NAMES)
    ids = [(name, f"{name}/{n:04d}") for name, count in names.items() for n in range(1, count + 1)]
    return [Sample(sample_id, name, name, Path(sample_id), "") for name, sample_id in ids]


def test_the_shipped_names_are_the_published_ones() -> None:
    names = read_names(PUBLISHED_NAMES)
    assert is_published(PUBLISHED_NAMES)
    assert (len(names), sum(names.values()), sum(n > 1 for n in names.values())) == (5749, 13_233, 1680)


def test_the_committed_list_is_what_the_protocol_draws() -> None:
    with PUBLISHED_NAMES.with_name("lfw-queries-gallery-1.csv").open(encoding="utf-8", newline="") as stream:
        rows = [(row["role"], row["sample_id"]) for row in csv.DictReader(stream)]
    roles = assign_roles(everybody(), present(get_protocol("face/1.0").retrieval))
    drawn = {"query": roles.queries, "mate": roles.mates, "other": roles.others}
    assert rows == [(role, each.sample_id) for role, images in drawn.items() for each in images]
    people = {role: [name.split("/")[0] for each, name in rows if each == role] for role in drawn}
    assert {role: len(set(each)) for role, each in people.items()} == dict.fromkeys(drawn, 500)
    assert sorted(people["query"]) == sorted(people["mate"])
    assert not set(people["query"]) & set(people["other"])
    assert len(set(rows)) == len({name for _, name in rows}) == 1500


def test_registering_compares_with_the_published_names(build: Callable[[Iterable[str]], Path]) -> None:
    root = build([*(f"lfw/{name}" for name in PEOPLE[:3]), "lfw/Nobody/Nobody_0001.jpg"])
    part = survey(Lfw(), root, ("original",)).parts["original"]
    assert part.short == {"Aaron_Peirsol": 3}
    assert part.unknown == ("Nobody",)
    assert len(part.absent) == 5748
    assert "4 images here, 13233 published" in part.differences
