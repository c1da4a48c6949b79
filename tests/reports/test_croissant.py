"""Descriptions in Croissant, read by the reference library; they say nothing of this machine."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from written import save_record

from deid_bench.benchmark.records.record import load_record
from deid_bench.cli import main

GOLDEN = Path(__file__).parent.parent / "benchmark" / "golden" / "run-1-blurring.json"
UNKNOWN = ("datePublished", "citeAs", "license", "version")
"""What is recommended, and left out where nobody knows it."""


def read(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[Any, dict[str, list[dict[str, Any]]]]:
    """The description and the rows of its tables, as mlcroissant takes them."""
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    found = mlcroissant.Dataset(str(path))
    issues = found.metadata.ctx.issues
    assert not issues.errors
    assert [each for each in issues.warnings if not any(name in each for name in UNKNOWN)] == []
    assert "not standard" not in caplog.text
    rows = {each.id: list(found.records(each.id)) for each in found.metadata.record_sets}
    return found.metadata, rows


def test_a_dataset_is_described(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "london.json"
    assert main(["data", "croissant", "face-london", "-o", str(out)]) == 0
    about, rows = read(out, caplog)
    assert about.name == "face-london"
    assert about.license[0].startswith("CC BY 4.0")
    assert "DeBruine" in about.cite_as
    assert about.url == "https://doi.org/10.6084/m9.figshare.5047666"
    assert len(about.distribution) == len(rows["images"]) == 204
    files = {each.id: each for each in about.distribution}
    assert {row["images/sample_id"] for row in rows["images"]} == files.keys()
    for row in rows["images"]:
        file = files[row["images/sample_id"]]
        assert (file.content_url, file.sha256) == (row["images/file"], row["images/sha256"])
    assert {row["images/group_gender"] for row in rows["images"]} == {"female", "male"}
    assert len({row["images/identity"] for row in rows["images"]}) == 102


def test_a_folder_of_ones_own_is_described_without_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    hands = tmp_path / "hands"
    for number, name in enumerate(("ann/1.png", "ann/2.png", 'bo"b/1 <x>.png')):
        (hands / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(hands / name)
    (hands / "notes.txt").write_text("hello")
    (hands / "cat" / "2.png").parent.mkdir()
    (hands / "cat" / "2.png").write_bytes((hands / "ann" / "1.png").read_bytes())
    assert main(["data", "croissant", str(hands)]) == 0
    text, said = capsys.readouterr()
    assert "passed over 1 other file type (.txt)" in said
    assert "the same file under two identities" in said
    assert str(tmp_path) not in text
    assert str(Path(__file__).parents[2]) not in text
    out = hands / "croissant.json"
    assert main(["data", "croissant", str(hands), "-o", str(out)]) == 0
    assert "passed over 1 other file type (.txt)" in capsys.readouterr().err
    assert out.read_text() == text
    about, rows = read(out, caplog)
    assert "may not be passed on" in json.loads(text)["conditionsOfAccess"]
    for each in about.distribution:
        assert hashlib.sha256((hands / each.content_url).read_bytes()).hexdigest() == each.sha256
    assert len({row["images/subject"] for row in rows["images"]}) == 3
    assert not any(key.endswith(("hand", "session", "aspect")) for key in rows["images"][0])


def test_a_submission_is_described_file_by_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = load_record(GOLDEN)
    save_record(record, tmp_path / "results" / "one")
    packed, out = tmp_path / "my own.zip", tmp_path / "mine.json"
    main(["pack", str(tmp_path / "results"), "-o", str(packed), "--croissant", str(out), "--name", "A. Author"])
    assert str(tmp_path) not in out.read_text()
    about, rows = read(out, caplog)
    assert about.name == "my own"
    assert about.creators[0].name == "A. Author"
    files = {each.id: each for each in about.distribution}
    assert files["submission"].sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()
    with zipfile.ZipFile(packed) as archive:
        inside = {name for name in archive.namelist() if name != "manifest.json"}
        assert files.keys() == {"submission", *inside}
        assert {hashlib.sha256(archive.read(name)).hexdigest() for name in inside} == {
            files[name].sha256 for name in inside
        }
    (row,) = rows["records"]
    assert row["records/digest"] == record.digest
    assert row["records/file"] in files
    numbers = {(each["numbers/metric"], each["numbers/recognizer"]): each["numbers/value"] for each in rows["numbers"]}
    known = {(each.metric, each.recognizer or ""): each.value for each in record.values if each.value is not None}
    assert numbers == pytest.approx(known)


def test_a_wrong_dataset_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "croissant", "face-londn"]) == 2
    assert "did you mean 'face-london'?" in capsys.readouterr().err
