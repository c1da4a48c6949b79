"""Pictures under two identities: what a recogniser says of them beside the perceptual hash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from deid_bench.benchmark.label_witness import LabelWitness
from deid_bench.cli import main
from deid_bench.datasets.base import Sample
from deid_bench.datasets.duplicates import DuplicatePair
from deid_bench.plugins.entries import Kind, registry


def witness(places: dict[str, float]) -> LabelWitness:
    """Images on a line, named `identity/number`; their distances are those on the line."""
    samples = [Sample(name, name.split("/")[0], name.split("/")[0], Path(name), "0" * 64) for name in places]
    at = np.array(list(places.values()), np.float32)
    return LabelWitness("line", samples, np.abs(at[:, None] - at[None, :]))


def near(first: str, second: str) -> DuplicatePair:
    return DuplicatePair(first, second, "perceptual", 4, same_identity=False)


@pytest.mark.parametrize(
    ("places", "pair", "cause"),
    [
        # What stands under b lies where a lies.
        ({"a/0": 0, "a/1": 1, "b/0": 0, "b/1": 9, "b/2": 10}, ("a/0", "b/0"), "b/0 is probably of a"),
        # The same, the other way round.
        ({"a/0": 10, "a/1": 0, "a/2": 1, "b/0": 10, "b/1": 11}, ("a/0", "b/0"), "a/0 is probably of b"),
        # Nobody else is named a, but b/0 is where b is.
        ({"a/0": 0, "b/0": 0, "b/1": 1, "c/0": 20, "c/1": 30}, ("a/0", "b/0"), "a/0 is probably of b"),
        # Both are one.
        (
            {"a/0": 0, "a/1": 1, "b/0": 0, "b/1": 2, "c/0": 20, "c/1": 30},
            ("a/0", "b/0"),
            "a and b are probably one identity under two names",
        ),
        # Nobody else is there to tell.
        ({"a/0": 0, "b/0": 0, "c/0": 20, "c/1": 30}, ("a/0", "b/0"), "one of the two labels is probably wrong"),
    ],
)
def test_the_other_images_tell_which_label_is_wrong(
    places: dict[str, float], pair: tuple[str, str], cause: str
) -> None:
    said = witness(places).says(near(*pair))
    assert said.startswith("line agrees")
    assert said.endswith(cause)


def test_it_disagrees_from_the_genuine_mean_on() -> None:
    places = {"a/0": 0.0, "a/1": 4.0, "b/0": 4.0, "b/1": 8.0}
    assert witness(places).genuine_mean == 4
    assert "line disagrees (distance 4, not below the genuine mean of 4)" in witness(places).says(near("a/0", "b/0"))
    assert "line agrees" in witness({**places, "b/0": 3.9}).says(near("a/0", "b/0"))


def test_what_it_cannot_tell_it_says() -> None:
    found = witness({"a/0": 0, "a/1": 1, "b/0": 0})
    assert "cannot tell" in found.says(near("a/0", "c/0"))
    assert "cannot tell" in witness({"a/0": 0, "b/0": 0}).says(near("a/0", "b/0"))
    holes = np.full_like(found.distances, np.nan)
    assert "cannot tell" in LabelWitness("line", found.samples, holes).says(near("a/0", "b/0"))


def test_a_misplaced_file_is_named_by_both(
    toy_plugin_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hands = registry().resolve(Kind.DATASET, f"toy-hands:folder={tmp_path / 'hands'},identities=4").create()
    hands.prepare()
    people: dict[str, list[Path]] = {}
    for each in hands.samples():
        place = tmp_path / "set" / each.identity / Path(each.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(each.path, place)
        people.setdefault(each.identity, []).append(place)
    first, second = list(people)[:2]
    shutil.copy(people[first][0], tmp_path / "set" / second / "stray.png")
    command = ["data", "verify", f"folder:path={tmp_path / 'set'}"]
    assert main([*command, "--json"]) == 1
    assert "one of the two labels is probably wrong" in json.loads(capsys.readouterr().out)["duplicates"][0]
    assert main([*command, "-r", "toy_recognizer", "--analyzer", "toy_analyzer", "--json"]) == 1
    (said,) = [each for each in json.loads(capsys.readouterr().out)["duplicates"] if "the same file" in each]
    assert "toy_recognizer agrees" in said
    assert f"stray.png is probably of {first}" in said
    assert main([*command, "-r", "mtcc", "--hashes-only"]) == 2
