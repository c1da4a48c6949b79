"""A plug-in is all of its code: what changes its digest, what does not, and how files import their neighbours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_bench.cli import main
from deid_bench.plugins.code import code_modules
from deid_bench.plugins.entries import Kind, PluginError, load_ref, registry

METHOD = """
from deid_bench.deidentifiers.base import MethodInfo
{imports}


class M({base}):
    info = MethodInfo(name="m", version="1", modality=("palm",), description="Paints everything")

    def deidentify(self, batch):
        return [request.image * 0 + {value} for request in batch]
"""


def write(folder: Path, **files: str) -> Path:
    """Files of a folder; `a__b` is `a/b.py`, and `a__init` is `a/__init__.py`."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/").replace("/init", "/__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def method(imports: str, value: str = "value", base: str = "object") -> str:
    return METHOD.format(imports=imports, value=value, base=base)


def source(folder: Path, name: str = "m") -> str:
    return registry().resolve(Kind.DEIDENTIFIER, f"{folder / name}.py:M").source


NEIGHBOURS = {
    "a module": ("from helper import value", {"helper": "value = {}"}),
    "a module of a module": ("from helper import value", {"helper": "from inner import value", "inner": "value = {}"}),
    "a package": ("from kit.part import value", {"kit/init": "", "kit/part": "value = {}"}),
    "a package's own start": (
        "from kit import value",
        {"kit/init": "from .part import value", "kit/part": "value = {}"},
    ),
    "a relative import": ("from .helper import value", {"helper": "value = {}"}),
    "a folder without __init__": ("from kit.part import value", {"kit/part": "value = {}"}),
    "an import as": ("import kit.part as part\nvalue = part.value", {"kit/init": "", "kit/part": "value = {}"}),
    "a dotted import": ("import kit.part\nvalue = kit.part.value", {"kit/init": "", "kit/part": "value = {}"}),
    "a star": ("from helper import *", {"helper": "value = {}"}),
}


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_a_plugin_file_imports_what_lies_beside_it_and_is_that_too(kind: str, tmp_path: Path) -> None:
    imports, files = NEIGHBOURS[kind]
    write(tmp_path, m=method(imports))

    def edit(text: str) -> None:
        write(tmp_path, **{name.replace("/", "__"): body.format(text) for name, body in files.items()})

    edit("7")
    before = source(tmp_path)
    resolved = registry().resolve(Kind.DEIDENTIFIER, f"{tmp_path}/m.py:M")
    edit("7  # the same")
    assert source(tmp_path) == before
    edit("8")
    assert source(tmp_path) != before
    with pytest.raises(PluginError, match="were edited since the run began"):
        load_ref(resolved.ref)
    assert load_ref(registry().resolve(Kind.DEIDENTIFIER, f"{tmp_path}/m.py:M").ref)


def test_an_import_inside_a_function_counts_and_works_later(tmp_path: Path) -> None:
    text = method("def late():\n    from helper import value\n    return value\n", "late()")
    write(tmp_path, m=text, helper="value = 7\n")
    before = source(tmp_path)
    (image,) = registry().resolve(Kind.DEIDENTIFIER, f"{tmp_path}/m.py:M").create().deidentify([_Request()])
    assert image == 7
    write(tmp_path, helper="value = 8\n")
    assert source(tmp_path) != before


class _Request:
    image = 1


def test_a_base_class_in_another_module_counts(tmp_path: Path) -> None:
    write(tmp_path, m=method("from basis import Basis", "self.value", "Basis"), basis="class Basis:\n    value = 7\n")
    before = source(tmp_path)
    write(tmp_path, basis='class Basis:\n    """The base."""\n    value = 7\n')
    assert source(tmp_path) == before
    write(tmp_path, basis="class Basis:\n    value = 8\n")
    assert source(tmp_path) != before


def test_a_class_that_the_file_only_takes_in_counts_with_the_file(tmp_path: Path) -> None:
    write(tmp_path, real=method("", "7"), m="from real import M\n")
    before = source(tmp_path)
    write(tmp_path, m="from real import M\nM.extra = 1\n")
    assert source(tmp_path) != before


def test_a_module_imported_by_a_computed_name_counts(tmp_path: Path) -> None:
    imports = "import importlib.util\nfrom pathlib import Path\n"
    imports += "spec = importlib.util.spec_from_file_location('x', Path(__file__).with_name('helper' + '.py'))\n"
    imports += "x = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(x)\nvalue = x.value\n"
    write(tmp_path, m=method(imports), helper="value = 7\n")
    before = source(tmp_path)
    write(tmp_path, helper="value = 88\n")
    assert source(tmp_path) != before


def test_what_nobody_imports_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, m=method("from helper import value"), helper="value = 7\n", other="x = 1\n")
    before = source(tmp_path)
    write(tmp_path, other="x = 2\n")
    assert source(tmp_path) == before


