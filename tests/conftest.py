"""Shared fixtures: the toy world, in which a whole run takes a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.plugins.entries import registry
from deid_bench.weights.torchvision import fit_torchvision

# A slow machine is no failure.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
fit_torchvision()  # for the reference packages
TOYS = HERE / "toy_package" / "src" / "deid_bench_toy" / "toys.py"
MISBEHAVING = HERE / "misbehaving.py"


@pytest.fixture(scope="session", autouse=True)
def toy_plugins() -> None:
    """The toy plug-ins, taken in as a user would with --plugin."""
    registry().add_file(TOYS)
    registry().add_file(MISBEHAVING)


@pytest.fixture(scope="session", autouse=True)
def no_registered_datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine's user has registered stays out of the tests; `face/1.0` looks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEID_BENCH_DATA", str(tmp_path_factory.mktemp("registrations")))
        yield


@pytest.fixture
def toy_options(tmp_path: Path):
    """Makes run options for the toy world."""

    def make(*methods: str, dataset: str = "", **changes) -> RunOptions:
        spec = f"toy-hands:folder={tmp_path / 'hands'}" + (f",{dataset}" if dataset else "")
        values = {"analyzer": "toy_analyzer", "recognizers": ("toy_recognizer",), "datasets": (spec,), **changes}
        return RunOptions(methods=methods, **values)

    return make


@pytest.fixture
def toy_arguments(tmp_path: Path) -> list[str]:
    """The same world for the command line: options of `run`."""
    hands = f"toy-hands:folder={tmp_path / 'hands'}"
    return ["--dataset", hands, "--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer", "--quiet"]


@pytest.fixture
def toy_plugin_arguments() -> list[str]:
    """Options before the command that take the toy plug-ins in."""
    return ["--plugin", str(TOYS), "--plugin", str(MISBEHAVING)]
