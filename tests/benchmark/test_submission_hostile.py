"""Zips that a stranger might send: each is refused with a reason, and leaves nothing on the disk."""

from __future__ import annotations

import io
import json
import re
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.storage.strict_zip import Limits, Refused, make_zip, read_zip
from deid_bench.benchmark.submission.pack import MANIFEST_NAME, SIGNATURE_NAME, Manifest, Submitter, pack
from deid_bench.benchmark.submission.read import Submission, strict_json
from deid_bench.benchmark.submission.shape import misfit
from deid_bench.characters import plain
from deid_bench.cli import main

Members = dict[str, bytes]
RECORD, DISTANCES = "records/000/run.json", "records/000/distances.npz"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Members:
    """The files of an honest submission."""
    folder = tmp_path_factory.mktemp("honest")
    options = RunOptions(
        methods=("toy_noise",),
        datasets=(f"toy-hands:folder={folder / 'hands'},identities=4",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        protocol="palm-paper/1.0",
    )
    run(options, Execution(out=folder / "results", backend="serial"))
    pack([folder / "results"], folder / "s.zip", 1, Submitter())
    with zipfile.ZipFile(folder / "s.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def listed(members: Members, **changes: bytes | None) -> Members:
    """Other contents under the right hashes: what only a look at the content can find."""
    import hashlib

    found = {**members, **changes}
    kept = {name: data for name, data in found.items() if data is not None}
    manifest = json.loads(kept.pop(MANIFEST_NAME))
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in kept.items()
    }
    return {**kept, MANIFEST_NAME: json.dumps(manifest).encode()}


def record(members: Members, **changes: object) -> Members:
    data = {**json.loads(members[RECORD]), **changes}
    return listed(members, **{RECORD: json.dumps(data).encode()})


def with_distances(members: Members, data: bytes) -> Members:
    import hashlib

    named = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return record({**members, DISTANCES: data}, distances_file=named)


def zipped(members: Members, *extra: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        for entry, data in extra:
            archive.writestr(entry, data)
    return out.getvalue()


def named(name: str) -> Callable[[Members], bytes]:
    return lambda members: zipped(members, (name, b"x"))


def link(members: Members) -> bytes:
    info = zipfile.ZipInfo("records/000/images/07-original.png")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return zipped(members, (info, b"/etc/passwd"))


def patched(members: Members, change: Callable[[bytearray, int], None]) -> bytes:
    """Change the directory's entry of the record."""
    data = bytearray(zipped(members))
    change(data, data.rindex(b"PK\x01\x02", 0, data.rindex(RECORD.encode())))
    return bytes(data)


def encrypted(members: Members) -> bytes:
    return patched(members, lambda data, at: struct.pack_into("<H", data, at + 8, 1))


def odd_compression(members: Members) -> bytes:
    return patched(members, lambda data, at: struct.pack_into("<H", data, at + 10, 99))


def lying_size(members: Members) -> bytes:
    return patched(members, lambda data, at: struct.pack_into("<I", data, at + 24, 100))


def giant_size(members: Members) -> bytes:
    return patched(members, lambda data, at: struct.pack_into("<I", data, at + 24, 0xFFFFFFF0))


def overlapping(members: Members) -> bytes:
    return patched(members, lambda data, at: struct.pack_into("<I", data, at + 42, 0))


def zip_entries(members: Members) -> bytes:
    data = bytearray(zipped(members))
    struct.pack_into("<HH", data, len(data) - 14, 60_000, 60_000)
    return bytes(data)


def not_utf8(members: Members) -> bytes:
    name = "records/000/images/\xff.png"
    data = zipped(members, (name, b"x"))
    return data.replace(name.encode("utf-8"), name.encode("latin-1") + b"g")


def twice(members: Members) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped(members, (RECORD, b"{}"))


def pickled(members: Members) -> bytes:
    out = io.BytesIO()
    np.savez(out, originals_0=np.array([{"a": print}], dtype=object))
    return zipped(with_distances(members, out.getvalue()))


def giant_header(members: Members) -> bytes:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + "\n"
    npy = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with zipfile.ZipFile(io.BytesIO(members[DISTANCES])) as archive:
        inner = {name: archive.read(name) for name in archive.namelist()}
    return zipped(with_distances(members, make_zip({**inner, "originals_0.npy": npy})))


def changed_text(members: Members, old: bytes, new: bytes) -> bytes:
    assert old in members[RECORD]
    return zipped(listed(members, **{RECORD: members[RECORD].replace(old, new, 1)}))


def lost_image(members: Members) -> bytes:
    return zipped(listed(members, **{"records/000/images/00-original.png": None}))


EVIL: dict[str, tuple[Callable[[Members], bytes], str]] = {
    "zip slip": (named("../../evil.py"), "out of its folder"),
    "zip slip inside": (named("records/../../evil.py"), "out of its folder"),
    "absolute": (named("/etc/cron.d/evil"), "absolute path"),
    "backslash": (named("records\\000\\run.json"), "backslash"),
    "drive letter": (named("C:evil.json"), "colon"),
    "stamp": (named("records/000/verification.json"), "does not belong|not a file that belongs there"),
    "stray file": (named("records/000/evil.py"), "not a file that belongs there"),
    "folder": (named("records/000/"), "not a file that belongs there|not a plain file"),
    "nested zip": (named("records/000/inner.zip"), "archive inside the archive"),
    "long name": (named("a" * 10_000), "10000 characters"),
    "control characters": (named("run\x1b[2J.json"), "control or direction"),
    "right to left": (named("records/000/\u202egnp.exe"), "control or direction"),
    "other letters": (named("records/000/rün.json"), "not a file that belongs there"),
    "link": (link, "is a link"),
    "twice": (twice, "there twice"),
    "upper case twice": (named(MANIFEST_NAME.upper()), "not a file that belongs there|there twice"),
    "encrypted": (encrypted, "is encrypted"),
    "odd compression": (odd_compression, "compressed by method 99"),
    "size that lies": (lying_size, "not a readable zip|its entry says"),
    "giant size": (giant_size, "unpacks to"),
    "overlapping": (overlapping, "overlaps|not a readable zip"),
    "too many entries": (zip_entries, "expected at most 10201 files"),
    "name that is no text": (not_utf8, "not a readable zip|UTF-8|not a file that belongs|control"),
    "bomb": (lambda m: zipped(m, ("records/000/images/07-original.png", b"\0" * 10_000_000)), "as a bomb does"),
    "something before": (lambda m: b"#!/bin/sh\n" + zipped(m), "not a zip|does not lie"),
    "something after": (lambda m: zipped(m) + b"evil", "something follows"),
    "cut short": (lambda m: zipped(m)[:-30], "cut short|something follows"),
    "empty": (lambda m: b"", "not a zip"),
    "empty zip": (lambda m: zipped({}), "manifest"),
    "no manifest": (lambda m: zipped({k: v for k, v in m.items() if k != MANIFEST_NAME}), "manifest.json is missing"),
    "bad hash": (lambda m: zipped({**m, RECORD: m[RECORD] + b" "}), "SHA-256 or size"),
    "unlisted file": (named("records/000/images/07-original.png"), "not listed"),
    "listed but gone": (lambda m: zipped({k: v for k, v in m.items() if k != DISTANCES}), "not there"),
    "image gone": (lost_image, "its images are not those"),
    "record of another layout": (lambda m: zipped(record(m, schema_version=99)), "schema version 1, got 99"),
    "record with more": (lambda m: zipped(record(m, html="<script>")), "html"),
    "record that is a list": (lambda m: zipped(listed(m, **{RECORD: b"[]"})), "schema version"),
    "digest as a path": (lambda m: zipped(record(m, digest="../../evil")), "digest"),
    "unknown metric": (lambda m: changed_text(m, b'"metric": "eer"', b'"metric": "evil"'), "no metric"),
    "NaN": (lambda m: changed_text(m, b'"root_seed": 0', b'"root_seed": NaN'), "NaN"),
    "infinity": (lambda m: changed_text(m, b'"root_seed": 0', b'"root_seed": 1e999'), "too large"),
    "field twice": (lambda m: changed_text(m, b'"root_seed": 0', b'"root_seed": 1, "root_seed": 0'), "twice"),
    "deep": (lambda m: zipped(listed(m, **{RECORD: b"[" * 5_000 + b"]" * 5_000})), "nested too deep"),
    "control characters in a name": (
        lambda m: changed_text(m, b'"toy_noise"', b'"\\u001b[2J"'),
        "control or direction",
    ),
    "name of 10 kB": (lambda m: changed_text(m, b'"toy_noise"', b'"' + b"n" * 10_000 + b'"'), "10000 characters"),
    "pickle": (pickled, "Python objects|does not belong"),
    "giant array": (giant_header, "says it holds"),
    "distances that are no zip": (lambda m: zipped(with_distances(m, b"PK evil")), "not a zip|cut short"),
    "distances that nobody knows of": (lambda m: zipped(record(m, distances_file=None)), "does not know"),
    "images that may not be passed on": (
        lambda m: zipped(record(m, dataset={**json.loads(m[RECORD])["dataset"], "redistributable": False})),
        "may not be passed on",
    ),
}


def test_the_honest_one_is_taken(honest: Members, tmp_path: Path) -> None:
    """Otherwise the refusals below would show nothing."""
    path = tmp_path / "s.zip"
    path.write_bytes(zipped(honest))
    assert len(list(Submission(path).records)) == 1
    path.write_bytes(zipped(record(honest, root_seed=0)))
    assert len(list(Submission(path).records)) == 1


def macs(members: Members) -> bytes:
    """As Finder packs a folder: the folder itself, AppleDouble files beside everything, its own notes."""
    data = {f"submission/{name}": each for name, each in members.items()}
    double = {f"__MACOSX/submission/._{name.rpartition('/')[2]}": b"\0\5\x16\7" for name in list(members)[:2]}
    folders = dict.fromkeys(("submission/", "submission/records/", "submission/records/000/", "__MACOSX/"), b"")
    return zipped(
        {**folders, **data, **double, "submission/.DS_Store": b"\0\0\0\1Bud1", "submission/records/._000": b""}
    )


def windows(members: Members) -> bytes:
    """As older programs on Windows pack it, with backslashes, thumbnails and the folder's own settings."""
    data = {name.replace("/", "\\"): each for name, each in members.items()}
    return zipped(
        {"records\\": b"", **data, "records\\000\\images\\Thumbs.db": b"x", "desktop.ini": b"[.ShellClassInfo]"}
    )


def explorers(members: Members) -> bytes:
    return zipped({"records/": b"", "records/000/": b"", **members, "records/desktop.ini": b""})


REPACKED: dict[str, tuple[Callable[[Members], bytes], int]] = {
    "by a Mac": (macs, 4),
    "on Windows": (windows, 2),
    "by Explorer": (explorers, 1),
}


@pytest.mark.parametrize("name", REPACKED)
def test_what_a_desktop_packed_again_is_read_and_its_own_files_are_counted(
    honest: Members, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, count = REPACKED[name]
    path = tmp_path / "s.zip"
    path.write_bytes(make(honest))
    assert main(["verify", str(path)]) == 0
    assert f"passed over: {count} file" in capsys.readouterr().err
    assert main(["verify", str(path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["passed_over"]) == count


def link_of_a_mac(members: Members) -> bytes:
    info = zipfile.ZipInfo("__MACOSX/._run.json")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return zipped(members, (info, b"/etc/passwd"))


def backslashed(name: str) -> Callable[[Members], bytes]:
    return lambda members: zipped({each.replace("/", "\\"): data for each, data in members.items()}, (name, b"x"))


def inner(members: Members) -> Members:
    """The arrays of the distances."""
    with zipfile.ZipFile(io.BytesIO(members[DISTANCES])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_array(members: Members, name: str, array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=(1, 0))
    return zipped(with_distances(members, make_zip({**inner(members), f"{name}.npy": out.getvalue()})))


def array_twice(members: Members) -> bytes:
    out = io.BytesIO()
    arrays = inner(members)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in arrays.items():
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("usable.npy", arrays["usable.npy"])
    return zipped(with_distances(members, out.getvalue()))


def record_twice(members: Members) -> bytes:
    """Under two folders, one digest."""
    more = {name.replace("/000/", "/001/"): data for name, data in members.items() if name.startswith("records/000/")}
    made = listed({**members, **more})
    manifest = json.loads(made[MANIFEST_NAME])
    manifest["records"].append({**manifest["records"][0], "folder": "records/001"})
    return zipped({**made, MANIFEST_NAME: json.dumps(manifest).encode()})


def second_directory(members: Members) -> bytes:
    """Another directory, which readers follow, is named by what looks like the comment of the last file."""
    info = zipfile.ZipInfo("records/000/images/more.png")
    info.comment = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    return zipped(members, (info, b"x"))


KINDS = "expected int32, float32 or text"
EVIL |= {
    "a second directory": (second_directory, "second directory"),
    "an array more": (lambda m: with_array(m, "originals_7", np.zeros((1, 1), "<f4")), "does not belong there"),
    "an array of doubles": (
        lambda m: with_array(m, "originals_0", np.zeros((4, 4))),
        "expected int32, float32 or text",
    ),
    "an array of booleans": (lambda m: with_array(m, "usable", np.ones(4, bool)), KINDS),
    "an infinite distance": (
        lambda m: with_array(m, "originals_0", np.full((16, 16), np.inf, "<f4")),
        "infinite|shape",
    ),
    "an array twice": (array_twice, "there twice"),
    "a record twice": (record_twice, "lists a record twice"),
    "another size of the distances": (
        lambda m: zipped(record(m, distances_file={**json.loads(m[RECORD])["distances_file"], "size": 1})),
        "the record says 1",
    ),
    "a whole number of 5000 digits": (
        lambda m: changed_text(m, b'"root_seed": 0', b'"root_seed": ' + b"9" * 5000),
        "not JSON",
    ),
    "two folders": (
        lambda m: zipped({f"a/{k}": v for k, v in m.items()}, ("b/evil.py", b"x")),
        "does not belong|not a file",
    ),
    "a folder with more": (
        lambda m: zipped({f"a/{k}": v for k, v in m.items()}, ("a/evil.py", b"x")),
        "not a file that",
    ),
    "zip slip of a Mac": (named("__MACOSX/../../evil.py"), "out of its folder"),
    "link of a Mac": (link_of_a_mac, "is a link"),
    "bomb of a Mac": (lambda m: zipped(m, (".DS_Store", b"\0" * 10_000_000)), "as a bomb does"),
    "backslashes out of the folder": (backslashed("..\\evil.py"), "out of its folder"),
    "backslashes to a drive": (backslashed("C:\\evil.py"), "colon"),
    "backslashes to a share": (backslashed("\\\\host\\evil.py"), "absolute"),
    "backslashes and a stray file": (backslashed("records\\000\\evil.py"), "not a file that belongs there"),
}


@pytest.mark.parametrize("name", EVIL)
def test_it_is_refused_with_a_reason_and_leaves_nothing(
    honest: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, reason = EVIL[name]
    box, results = tmp_path / "box", tmp_path / "results"
    box.mkdir()
    monkeypatch.chdir(box)
    path = tmp_path / "s.zip"
    path.write_bytes(make(honest))
    with pytest.raises(Refused, match=reason) as caught:
        list(Submission(path).records)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
    assert main(["verify", str(path), "-o", str(results)]) == 2
    assert "Error" in capsys.readouterr().err
    assert not results.exists()
    assert list(box.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere.zip", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="expected a file"):
        list(Submission(tmp_path / name).records)


def test_limits_hold_for_what_is_in_sum_too_large() -> None:
    data = make_zip({name: name.encode() * 30 for name in "abc"})
    limits = Limits(archive=1000, entries=3, entry=30, total=90)
    assert len(read_zip(data, limits, re.compile("[a-c]"), "it")) == 3
    for changes, reason in (
        ({"archive": 100}, "at most 100 bytes"),
        ({"entries": 2}, "at most 2 files"),
        ({"entry": 29}, "unpacks to 30"),
        ({"total": 89}, "at most 89 bytes unpacked"),
    ):
        tight = Limits(**{"archive": 1000, "entries": 3, "entry": 30, "total": 90, **changes})
        with pytest.raises(Refused, match=reason):
            read_zip(data, tight, re.compile("[a-c]"), "it")


def test_texts_of_a_stranger_do_not_reach_the_terminal_raw() -> None:
    assert plain("a\x1b[2J\u202e\n" + "b" * 500) == "a\\u001b[2J\\u202e " + "b" * 183 + "…"


def test_json_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deid_bench.benchmark.submission.read.MAX_JSON", 10)
    with pytest.raises(Refused, match="at most 10 bytes"):
        strict_json(b"[" * 11, "it")


def manifest(members: Members, **changes: object) -> Members:
    return {**members, MANIFEST_NAME: json.dumps({**json.loads(members[MANIFEST_NAME]), **changes}).encode()}


MANY = 3_000_000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda members: manifest(members, records=[0] * MANY), "expected at most 8388608 bytes"),
        (lambda members: manifest(members, records=[0] * (MANY // 2)), "records.0: expected an object, got 0"),
        (lambda members: manifest(members, records=[{}] * (MANY // 2)), "records.0.folder: is missing"),
        (lambda members: record(members, samples=[0] * MANY), "samples.0: expected an object, got 0"),
        (lambda members: record(members, recognizers=[{}] * MANY), "recognizers.0.spec: is missing"),
        (lambda members: record(members, alarms=[0] * MANY), "alarms.0: expected another kind of value, got 0"),
        (lambda members: record(members, counts={"planned": [0] * MANY}), "counts.planned: expected another kind"),
        (lambda members: record(members, **{f"no {at}": 0 for at in range(MANY // 8)}), "no 0: there is no such field"),
    ],
    ids=["longest", "numbers", "empty", "rows", "plug-ins", "alarms", "counts", "fields"],
)
def test_pydantic_never_sees_what_is_wrong_in_millions_of_places(
    honest: Members,
    change: Callable[[Members], Members],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would collect all errors, which takes gigabytes."""
    (path := tmp_path / "s.zip").write_bytes(make_zip(change(honest)))
    asked = []
    for model in (Manifest, RunRecord):
        validate = model.model_validate

        def watched(found: Any, validate: Any = validate, model: Any = model) -> Any:
            asked.append(found)
            assert not misfit(found, model)
            return validate(found)

        monkeypatch.setattr(model, "model_validate", watched)
    with pytest.raises(Refused, match=re.escape(reason)):
        list(Submission(path).records)
    assert len(asked) <= 1


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "golden").glob("*.json")), ids=lambda path: path.name)
def test_every_record_of_ours_has_the_shape_of_one(path: Path) -> None:
    assert misfit(json.loads(path.read_text()), RunRecord) == ""


def test_a_signature_of_megabytes_is_not_read(honest: Members, tmp_path: Path) -> None:
    (path := tmp_path / "s.zip").write_bytes(make_zip({**honest, SIGNATURE_NAME: b"a " * 10_000_000}))
    with pytest.raises(Refused, match="at most 10000 bytes, got 20000000"):
        _ = Submission(path).signature
