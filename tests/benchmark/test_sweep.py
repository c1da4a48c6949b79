"""Sweeps: the grid, one spelling for equal settings, and mistakes that are explained before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deid_bench.benchmark.planning.sweep import MOST_SETTINGS, Axis, SweepError
from deid_bench.benchmark.planning.sweep import canonical as canonical_spec
from deid_bench.benchmark.planning.sweep import expand as expand_specs
from deid_bench.cli import main
from deid_bench.plugins.entries import PluginError, Spec

METHOD = """
from deid_bench.deidentifiers.base import MethodInfo


class Painter:
    info = MethodInfo(name="painter", version="1", modality=("palm",), description="Nothing")

    def __init__(self, exemplars: str = "s+m", alpha: float = 0.1, steps: int = 20, pin: bool = False,
                 weights: str | None = None) -> None:
        self.given = (exemplars, alpha, steps, pin, weights)

    def deidentify(self, batch):
        return [request.image for request in batch]
"""


def expand(methods: list[str], sweeps: list[str]) -> tuple[str, ...]:
    """The specifications as text."""
    return tuple(map(str, expand_specs(methods, sweeps)))


def canonical(spec: Spec) -> str:
    return str(canonical_spec(spec))


@pytest.fixture
def painter(tmp_path: Path) -> str:
    """A method with parameters of every kind, as FILE.py:Class."""
    path = tmp_path / "painter.py"
    path.write_text(METHOD)
    return f"{path}:Painter"


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("sigma=0.1,0.2", Axis("", "sigma", ("0.1", "0.2"))),
        ("exemplars=s,m,f,s+m,s+f,m+f,s+m+f", Axis("", "exemplars", ("s", "m", "f", "s+m", "s+f", "m+f", "s+m+f"))),
        ("palm_diffusion.alpha= .1 , .2 ", Axis("palm_diffusion", "alpha", (".1", ".2"))),
        ('./my.py:My.path="/a,b/c", \'x"y\' ,z', Axis("./my.py:My", "path", ("/a,b/c", 'x"y', "z"))),
        ("path=''", Axis("", "path", ("",))),
        ("path=a=b", Axis("", "path", ("a=b",))),
    ],
)
def test_a_sweep_is_read(text: str, axis: Axis) -> None:
    assert Axis.parse(text) == axis


@pytest.mark.parametrize("text", ["", "a", "a=", "a=1,", "a=,1", "a=1,,2", "=1", "1a=2", "a.=1", 'a="x"y', 'a="x'])
def test_a_malformed_sweep_is_refused(text: str) -> None:
    with pytest.raises(SweepError, match="expected"):
        Axis.parse(text)


def test_a_grid_is_every_combination_of_the_methods_own_parameters() -> None:
    found = expand(["masking", "blurring", "pixelation"], ["sigma=0.02,0.08", "region=auto,hand", "block=0.2"])
    assert found == (
        "masking",
        "masking:region=hand",
        "blurring:sigma=0.02",
        "blurring:sigma=0.02,region=hand",
        "blurring:sigma=0.08",
        "blurring:sigma=0.08,region=hand",
        "pixelation:block=0.2",
        "pixelation:block=0.2,region=hand",
    )


def test_without_a_sweep_equal_settings_are_one_method_too() -> None:
    assert expand(["blurring:sigma=0.10", "blurring:sigma=0.1"], []) == ("blurring:sigma=0.1",)
    assert expand(["identity", "blurring"], ["sigma=1"])[0] == "identity"


def test_equal_settings_are_one_cell_however_they_are_typed() -> None:
    assert expand(["blurring"], ["sigma=0.1,.1,0.10,1e-1"]) == ("blurring:sigma=0.1",)
    assert expand(["blurring"], ["sigma=0.038"]) == ("blurring",)
    assert expand(["blurring:region=auto", "blurring"], ["sigma=0.1"]) == ("blurring:sigma=0.1",)


def test_a_sweep_may_be_for_one_method_and_then_takes_the_others_place() -> None:
    found = expand(["masking", "blurring"], ["blurring.region=hand", "region=auto,hand"])
    assert found == ("masking", "masking:region=hand", "blurring:region=hand")


def test_the_papers_ablation(painter: str) -> None:
    found = expand([painter, "masking"], ["exemplars=s,m,f,s+m,s+f,m+f,s+m+f", "alpha=0.1,0.2,0.3"])
    assert len(found) == 22
    assert found[:2] == (f"{painter}:exemplars=s", f"{painter}:exemplars=s,alpha=0.2")
    assert f"{painter}:exemplars=s+m+f,alpha=0.3" in found
    assert painter in found
    assert found[-1] == "masking"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"pin": "yes"}, ":pin=true"),
        ({"pin": "off", "steps": "20"}, ""),
        ({"weights": "a,b"}, ':weights="a,b"'),
        ({"weights": 'a"b,'}, ":weights='a\"b,'"),
        ({"steps": "7", "exemplars": "f"}, ":exemplars=f,steps=7"),
    ],
)
def test_the_canonical_form_reads_back_to_the_same_settings(
    painter: str, params: dict[str, str], expected: str
) -> None:
    from deid_bench.plugins.entries import Kind, registry

    text = canonical(Spec(painter, tuple(params.items())))
    assert text == painter + expected
    first, second = (
        registry().resolve(Kind.DEIDENTIFIER, each) for each in (Spec(painter, tuple(params.items())), text)
    )
    assert first.params == second.params
    assert canonical(Spec.parse(text)) == text


@pytest.mark.parametrize(
    ("methods", "sweeps", "words"),
    [
        (["blurring"], ["sigm=1"], "did you mean 'sigma'"),
        (["blurring", "masking"], ["masking.sigma=1"], "masking has no parameter 'sigma'"),
        (["blurring"], ["blurrin.sigma=1"], "did you mean 'blurring'"),
        (["blurring"], ["sigma=1", "sigma=2"], "given twice"),
        (["blurring:sigma=1"], ["sigma=1"], "drop one"),
        (["blurring"], ["sigma=" + ",".join(map(str, range(MOST_SETTINGS + 1)))], "the most are"),
    ],
)
def test_what_fits_no_method_is_an_error(methods: list[str], sweeps: list[str], words: str) -> None:
    with pytest.raises(SweepError, match=words):
        expand(methods, sweeps)


def test_a_value_of_the_wrong_type_is_the_plug_ins_error() -> None:
    with pytest.raises(PluginError, match="should be a number"):
        expand(["blurring"], ["sigma=wide"])


def test_the_plan_counts_the_cells(
    toy_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [each for each in toy_arguments if each != "--quiet"] + ["--out", str(tmp_path / "out")]
    swept = ["plan", *arguments, "-m", "toy_noise", "-m", "identity", "--sweep", "strength=5,5.0,60,90"]
    assert main(swept) == 0
    assert "4 cells" in capsys.readouterr().out
    assert main([*swept, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["method"] for row in rows] == [
        "toy_noise:strength=5",
        "toy_noise",
        "toy_noise:strength=90",
        "identity",
    ]
    assert main(["plan", *arguments, "-m", "toy_noise", "--sweep", "strengt=5"]) == 2
    assert "did you mean 'strength'" in capsys.readouterr().err


def test_a_swept_run_shares_the_records_of_plain_ones(
    toy_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["run", *toy_arguments, "--out", str(out), "--backend", "serial", "-m", "toy_noise"]
    assert main(arguments) == 0
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/run.json")}
    assert main([*arguments, "--sweep", "strength=60,90"]) == 0
    after = {path: path.stat().st_mtime_ns for path in out.glob("*/run.json")}
    assert len(before) == 1
    assert len(after) == 2
    assert before.items() <= after.items()
    capsys.readouterr()
