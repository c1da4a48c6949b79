"""One "did you mean" for the whole product."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import deid_bench
from deid_bench.suggestions import nearest, offer, suggest


def test_near_names_are_offered_else_all_else_what_to_do() -> None:
    assert suggest("Blurrin", ["blurring", "masking"]) == "; did you mean 'blurring'?"
    assert suggest("palm_mni", ["palm-mini", "lfw"]) == "; did you mean 'palm-mini'?"
    assert suggest("zzz", ["b", "a"]) == "; known are: a, b"
    assert suggest("zzz", []) == "; none are known"
    assert suggest("zzz", ["a"], "look there") == "; look there"
    assert suggest("x", map(str, range(1000, 2000))).endswith(" and 960 more")
    assert offer(["a", "a", "b"], "") == "; did you mean 'a' or 'b'?"


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=20))
def test_only_known_names_are_offered(name: str, known: list[str]) -> None:
    assert set(nearest(name, known)) <= set(known)
    assert suggest(name, known).startswith("; ")


def test_nobody_else_guesses_names() -> None:
    root = Path(deid_bench.__file__).parent
    rooms = [each for each in root.iterdir() if (each / "__init__.py").is_file() and each.name != "tests"]
    files = [*root.glob("*.py"), *(file for room in rooms for file in room.rglob("*.py"))]
    assert [each.name for each in files if re.search(r"^\s*import difflib", each.read_text(), re.M)] == [
        "suggestions.py"
    ]
