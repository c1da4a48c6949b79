"""The registry: names, specifications, files, broken plug-ins."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_bench.plugins.entries import Entry, Kind, PluginError, Registry, Spec, create, registry

HERE = Path(__file__).parent
MISBEHAVING = HERE / "misbehaving.py"


@pytest.mark.parametrize(
    ("text", "target", "params"),
    [
        ("blurring", "blurring", {}),
        ("blurring:sigma=0.06", "blurring", {"sigma": "0.06"}),
        ("a:x=1,y=two words,z=s+m", "a", {"x": "1", "y": "two words", "z": "s+m"}),
        ('folder:path="/a,b/c d"', "folder", {"path": "/a,b/c d"}),
        ("./my.py:MyMethod", "./my.py:MyMethod", {}),
        ("/x/my.py:My:a=1,b=c:d", "/x/my.py:My", {"a": "1", "b": "c:d"}),
        ("a:x=", "a", {"x": ""}),
        (r"C:\my.py:Grey:level=3", r"C:\my.py:Grey", {"level": "3"}),
        (r"C:\a dir\my.py:Grey", r"C:\a dir\my.py:Grey", {}),
        (r"\\host\share\m.py:M:path=D:\x,y=1", r"\\host\share\m.py:M", {"path": "D:\\x", "y": "1"}),
        ("/tmp/a:b/m.py:M", "/tmp/a:b/m.py:M", {}),
        ("m.py:M:other=/x/n.py:N", "m.py:M", {"other": "/x/n.py:N"}),
        ("tip_im:surrogate=./mine.py:Mine", "tip_im", {"surrogate": "./mine.py:Mine"}),
    ],
)
def test_specifications_are_parsed(text: str, target: str, params: dict[str, str]) -> None:
    spec = Spec.parse(text)
    assert spec.target == target
    assert dict(spec.params) == params


@pytest.mark.parametrize("text", ["", ":a=1", "a:b", "a:1x=2", "a:x=1,x=2", "a:x=1,,"])
def test_malformed_specifications_are_refused(text: str) -> None:
    with pytest.raises(PluginError):
        Spec.parse(text)


@given(st.text(max_size=40))
def test_parsing_any_text_gives_a_spec_or_a_plugin_error(text: str) -> None:
    with contextlib.suppress(PluginError):
        Spec.parse(text)


def test_builtins_come_from_entry_points() -> None:
    for kind in Kind:
        for entry in registry().entries(kind).values():
            assert entry.origin
    assert "blurring" in registry().entries(Kind.DEIDENTIFIER)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("blurrin", "did you mean 'blurring'"),
        ("blurring:sgima=1", "did you mean 'sigma'"),
        ("blurring:sigma=thick", "should be a number, got 'thick'"),
        ("blurring:region=elbow", "should be one of auto, palm, hand, box, mask, eyes"),
        ("blurring:sigma=-1", "sigma"),
        ("nowhere.py:Thing", "there is no file"),
    ],
)
def test_mistakes_say_what_to_do(spec: str, expected: str) -> None:
    with pytest.raises(PluginError) as caught:
        create("deidentifier", spec)
    assert expected in str(caught.value)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(PluginError, match="did you mean 'deidentifier'"):
        create("deidentifer", "masking")


def test_parameters_are_bound_with_defaults_and_types() -> None:
    resolved = registry().resolve(Kind.RECOGNIZER, "mtcc:variant=official")
    assert resolved.params["variant"] == "official"
    assert resolved.text == "mtcc:variant=official"
    assert registry().resolve(Kind.RECOGNIZER, "mtcc").params["variant"] == "yan"


def test_a_number_given_for_a_text_parameter_stays_text() -> None:
    resolved = registry().resolve(Kind.DEIDENTIFIER, "masking:mask_points=6")
    assert resolved.params["mask_points"] == "6"


def test_a_file_gives_its_plugins() -> None:
    mine = Registry()
    mine.add_file(MISBEHAVING)
    entry = mine.entries(Kind.DEIDENTIFIER)["wrong_shape"]
    assert str(MISBEHAVING) in entry.origin
    assert entry.load().__name__ == "WrongShape"


def test_a_class_of_a_file_is_found_by_its_path() -> None:
    resolved = registry().resolve(Kind.DEIDENTIFIER, f"{MISBEHAVING}:WrongShape")
    assert resolved.name == "wrong_shape"
    assert resolved.create().deidentify([]) == []


def test_a_file_without_plugins_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(PluginError, match="defines no plug-in"):
        Registry().add_file(path)


def test_a_file_that_does_not_import_shows_its_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("raise RuntimeError('out of order')\n")
    with pytest.raises(PluginError, match="out of order"):
        Registry().add_file(path)


def test_a_class_that_is_no_method_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.py"
    path.write_text("class Half:\n    info = 1\n")
    with pytest.raises(PluginError, match="lacks deidentify"):
        registry().resolve(Kind.DEIDENTIFIER, f"{path}:Half")


def test_two_plugins_of_one_name_are_refused_and_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "twin.py"
    path.write_text(MISBEHAVING.read_text())
    mine = Registry()
    mine.add_file(MISBEHAVING)
    mine.add_file(path)
    with pytest.raises(PluginError, match="two plug-ins are called 'wrong_shape'"):
        mine.resolve(Kind.DEIDENTIFIER, "wrong_shape")
    assert mine.resolve(Kind.DEIDENTIFIER, "masking").name == "masking"


def test_an_entry_with_a_bad_target_names_its_origin() -> None:
    entry = Entry(Kind.DEIDENTIFIER, "x", "no_such_module:X", "some-package 1.0")
    with pytest.raises(PluginError, match=r"some-package 1\.0 is broken: ModuleNotFoundError"):
        entry.load()


@pytest.fixture(scope="module")
def toy_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy package, really installed, into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "toy"
    import shutil

    shutil.copytree(HERE / "toy_package", source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True, capture_output=True)
    return target


def _deid_bench(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-P", "-m", "deid_bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=site, check=False)


def test_an_installed_package_is_found_and_its_broken_part_listed(toy_site: Path) -> None:
    listed = _deid_bench(toy_site, "list", "deidentifiers")
    assert listed.returncode == 0, listed.stderr
    assert "toy_noise" in listed.stdout
    assert "deid-bench-toy 0.3.0" in listed.stdout
    assert "BROKEN" in listed.stdout
    assert "a_library_that_nobody_has" in listed.stdout
    assert "masking" in listed.stdout


def test_a_broken_plugin_says_so_when_used(toy_site: Path) -> None:
    checked = _deid_bench(toy_site, "info", "toy_broken")
    assert checked.returncode == 2
    assert "a_library_that_nobody_has" in checked.stderr


def test_a_class_or_file_that_is_not_there_is_no_broken_plugin(tmp_path: Path) -> None:
    path = tmp_path / "my.py"
    path.write_text((Path(__file__).parent / "coarse.py").read_text())
    with pytest.raises(PluginError, match=r"there is no Coars in .*my\.py.*Coarse.*; it has Coarse, Faint"):
        registry().resolve(Kind.RECOGNIZER, f"{path}:Coars").create()
    with pytest.raises(PluginError, match=r"there is no file .*nope\.py"):
        registry().resolve(Kind.RECOGNIZER, f"{tmp_path / 'nope.py'}:Coarse").create()
