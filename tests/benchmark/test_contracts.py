"""Contract checks pass for good methods and name what is wrong with bad ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deid_bench import parametrize_with_checks
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.plugin_checks.contracts import CHECKS, checks_of, kind_of, run_checks
from deid_bench.benchmark.plugin_checks.scaffold import SCAFFOLDS, write_package
from deid_bench.plugins.entries import Kind, PluginError, parameters, registry


@parametrize_with_checks(
    *(
        name
        for name, entry in registry().entries(Kind.DEIDENTIFIER).items()
        # Those that look into a network take minutes; their own tests run the checks on small ones.
        if entry.origin.startswith("deid-bench ") and "surrogate" not in parameters(entry.load())
    )
)
def test_builtin_methods_keep_the_contract(check: Any) -> None:
    check()


@pytest.mark.parametrize(
    ("method", "check", "words"),
    [
        ("wrong_shape", "returns_one_image_per_request", "shape"),
        ("wrong_dtype", "returns_one_image_per_request", "dtype float32"),
        ("not_a_number", "returns_one_image_per_request", "NaN"),
        ("wrong_count", "returns_one_image_per_request", "results for 3 requests"),
        ("not_an_image", "returns_one_image_per_request", "returned str"),
        ("wrong_count", "takes_an_empty_batch", "IndexError"),
        ("writes_into_input", "leaves_its_input_alone", "wrote into the request's image"),
        ("depends_on_batch", "batch_does_not_matter", "depends on the batch"),
        ("secretly_random", "same_seed_gives_same_bytes", "another image when called again"),
        ("secretly_random", "leaves_global_random_state_alone", "global random state"),
        ("blurrin", "describes_itself", "did you mean 'blurring'"),
    ],
)
def test_misbehaviour_is_named(method: str, check: str, words: str) -> None:
    (found,) = [each for each in checks_of(Kind.DEIDENTIFIER) if each.__name__ == f"check_{check}"]
    problem = found(method)
    assert problem is not None
    assert words in problem


@pytest.mark.parametrize("kind", SCAFFOLDS)
def test_a_new_package_of_every_kind_passes_its_own_test(kind: Kind, tmp_path: Path) -> None:
    word = SCAFFOLDS[kind].word
    spec = f"{write_package(kind, 'my_thing', tmp_path)}/src/my_thing/{word}.py:MyThing"
    assert kind_of(spec) is kind
    for text in (spec, f"{spec}:{SCAFFOLDS[kind].params}"):
        results = run_checks(text, kind)
        assert len(results) > 3
        assert [each for each in results if each.problem] == []


def test_every_kind_has_checks() -> None:
    assert set(CHECKS) == set(Kind)
    assert all(CHECKS.values())


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.RECOGNIZER, "compcode"),
        (Kind.RECOGNIZER, "hand_geometry"),
        (Kind.RECOGNIZER, "mtcc:variant=official"),
        (Kind.ANALYZER, "mediapipe_hands"),
        (Kind.DATASET, "palm-mini:setting=wild"),
    ],
)
def test_builtins_of_other_kinds_keep_their_contracts(kind: Kind, name: str) -> None:
    assert kind_of(name) is kind
    assert [each for each in run_checks(name, kind) if not each.passed] == []


BAD_RECOGNIZER = """
import numpy as np
from deid_bench.recognizers.base import RecognizerInfo

class Bad:
    info = RecognizerInfo("bad", "1", "palm", "Misbehaves", "CC0-1.0", "")
    {extra}

    def align(self, image, analysis):
        return np.ascontiguousarray(image[:64, :64])

    def embed(self, crops):
        return {embed}

    def distances(self, a, b):
        return {distances}