def test_the_digest_does_not_depend_on_where_the_file_lies_or_what_it_is_called(tmp_path: Path) -> None:
    write(tmp_path / "a", m=method("from helper import value"), helper="value = 7\n")
    write(tmp_path / "b c", other=method("from helper import value"), helper="value = 7\n")
    assert source(tmp_path / "a") == source(tmp_path / "b c", "other")


def test_modules_that_change_places_are_another_plugin(tmp_path: Path) -> None:
    write(
        tmp_path,
        m=method("from one import value\nfrom two import value as other"),
        one="value = 1\n",
        two="value = 2\n",
    )
    before = source(tmp_path)
    write(tmp_path, one="value = 2\n", two="value = 1\n")
    assert source(tmp_path) != before


def test_two_files_in_two_folders_each_get_their_own_helper_and_nobody_else_does(tmp_path: Path) -> None:
    paths, names = list(sys.path), set(sys.modules)
    made = {}
    for value in (7, 8):
        folder = write(
            tmp_path / str(value), m=method("import helper\nvalue = helper.value"), helper=f"value = {value}\n"
        )
        made[value] = registry().resolve(Kind.DEIDENTIFIER, f"{folder}/m.py:M").create()
    assert [made[value].deidentify([_Request()]) for value in (7, 8)] == [[7], [8]]
    assert sys.path == paths
    assert "helper" not in sys.modules
    assert all(each.startswith("_deid_bench_beside_") for each in set(sys.modules) - names)
    with pytest.raises(ModuleNotFoundError):
        __import__("helper")


def test_a_neighbour_never_hides_pythons_own_modules(tmp_path: Path) -> None:
    write(tmp_path, m=method("import json\nvalue = len(json.dumps([1]))"), json="raise RuntimeError('hidden')\n")
    assert registry().resolve(Kind.DEIDENTIFIER, f"{tmp_path}/m.py:M").create().deidentify([_Request()]) == [3]


def test_a_module_that_is_nowhere_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, m=method("from helperr import value"))
    with pytest.raises(PluginError, match="put it beside the plug-in's file"):
        source(tmp_path)


@given(st.lists(st.sampled_from(["# note", "", '"""Words."""', "    ", "'alone'"]), max_size=6), st.data())
def test_comments_docstrings_and_layout_never_count(lines: list[str], data: st.DataObject) -> None:
    from deid_bench.plugins.code import _parsed

    code = ["import os", "def f(x):", "    y = x + 1", "    return y", "class A:", "    z = 'kept'"]
    woven = list(code)
    for line in lines:
        place = data.draw(st.integers(0, len(woven)))
        before = next((each for each in woven[:place][::-1] if each in code), "")
        indent = "    " if before.endswith(":") or before.startswith("    ") else ""
        woven.insert(place, indent + line.strip() if line.strip() else line)
    assert _parsed("\n".join(woven).encode(), "a.py").sha256 == _parsed("\n".join(code).encode(), "a.py").sha256


