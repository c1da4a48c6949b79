"""`distances.npz`: what it holds, that it stays readable, and that a stranger's cannot harm."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.results import distances_file
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read, write
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.storage.strict_zip import Refused


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Two versions of every image, of which two show no hand."""
    folder = tmp_path_factory.mktemp("distances")
    options = RunOptions(
        methods=("toy_noise",),
        datasets=(f"toy-hands:folder={folder / 'hands'},identities=4,blank=2",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        repetitions=2,
        protocol="palm-paper/1.0",
    )
    return run(options, Execution(out=folder, backend="serial"))[0]


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_member(data: bytes, name: str, content: bytes | None) -> bytes:
    found = {**members(data), name: content}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, text in found.items():
            if text is not None:
                archive.writestr(each, text)
    return buffer.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(-(-(len(text) + 11) // 64) * 64 - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"\0" * 64


def test_a_run_leaves_its_distances_and_the_record_names_them(outcome: Outcome) -> None:
    data = (outcome.folder / DISTANCES_NAME).read_bytes()
    named = outcome.record.distances_file
    assert named is not None
    assert (named.sha256, named.size, named.reason) == (hashlib.sha256(data).hexdigest(), len(data), None)
    with np.load(outcome.folder / DISTANCES_NAME, allow_pickle=False) as plain:
        assert plain["originals_0"].dtype == np.float32
    found = read(outcome.folder / DISTANCES_NAME)
    assert len(found.sample_ids) == 12
    assert found.usable.tolist() == list(range(2, 12))
    assert found.version_repetition.tolist() == [0, 1] * 10
    own = found.distances["toy_recognizer"]
    assert (own.originals.shape, own.deidentified.shape, own.versions.shape) == ((10, 10), (20, 10), (20, 20))
    rows = [row for row in outcome.record.samples if row.status == "done"]
    column = {int(sample): index for index, sample in enumerate(found.usable)}
    for row, sample, index in zip(rows, found.version_sample, found.version_row, strict=True):
        assert row.sample_id == found.sample_ids[sample]
        assert row.distances["toy_recognizer"] == whole(own.deidentified)[index, column[int(sample)]]


def test_rows_name_the_image_and_where_it_lies(outcome: Outcome) -> None:
    from deid_bench.benchmark.storage.store import Store

    row = next(row for row in outcome.record.samples if row.status == "done")
    payload = Store(outcome.folder.parent / ".store").read(row.task or "")
    assert payload is not None
    assert hashlib.sha256(payload.blobs["image.png"]).hexdigest() == row.image_sha256


def test_it_comes_back_and_equal_contents_are_equal_bytes(outcome: Outcome) -> None:
    data = (outcome.folder / DISTANCES_NAME).read_bytes()
    again, named = write(read(data))
    assert again == data
    assert named == outcome.record.distances_file


def test_a_matrix_without_a_number_is_not_taken_for_a_bomb(outcome: Outcome) -> None:
    found = read(outcome.folder / DISTANCES_NAME)
    own = found.distances["toy_recognizer"]
    many = 400
    empty = type(own)(own.originals, np.full((many, 10), np.nan, np.float32), np.full((many, many), np.nan), {})
    numbers = {
        "version_sample": np.repeat(found.usable, many // 10),
        "version_repetition": np.tile(np.arange(many // 10, dtype=np.int32), 10),
        "version_row": np.arange(many, dtype=np.int32),
    }
    changed = {name: numbers.get(name, getattr(found, name)) for name in found.__slots__}
    data, _ = write(type(found)(**{**changed, "distances": {"toy_recognizer": empty}}))
    assert data is not None
    assert np.isnan(whole(read(data).distances["toy_recognizer"].versions)).all()


def test_a_giant_run_keeps_none_and_says_why(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(outcome.folder / DISTANCES_NAME)
    monkeypatch.setattr(distances_file, "MAX_VALUES", 699)
    data, named = write(found)
    assert data is None
    assert named.sha256 is None
    assert "700 distances are more than 699" in (named.reason or "")
    monkeypatch.setattr(distances_file, "MAX_VALUES", 700)
    monkeypatch.setattr(distances_file, "MAX_ROWS", 19)
    assert "more than 19 images" in (write(found)[1].reason or "")
    with pytest.raises(Refused, match="more than 19 samples"):
        read(outcome.folder / DISTANCES_NAME)


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("harmed"),))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("originals_0.npy", npy(np.array([Harmful()], dtype=object)), "Python objects"),
        ("originals_0.npy", header("(9, 9)", "|O"), "Python objects"),
        ("originals_0.npy", header("(1000000, 1000000)"), "says it holds"),
        ("originals_0.npy", header("(9999999999999999999999, 9)"), "says it holds"),
        ("originals_0.npy", header("(-4, -4)"), "says it holds"),
        ("originals_0.npy", header("(4, 4)", "<U99999999"), "npy header|says it holds"),
        ("originals_0.npy", header("__import__('os').getcwd()"), "npy header"),
        ("originals_0.npy", header("(" * 200 + ")" * 200), "npy header"),
        ("originals_0.npy", b"\x80\x04\x95", "npy header"),
        ("originals_0.npy", npy(np.zeros((10, 10))), "expected int32, float32 or text"),
        ("originals_0.npy", npy(np.zeros((9, 9), np.float32)), "another shape"),
        ("originals_0.npy", npy(np.full((10, 10), np.inf, np.float32)), "infinite"),
        ("originals_0.npy", None, "is missing"),
        ("originals_1.npy", npy(np.zeros((10, 10), np.float32)), "does not belong"),
        ("usable.npy", npy(np.arange(10, dtype=np.int32)[::-1].copy()), "usable samples"),
        ("usable.npy", npy(np.arange(50, 60, dtype=np.int32)), "usable samples"),
        ("usable.npy", npy(np.zeros((10, 10), np.float32)), "axes"),
        ("version_row.npy", npy(np.full(20, 7, np.int32)), "rows out of order"),
        ("version_row.npy", npy(np.full(20, -9, np.int32)), "rows out of order"),
        ("version_sample.npy", npy(np.full(20, 99, np.int32)), "not usable"),
        ("version_repetition.npy", npy(np.zeros(20, np.int32)), "versions out of order"),
        ("version_repetition.npy", npy(np.zeros(3, np.int32)), "different length"),
        ("identities.npy", npy(np.array(["a"])), "another number of samples"),
        ("identities.npy", npy(np.array(["a" * 5000] * 12)), "bomb|more than 1000"),
        ("sample_ids.npy", npy(np.array(["a"] * 12)), "sample twice"),
        ("recognizers.npy", npy(np.array([], dtype="U1")), "does not belong"),
        ("format.npy", npy(np.array(2, np.int32)), "newer deid-bench"),
        ("../format.npy", b"", "out of its folder"),
    ],
)
def test_what_a_stranger_may_try_is_refused(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = (outcome.folder / DISTANCES_NAME).read_bytes()
    with pytest.raises(Refused, match=reason):
        read(with_member(data, name, content))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 1, 30, 500, -1, -30])
def test_half_a_file_is_refused(outcome: Outcome, cut: int) -> None:
    with pytest.raises(Refused, match=r"distances\.npz"):
        read((outcome.folder / DISTANCES_NAME).read_bytes()[:cut])