"""
ROWS = "np.stack([each.ravel().astype(np.float32) for each in crops])"
APART = "np.abs(a[:, None, :600] - b[None, :, :600]).mean(2)"


@pytest.mark.parametrize(
    ("embed", "distances", "check", "words"),
    [
        (ROWS + "[:1]", APART, "embeds_one_row_per_crop", "1 rows for 3 crops"),
        (ROWS + " * np.nan", APART, "embeds_one_row_per_crop", "NaN"),
        (ROWS + " - " + ROWS + ".mean(0)", APART, "rows_depend_on_their_crop_alone", "in a batch of its own"),
        (ROWS + " + np.random.rand()", APART, "leaves_global_random_state_alone", "global random state"),
        (ROWS, APART + ".T", "distances_are_finite_and_symmetric", "should be (3, 2)"),
        (ROWS, APART + " + np.arange(len(a))[:, None]", "distances_are_finite_and_symmetric", "should be the same"),
        (ROWS, APART + " / (len(a) * len(b))", "distances_are_finite_and_symmetric", "depends on what else"),
        (ROWS, "-" + APART, "smaller_is_more_alike", "smaller for what is more alike"),
        ("1 / 0", APART, "embeds_one_row_per_crop", "ZeroDivisionError"),
        (ROWS, "exit(0)", "smaller_is_more_alike", "called sys.exit(0)"),
    ],
)
def test_a_recognisers_misbehaviour_is_named(
    embed: str, distances: str, check: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.py"
    path.write_text(BAD_RECOGNIZER.format(embed=embed, distances=distances, extra=""))
    problems = {each.check: each.problem for each in run_checks(f"{path}:Bad", Kind.RECOGNIZER)}
    assert words in (problems[check] or "")


def test_an_expected_failure_passes_with_its_reason_and_a_needless_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    extra = 'expected_failures = {"smaller_is_more_alike": "a joke", "takes_tea": "no", "aligns_clear_images": "?"}'
    path.write_text(BAD_RECOGNIZER.format(embed=ROWS, distances="-" + APART, extra=extra))
    results = {each.check: each for each in run_checks(f"{path}:Bad", Kind.RECOGNIZER)}
    assert results["smaller_is_more_alike"].passed
    assert "expected (a joke)" in results["smaller_is_more_alike"].said
    assert not results["aligns_clear_images"].passed
    assert "take it from the list" in results["aligns_clear_images"].said
    assert not results["takes_tea"].passed


DEFAULTS = """
import enum, pathlib
import numpy as np
import torch
from deid_bench.deidentifiers.base import MethodInfo

class Mode(enum.Enum):
    SOFT = "soft"

class Thing:
    pass

class M:
    info = MethodInfo(name="m", version="1", modality=("palm",), description="Inverts")

    def __init__(self, value={default}):
        self.value = value

    def deidentify(self, batch):
        return [255 - each.image for each in batch]
"""


@pytest.mark.parametrize(
    ("default", "recorded"),
    [
        ("torch.device('cpu')", "cpu"),
        ("torch.float16", "float16"),
        ("pathlib.Path('w.npy')", "w.npy"),
        ("np.float32(3.0)", 3.0),
        ("np.int64(3)", 3),
        ("Mode.SOFT", "SOFT"),
        ("(5, 5)", "5,5"),
        ("float('inf')", "inf"),
        ("None", None),
        ("True", True),
        ("Thing()", PluginError),
        ("{'a': 1}", PluginError),
    ],
)
def test_what_check_passes_run_can_do(
    default: str, recorded: object, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    from deid_bench.benchmark.run import Execution, run

    path = tmp_path / "m.py"
    path.write_text(DEFAULTS.replace("{default}", default))
    problems = [each.problem for each in run_checks(f"{path}:M", Kind.DEIDENTIFIER) if each.problem]
    execution = Execution(out=tmp_path / "out")
    if recorded is PluginError:
        assert all("parameter 'value' cannot be written into a record" in each for each in problems)
        assert problems
        with pytest.raises(PluginError, match="parameter 'value'"):
            run(toy_options(f"{path}:M"), execution)
        return
    assert problems == []
    record = run(toy_options(f"{path}:M"), execution)[0].record
    assert record.method.params == {"value": recorded}


def test_a_new_package_installs_and_is_checked_at_once(tmp_path: Path) -> None:
    import os

    folder, site = write_package(Kind.DEIDENTIFIER, "your_method", tmp_path), tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(site), str(folder)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    checked = subprocess.run(
        [sys.executable, "-P", "-m", "deid_bench", "check", "your_method"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "FAIL" not in checked.stdout
    tested = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "tests"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout


@pytest.mark.parametrize("name", ["My-Method", "class", "1st", ""])
def test_a_name_that_is_no_python_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError, match="lower-case Python name"):
        write_package(Kind.DEIDENTIFIER, name, tmp_path)


def test_a_package_is_never_written_over(tmp_path: Path) -> None:
    write_package(Kind.DEIDENTIFIER, "my_method", tmp_path)
    with pytest.raises(PluginError, match="not empty"):
        write_package(Kind.DEIDENTIFIER, "my_method", tmp_path)


@pytest.mark.parametrize("name", ["blurring", "numpy", "torch", "deid_bench", "json", "sys", "palm_mini"])
def test_a_name_that_is_taken_is_refused(name: str, tmp_path: Path) -> None:
    kind = Kind.DATASET if name == "palm_mini" else Kind.DEIDENTIFIER
    with pytest.raises(PluginError, match="is taken"):
        write_package(kind, name, tmp_path)
    assert not any(tmp_path.iterdir())