@given(st.sampled_from(["y = x + 2", "y = x - 1", "y = x + 1.0", "y = x + True", "y = x + None", "y = -x"]))
def test_every_other_edit_counts(line: str) -> None:
    from deid_bench.plugins.code import _parsed

    assert _parsed(line.encode(), "a.py").sha256 != _parsed(b"y = x + 1", "a.py").sha256


# ------------------------------------------------------------------------------------------------ data files, packages


def test_a_declared_data_file_counts_and_has_to_be_there(tmp_path: Path) -> None:
    text = METHOD.format(imports="", value="7", base="object").replace(
        "    info", '    data_files = ("t/*.csv",)\n    info', 1
    )
    write(tmp_path, m=text)
    with pytest.raises(PluginError, match=r"names 't/\*\.csv', but there is no such file"):
        source(tmp_path)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.csv").write_text("1")
    before = source(tmp_path)
    (tmp_path / "t" / "a.csv").write_text("22")
    assert source(tmp_path) != before


@pytest.mark.parametrize("wrong", ['"a.csv"', "(1,)", '("../x",)', '("/etc/hosts",)'])
def test_data_files_that_are_no_paths_below_the_folder_are_refused(wrong: str, tmp_path: Path) -> None:
    text = METHOD.format(imports="", value="7", base="object").replace(
        "    info", f"    data_files = {wrong}\n    info", 1
    )
    write(tmp_path, m=text)
    with pytest.raises(PluginError, match="data_files"):
        source(tmp_path)


PACKAGE_PROBE = """
import json, sys
from deid_bench.plugins.entries import Entry, Kind
from deid_bench.plugins.code import code_digest, code_modules
entry = Entry(Kind.DEIDENTIFIER, "m", "pack.m:M", "pack 1")
cls = entry.load()
print(json.dumps([code_digest(cls, entry.module), sorted(each.name for each in code_modules(cls, entry.module))]))
"""


