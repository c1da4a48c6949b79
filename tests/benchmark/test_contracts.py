"""Contract checks pass for good methods and name what is wrong with bad ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deid_bench import parametrize_with_checks
from deid_bench.benchmark.plugin_checks.contracts import method_checks
from deid_bench.benchmark.plugin_checks.scaffold import write_method_package
from deid_bench.plugins.entries import Kind, PluginError, parameters, registry


@parametrize_with_checks(
    *(
        name
        for name, entry in registry().entries(Kind.DEIDENTIFIER).items()
        # Those that look into a network take minutes; their own tests run the checks on small ones.
        if entry.origin.startswith("deid-bench ") and "surrogate" not in parameters(entry.load())
    )
)
def test_builtin_methods_keep_the_contract(check) -> None:
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
    (found,) = [each for each in method_checks() if each.__name__ == f"check_{check}"]
    problem = found(method)
    assert problem is not None
    assert words in problem


def test_a_new_package_passes_its_own_test(tmp_path: Path) -> None:
    folder = write_method_package("my_method", tmp_path)
    source = folder / "src" / "my_method" / "method.py"
    problems = [check(f"{source}:MyMethod") for check in method_checks()]
    assert problems == [None] * len(problems)


def test_a_new_package_installs_and_is_checked_at_once(tmp_path: Path) -> None:
    import os

    folder, site = write_method_package("your_method", tmp_path), tmp_path / "site"
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
        write_method_package(name, tmp_path)


def test_a_package_is_never_written_over(tmp_path: Path) -> None:
    write_method_package("my_method", tmp_path)
    with pytest.raises(PluginError, match="not empty"):
        write_method_package("my_method", tmp_path)
