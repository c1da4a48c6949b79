"""Shared fixtures: the toy world, in which a whole run takes a second."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from deid_bench.benchmark.closer_look import LPIPS_WEIGHTS, WANTED
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.plugins.entries import Kind, registry
from deid_bench.weights.files import WeightsError, spec, weight
from deid_bench.weights.torchvision import fit_torchvision

# A slow machine is no failure.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
fit_torchvision()  # for the reference packages
TOYS = HERE / "toy_package" / "src" / "deid_bench_toy" / "toys.py"
MISBEHAVING = HERE / "misbehaving.py"
TOY_RULES = {"protocol": "palm-paper/1.0"}
"""Nobody attacks the toy hands unless a test says so."""


@pytest.fixture(scope="session", autouse=True)
def toy_plugins() -> None:
    """The toy plug-ins, taken in as a user would with --plugin."""
    registry().add_file(TOYS)
    registry().add_file(MISBEHAVING)


@pytest.fixture
def registry_as_before() -> Iterator[None]:
    """What a test takes in with --plugin is gone after it."""
    known = registry()
    entries = {kind: dict(known.entries(kind)) for kind in Kind}
    files = list(known.files)
    yield
    known.files[:] = files
    known._entries = entries


@pytest.fixture(scope="session", autouse=True)
def no_registered_datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine's user has registered stays out of the tests; `face/1.0` looks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEID_BENCH_DATA", str(tmp_path_factory.mktemp("registrations")))
        yield


@pytest.fixture(scope="session")
def without_networks() -> Iterator[pytest.MonkeyPatch]:
    """Hides the networks of every run's quality: a folder that comes before the cache has empty files of their names.

    So runs neither import torch nor download, whatever this machine has; numbers by networks say why they are absent.
    """
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name in WANTED["basic"]:
            Path(folder, spec(name).file).touch()
        patch.setenv("DEID_BENCH_WEIGHTS", folder)
        yield patch


@pytest.fixture(autouse=True)
def _no_networks(without_networks: pytest.MonkeyPatch) -> None:
    """For all tests; `lpips_weights` is for those that need them."""


@pytest.fixture
def lpips_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """LPIPS' networks, fetched once; a machine without them and without network skips what needs them."""
    monkeypatch.delenv("DEID_BENCH_WEIGHTS")
    try:
        for name in LPIPS_WEIGHTS:
            weight(name)
    except WeightsError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")  # Inception is not downloaded for a test


@pytest.fixture
def toy_options(tmp_path: Path) -> Callable[..., RunOptions]:
    """Makes run options for the toy world."""

    def make(*methods: str, dataset: str = "", **changes: Any) -> RunOptions:
        spec = f"toy-hands:folder={tmp_path / 'hands'}" + (f",{dataset}" if dataset else "")
        values = {"analyzer": "toy_analyzer", "recognizers": ("toy_recognizer",), "datasets": (spec,)}
        return RunOptions(methods=methods, **(values | TOY_RULES | changes))

    return make


@pytest.fixture
def toy_arguments(tmp_path: Path) -> list[str]:
    """The same world for the command line: options of `run`."""
    hands = f"toy-hands:folder={tmp_path / 'hands'}"
    return ["--dataset", hands, "--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer", "--quiet",
            *(word for name, value in TOY_RULES.items() for word in (f"--{name}", value))]  # fmt: skip


@pytest.fixture
def toy_plugin_arguments() -> list[str]:
    """Options before the command that take the toy plug-ins in."""
    return ["--plugin", str(TOYS), "--plugin", str(MISBEHAVING)]