def test_a_package_is_its_own_modules_and_its_base_classes_package(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"

    def probe() -> tuple[str, list[str]]:
        done = subprocess.run(
            [sys.executable, "-B", "-P", "-c", PACKAGE_PROBE],
            env={"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}", "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digest, names = json.loads(done.stdout)
        return digest, names

    imports = "from labkit.basis import Basis\nfrom .deep.part import value\nimport lib"
    write(
        site,
        pack__init="",
        pack__m=method(imports, "value", "Basis"),
        pack__deep__init="",
        pack__deep__part="value = 7\n",
        pack__unused="x = 1\n",
        labkit__init="",
        labkit__basis="from deid_bench.datasets.base import Failure\nfrom labkit import inner\nclass Basis: pass\n",
        labkit__inner="x = 1\n",
        lib="x = 1\n",
    )
    before, names = probe()
    assert names == ["labkit", "labkit.basis", "labkit.inner", "pack", "pack.deep", "pack.deep.part", "pack.m"]
    for name, text, counts in (
        ("pack__deep__part", "value = 7  # the same\n", False),
        ("lib", "x = 2\n", False),
        ("pack__unused", "x = 2\n", False),
        ("labkit__inner", "x = 2\n", True),
        ("pack__deep__part", "value = 8\n", True),
    ):
        write(site, **{name: text})
        after, _ = probe()
        assert (after != before) == counts, name
        before = after


# ------------------------------------------------------------------------------------------------ built-ins


@pytest.mark.parametrize(
    ("kind", "name", "within", "without"),
    [
        (Kind.DEIDENTIFIER, "palm_diffusion", "deidentifiers.palm_diffusion.seam", "deidentifiers.tip_im.tip_im"),
        (Kind.DEIDENTIFIER, "blurring", "deidentifiers.regions", "deidentifiers.base"),
        (Kind.RECOGNIZER, "mtcc", "recognizers.matching._hamming_kernel", "recognizers.palm.ccnet"),
        (Kind.ANALYZER, "mediapipe_hands", "analyzers.mediapipe_hands", "weights.files"),
        (Kind.DATASET, "palm-mini", "datasets.palm_mini", "plugins.entries"),
    ],
)
def test_a_builtin_is_what_it_imports_within_the_rooms(kind: Kind, name: str, within: str, without: str) -> None:
    resolved = registry().resolve(kind, name)
    names = {each.name for each in code_modules(resolved.cls, resolved.entry.module)}
    assert f"deid_bench.{within}" in names
    assert f"deid_bench.{without}" not in names


def test_a_stranger_that_builds_on_a_builtin_is_that_too(tmp_path: Path) -> None:
    write(tmp_path, m=method("from deid_bench.deidentifiers.classical import Masking", "0", "Masking"))
    resolved = registry().resolve(Kind.DEIDENTIFIER, f"{tmp_path}/m.py:M")
    assert "deid_bench.deidentifiers.regions" in {
        each.name for each in code_modules(resolved.cls, resolved.entry.module)
    }


# ------------------------------------------------------------------------------------------------ whole runs


READS_A_FILE = method("from pathlib import Path", "int((Path(__file__).parent / 'value.txt').read_text())").replace(
    "    info", '    data_files = ("value.txt",)\n    info', 1
)
PARTS = {
    "a helper": (method("from helper import value"), "helper.py", "value = {}\n"),
    "a module of a package": (method("from kit.part import value"), "kit/part.py", "value = {}\n"),
    "a base class in another module": (
        method("from basis import Basis", "self.value", "Basis"),
        "basis.py",
        "class Basis:\n    value = {}\n",
    ),
    "a declared data file": (READS_A_FILE, "value.txt", "{}"),
}
"""What a method is beside its own file: the method, the other file, and what stands in it."""


@pytest.mark.parametrize("backend", ["serial", "process"])
@pytest.mark.parametrize("part", PARTS)
def test_an_edited_part_gives_new_numbers_and_an_edited_comment_the_stored_ones(
    part: str,
    backend: str,
    tmp_path: Path,
    toy_arguments: list[str],
    toy_plugin_arguments: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, name, body = PARTS[part]
    write(tmp_path, m=code, kit__init="")
    arguments = [each for each in toy_arguments if each != "--quiet"] + ["--backend", backend, "-j", "1"]

    def run(edit: str, out: str = "out") -> tuple[str, float, dict[str, int]]:
        """Digest and a number of the record, and when each object of the store was written."""
        (tmp_path / name).write_text(edit)
        command = [*toy_plugin_arguments, "run", "-m", f"{tmp_path}/m.py:M", *arguments, "--out", str(tmp_path / out)]
        assert main([*command, "--json"]) == 0
        (record,) = json.loads(capsys.readouterr().out)
        objects = (tmp_path / out / ".store" / "objects").rglob("*.zip")
        psnr = next(each["value"] for each in record["values"] if each["metric"] == "psnr")
        return record["digest"], psnr, {each.name: each.stat().st_mtime_ns for each in objects}

    first = run(body.format(128))
    (tmp_path / "m.py").write_text(f"# A note.\n{code}")
    comment = "" if name.endswith(".txt") else '"""Words."""\n# and more\n'
    assert run(comment + body.format(128)) == first
    second = run(body.format(0))
    assert second[0] != first[0]
    assert second[1] != first[1]
    assert run(body.format(0), "fresh")[:2] == second[:2]


def test_equal_settings_are_one_folder_and_one_text_however_typed(
    tmp_path: Path, toy_arguments: list[str], toy_plugin_arguments: list[str]
) -> None:
    command = [*toy_plugin_arguments, "run", *toy_arguments, "--backend", "serial", "--out", str(tmp_path / "out")]
    for text in ("toy_noise", "toy_noise:strength=60", "toy_noise:strength=6e1", "toy_noise: strength = 60.0"):
        assert main([*command, "-m", text]) == 0
    assert len(list((tmp_path / "out").glob("*/run.json"))) == 1
