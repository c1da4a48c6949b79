"""Nothing that lies in a folder vanishes without a trace, and nothing costs more than itself."""

from __future__ import annotations

import csv
import os
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from narrowed import present
from PIL import Image as PilImage

from deid_bench.benchmark.planning.loaded_dataset import COPY, load_dataset
from deid_bench.benchmark.planning.tasks import ImageRef, Stage, Task
from deid_bench.benchmark.stages.inputs import Context, load_image
from deid_bench.benchmark.storage.store import Payload, Store
from deid_bench.datasets import images
from deid_bench.datasets.folder import Folder
from deid_bench.datasets.images import MAX_BYTES, ImageError, read_image, write_png
from deid_bench.datasets.passed_over import NAMED, PassedOver, in_words, printable


def png(seed: int) -> bytes:
    return write_png(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8))


def put(path: Path, data: bytes = b"", seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data or png(seed))


def listed(root: Path, **options: Any) -> Folder:
    folder = Folder(str(root), **options)
    folder.prepare()
    return folder


def within(seconds: float, work: Any) -> None:
    """Run in a thread of its own: what waits for a pipe would wait for ever."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    if failed:
        raise failed[0]


# one maker of each kind of file that is no usable image, and the reason that it is counted under


def fifo(path: Path, number: int) -> str:
    os.mkfifo(path.with_suffix(".png"))
    return "pipe, socket or device"


def unix_socket(path: Path, number: int) -> str:
    here = Path.cwd()
    os.chdir(path.parent)  # addresses are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"{path.name}.jpg")
    finally:
        os.chdir(here)
    return "pipe, socket or device"


def broken_link(path: Path, number: int) -> str:
    path.with_suffix(".png").symlink_to(path.parent / "gone.png")
    return "broken link"


def loop(path: Path, number: int) -> str:
    path.with_suffix(".png").symlink_to(path.with_suffix(".png"))
    return "broken link"


def device_link(path: Path, number: int) -> str:
    path.with_suffix(".png").symlink_to("/dev/zero")
    return "pipe, socket or device"


def outward(path: Path, number: int) -> str:
    path.with_suffix(".png").symlink_to(Path(__file__).resolve().with_suffix(".py"))
    target = path.parents[2] / f"outside-{number}.png"
    put(target, seed=number)
    path.with_suffix(".png").unlink()
    path.with_suffix(".png").symlink_to(target)
    return "link that leads out of the folder"


def linked_folder(path: Path, number: int) -> str:
    path.symlink_to(path.parent, target_is_directory=True)
    return "linked folder"


def text(path: Path, number: int) -> str:
    path.with_suffix(".txt").write_text("notes")
    return "other file type (.txt)"


def suffixless(path: Path, number: int) -> str:
    path.write_bytes(png(number))
    return "other file type (none)"


def odd_suffix(path: Path, number: int) -> str:
    path.with_suffix(".png_original").write_bytes(png(number))
    return "other file type (none)"


def hidden(path: Path, number: int) -> str:
    put(path.parent / f".{number}.png", seed=number)
    return "hidden"


def vast(path: Path, number: int) -> str:
    with path.with_suffix(".tif").open("wb") as stream:
        stream.truncate(3_000_000_000)
    return f"larger than {MAX_BYTES // 10**6} MB"


def outside(path: Path, number: int) -> str:
    put(path.parents[1] / f"{number}.png", seed=100 + number)
    return "outside a sub-folder"


KINDS = [
    outside,
    fifo,
    unix_socket,
    broken_link,
    loop,
    device_link,
    outward,
    linked_folder,
    text,
    suffixless,
    odd_suffix,
    hidden,
    vast,
]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(KINDS), max_size=14), st.integers(0, 3))
def test_every_file_is_a_sample_or_is_counted(
    tmp_path_factory: pytest.TempPathFactory, kinds: Any, damaged: int
) -> None:
    root = tmp_path_factory.mktemp("odd") / "set"
    for person in range(2):
        put(root / f"p{person}" / "good.png", seed=person)
    for number in range(damaged):
        put(root / "p0" / f"damaged{number}.png", b"\x89PNG no image")
    expected: Counter[str] = Counter()
    for number, kind in enumerate(kinds):
        expected[kind(root / "p1" / f"{number:03d}", number)] += 1
    folder = Folder(str(root))
    within(60, folder.prepare)
    assert len(folder.samples()) == 2 + damaged
    assert folder.ignored == dict(expected)
    assert sum(len(names) for names in folder.ignored_names.values()) == len(kinds)


def test_people_of_whom_nothing_is_left_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "heif", lambda: False)
    monkeypatch.setattr("deid_bench.datasets.layouts.tree.heif", lambda: False)
    put(tmp_path / "a" / "1.png", seed=1)
    put(tmp_path / "b" / "1.HEIC", b"ftypheic")
    (tmp_path / "c").mkdir()
    folder = listed(tmp_path)
    (reason,) = (each for each in folder.ignored if "heif" in each)
    assert reason.startswith(".heic file, which needs the extra heif: pip install")
    assert folder.ignored_names[reason] == ("b/1.HEIC",)
    assert folder.ignored_names["sub-folder without an image"] == ("b", "c")


def test_an_unreadable_file_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a" / "1.png", seed=1)
    put(tmp_path / "b" / "2.png", seed=2)
    real = os.stat

    def closed(path: Any) -> Any:
        if Path(path).name == "1.png":
            raise PermissionError(13, "no")
        from deid_bench.datasets.manifest import file_sha256

        return file_sha256(path)

    monkeypatch.setattr("deid_bench.datasets.layouts.tree.file_sha256", closed)
    folder = listed(tmp_path)
    assert [each.identity for each in folder.samples()] == ["b"]
    assert folder.ignored == {"unreadable (PermissionError)": 1}
    assert real is os.stat


def test_a_closed_folder_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a" / "1.png", seed=1)
    put(tmp_path / "b" / "2.png", seed=2)
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "a":
            raise PermissionError(13, "no")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        folder = listed(tmp_path)
    assert [each.identity for each in folder.samples()] == ["b"]
    assert folder.ignored["unreadable folder (PermissionError)"] == 1


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPEG", ".pnm"])
def test_rarer_suffixes_are_images(tmp_path: Path, suffix: str) -> None:
    kind = "PPM" if suffix == ".pnm" else "JPEG"
    (tmp_path / "a").mkdir()
    PilImage.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "a" / f"x{suffix}", kind)
    folder = listed(tmp_path)
    assert folder.samples()[0].image().shape == (20, 20, 3)


def test_lines_and_images_without_each_other_are_counted(tmp_path: Path) -> None:
    for number, name in enumerate(["a/1.png", "a/2.png", "b/1.png"]):
        put(tmp_path / name, seed=number)
    (tmp_path / "a" / "link.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "who.csv").write_text("file,identity\na/1.png,a\nb/1.png,b\na/link.png,a\n\n")
    folder = listed(tmp_path, manifest="who.csv")
    assert len(folder.samples()) == 2
    assert folder.ignored == {
        "manifest line: broken link": 1,
        "broken link": 1,
        "image without a line in the manifest": 1,
    }
    assert folder.ignored_names["manifest line: broken link"] == ("line 4: a/link.png",)
    assert folder.ignored_names["image without a line in the manifest"] == ("a/2.png",)


@pytest.mark.parametrize(
    ("encoding", "stated"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-8-sig", "utf-8"),
        ("utf-16", ""),
        ("utf-16", "utf-16-le"),
        ("latin-1", "latin-1"),
        ("utf-16-le", "utf-16-le"),
    ],
)
def test_tables_are_read_in_the_encoding_they_are_in(tmp_path: Path, encoding: str, stated: str) -> None:
    put(tmp_path / "1.png", seed=1)
    (tmp_path / "who.csv").write_text("file,identity\n1.png,Jürgen\n", encoding=encoding)
    assert listed(tmp_path, manifest="who.csv", encoding=stated).samples()[0].identity == "Jürgen"


@pytest.mark.parametrize(("encoding", "hint"), [("latin-1", "encoding=latin-1"), ("utf-16-le", "encoding=utf-16-le")])
def test_other_encodings_are_told_apart_and_not_guessed(tmp_path: Path, encoding: str, hint: str) -> None:
    put(tmp_path / "1.png", seed=1)
    (tmp_path / "who.csv").write_text("file,identity\n1.png,Jürgen\n", encoding=encoding)
    with pytest.raises(ValueError, match=hint):
        listed(tmp_path, manifest="who.csv")
    with pytest.raises(ValueError, match="expected encoding utf-8"):
        Folder(str(tmp_path), encoding="klingon")


def test_a_table_of_four_bytes_a_character_is_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path / "1.png", seed=1)
    (tmp_path / "who.csv").write_text("file,identity\n1.png,a\n", encoding="utf-32")
    with pytest.raises(ValueError, match="got UTF-32; save it as UTF-8"):
        listed(tmp_path, manifest="who.csv")


def test_a_line_whose_file_may_not_be_looked_at_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "a/2.png", "closed/3.png"):
        put(tmp_path / name, seed=len(name))
    (tmp_path / "who.csv").write_text("file,identity\na/1.png,a\na/2.png,b\nclosed/3.png,c\n", encoding="utf-8")
    for way in ("stat", "lstat"):
        asked = getattr(Path, way)

        def refuse(self: Path, *args: Any, asked: Any = asked, **kwargs: Any) -> Any:
            if self.parent.name == "closed":
                raise PermissionError(13, "Permission denied", str(self))
            return asked(self, *args, **kwargs)

        monkeypatch.setattr(Path, way, refuse)
    folder = listed(tmp_path, manifest="who.csv")
    assert [each.identity for each in folder.samples()] == ["a", "b"]
    assert folder.ignored_names["manifest line: unreadable (PermissionError)"] == ("line 4: closed/3.png",)


@settings(max_examples=150)
@given(st.text(alphabet='ab,"\n; \r', max_size=40))
def test_a_table_is_read_whole_or_refused(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    """However a table is broken: no line swallows the next, and no row is lost without an error."""
    from deid_bench.datasets.base import DatasetError
    from deid_bench.datasets.layouts.table import read_table

    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_bytes(b"file,identity\n" + body.encode())
    try:
        rows = list(read_table(path, frozenset({"file", "identity"})))
    except DatasetError:
        return
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    alone = [cells for line in lines for cells in csv.reader([line], skipinitialspace=True)]
    assert len(rows) == sum(any(cell.strip() for cell in cells) for cells in alone)


def split_set(root: Path, parts: Any = ("train", "val", "test"), shared: bool = True) -> Path:
    for number, part in enumerate(parts):
        for person in range(3):
            name = f"s{person}" if shared else f"s{number}{person}"
            put(root / part / name / "1.png", seed=10 * number + person)
    return root


def test_train_val_test_are_no_people(tmp_path: Path) -> None:
    folder = listed(split_set(tmp_path))
    assert {each.identity for each in folder.samples()} == {"s0", "s1", "s2"}
    (note,) = folder.notes
    assert "test, train, val are taken for parts" in note
    assert "3 sub-folders below them are the identities" in note
    assert "level=1" in note
    assert {each.identity for each in listed(tmp_path, level=1).samples()} == {"train", "val", "test"}


@pytest.mark.parametrize("parts", [("train", "alice"), ("s1", "s2")])
def test_other_folders_stay_people(tmp_path: Path, parts: tuple[str, str]) -> None:
    folder = listed(split_set(tmp_path, parts))
    assert {each.identity for each in folder.samples()} == set(parts)
    assert not folder.notes


def test_a_folder_called_test_with_images_is_a_person(tmp_path: Path) -> None:
    put(tmp_path / "train" / "1.png", seed=1)
    put(tmp_path / "test" / "1.png", seed=2)
    assert {each.identity for each in listed(tmp_path).samples()} == {"train", "test"}


def test_copies_of_one_identity_make_no_genuine_pair(tmp_path: Path) -> None:
    for person in "ab":
        for number in range(3):
            put(tmp_path / person / f"{number}.png", seed=ord(person) + number)
    put(tmp_path / "a" / "copy.png", png(ord("a")))
    put(tmp_path / "b" / "other-person.png", png(ord("a")))  # what differs in identity stays
    loaded = load_dataset(f"folder:path={tmp_path}", 0, 1, None)
    ids = [each.sample_id for each in loaded.samples]
    assert "a/copy.png" not in ids
    assert len(ids) == 7
    assert loaded.passed_over == {COPY: 1}
    assert loaded.passed_names[COPY] == ("a/copy.png = a/0.png",)
    assert any("a/copy.png = a/0.png" in note for note in loaded.notes)


def test_names_in_any_bytes_are_counted_and_can_be_printed(tmp_path: Path) -> None:
    odd = os.fsdecode(b"p\xff\n\xe2\x80\xae1")
    put(tmp_path / odd / "1.png", seed=1)
    put(tmp_path / "q" / os.fsdecode(b"\xfe.txt"), b"x")
    folder = listed(tmp_path)
    (sample,) = folder.samples()
    assert printable(sample.identity) == sample.identity != odd
    sample.identity.encode("utf-8")
    assert folder.ignored == {"other file type (.txt)": 1, "sub-folder without an image": 1}
    assert folder.ignored_names["other file type (.txt)"] == ("q/?.txt",)


def test_the_tally_counts_on_after_its_last_name() -> None:
    passed = PassedOver()
    for number in range(NAMED + 5):
        passed.add("hidden", str(number))
    assert passed.counts == {"hidden": NAMED + 5}
    assert len(passed.names["hidden"]) == NAMED
    assert in_words({"b": 2, "a": 1000}) == "1,000 a, 2 b"


def test_a_pipe_that_comes_after_the_listing_is_not_waited_for(tmp_path: Path) -> None:
    """Between listing and reading, and under any name."""
    pipe = tmp_path / "x.png"
    os.mkfifo(pipe)

    def read() -> None:
        with pytest.raises(ImageError, match="pipe, socket, device"):
            read_image(pipe)
        task = Task(Stage.ANALYZE, "0" * 64, "x", images=(ImageRef(("file", "00"), str(pipe)),))
        made = load_image(task, 0, Context(Store(tmp_path), 1.0))
        assert isinstance(made, Payload)
        assert "unreadable image" in present(made.failure)

    within(60, read)


def test_a_vast_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "vast.png"
    with path.open("wb") as stream:
        stream.write(png(0))
        stream.truncate(3_000_000_000)
    with pytest.raises(ImageError, match="at most 256 MB, got 3,000 MB"):
        read_image(path)
