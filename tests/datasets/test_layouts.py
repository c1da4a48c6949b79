"""Every loader reads its published layout: who, which hand, which session; and says what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from deid_bench.datasets.base import Dataset, DatasetError, Sample
from deid_bench.datasets.layouts.layout import compile_pattern
from deid_bench.datasets.manifest import check_samples, manifest_digest
from deid_bench.datasets.published.casia import Casia
from deid_bench.datasets.published.coep import Coep
from deid_bench.datasets.published.hands_11k import Hands11k
from deid_bench.datasets.published.iitd import Iitd
from deid_bench.datasets.published.lfw import Lfw
from deid_bench.datasets.published.mpd import Mpd
from deid_bench.datasets.published.ntu_pi import NtuPi
from deid_bench.datasets.published.orl import Orl
from deid_bench.datasets.published.polyu_cf import PolyuCf
from deid_bench.datasets.published.rest import Rest
from deid_bench.datasets.published.tongji import Tongji
from deid_bench.datasets.published.xjtu_up import XjtuUp
from deid_bench.datasets.published.zhou import Zhou

HAND_INFO = """id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities
0,27,male,fair,0,0,palmar right,Hand_0000002.jpg,0
0,27,male,fair,0,0,palmar left,Hand_0000003.jpg,0
0,27,male,fair,0,0,dorsal left,Hand_0000004.jpg,0
1000001,22,female,dark,1,0,palmar right,Hand_0000005.jpg,0
"""

# loader, its options, file, (sample id, identity, subject, session, hand)
FILES: list[tuple[type[Any], dict[str, Any], str, tuple[Any, ...]]] = [
    (Iitd, {}, "IITD Palmprint V1/Left Hand/001_1.JPG", ("001-left/1", "001-left", "001", None, "left")),
    (Iitd, {}, "IITD/Left  Hand/002_1.JPG", ("002-left/1", "002-left", "002", None, "left")),
    (Iitd, {}, "Right Hand/230_6.bmp", ("230-right/6", "230-right", "230", None, "right")),
    (Iitd, {"images": "segmented"}, "Segmented/Right/007_5.bmp", ("007-right/5", "007-right", "007", None, "right")),
    (PolyuCf, {}, "ROI/12_10.bmp", ("12/10", "12", "12", None, None)),
    (
        PolyuCf,
        {"pattern": r"(?P<subject>\d+)/session(?P<session>\d)/(?P<sample>\d)\.bmp"},
        "12/session2/5.bmp",
        ("12/s2-5", "12", "12", "2", None),
    ),
    (Rest, {}, "p7_l_3.jpg", ("7-left/3", "7-left", "7", None, "left")),
    (Rest, {}, "REST/p121_r_10.jpg", ("121-right/10", "121-right", "121", None, "right")),
    (Zhou, {}, "166_3.jpg", ("166/3", "166", "166", None, None)),
    (NtuPi, {}, "train/12-L3-Class40.jpg", ("40/3", "40", "12", "gallery", "left")),
    (NtuPi, {}, "test/12-R4-Class41.jpg", ("41/4", "41", "12", "probe", "right")),
    (Tongji, {}, "session1/00001.tiff", ("001/s1-01", "001", "001", "1", None)),
    (Tongji, {}, "session2/00020.tiff", ("002/s2-10", "002", "001", "2", None)),
    (Tongji, {"images": "roi"}, "ROI/session2/06000.bmp", ("600/s2-10", "600", "300", "2", None)),
    (Mpd, {}, "MPD/original palms/001_2_h_l_03.jpg", ("001-left/s2-h-03", "001-left", "001", "2", "left")),
    (Mpd, {"images": "roi"}, "200_1_m_r_10_ROI.jpeg", ("200-right/s1-m-10", "200-right", "200", "1", "right")),
    (Casia, {}, "0001/0001_m_r_04.jpg", ("0001-right/04", "0001-right", "0001", None, "right")),
    (Casia, {}, "CASIA-PalmV1/0312_f_l_12.jpg", ("0312-left/12", "0312-left", "0312", None, "left")),
    (Coep, {}, "001_1.jpg", ("001/1", "001", "001", None, None)),
    (Coep, {}, "COEP/167/167_8.JPG", ("167/8", "167", "167", None, None)),
    (XjtuUp, {}, "XJTU-UP/iPhone/Flash/L_001/3.jpg", ("001-left/iphone-flash-3", "001-left", "001", None, "left")),
    (XjtuUp, {}, "huawei/Nature/R_100/a.bmp", ("100-right/huawei-nature-a", "100-right", "100", None, "right")),
    (Orl, {}, "s40/10.pgm", ("s40/10", "s40", "s40", None, None)),
    (Lfw, {}, "lfw/AJ_Cook/AJ_Cook_0001.jpg", ("AJ_Cook/0001", "AJ_Cook", "AJ_Cook", None, None)),
]


def listed(loader: Any, root: Path, **options: Any) -> list[Sample]:
    dataset = loader(str(root), **options)
    assert isinstance(dataset, Dataset)
    dataset.prepare()
    check_samples(dataset.samples())
    return list(dataset.samples())


def labels(sample: Sample) -> tuple[Any, ...]:
    return sample.sample_id, sample.identity, sample.subject, sample.session, sample.hand


@pytest.mark.parametrize(("loader", "options", "file", "expected"), FILES, ids=lambda each: str(each)[:40])
def test_names_say_who_is_who(
    build: Callable[[Iterable[str]], Path], loader: Any, options: dict[str, Any], file: str, expected: Any
) -> None:
    (sample,) = listed(loader, build([file]), **options)
    assert labels(sample) == expected
    assert sample.image().shape == (16, 16, 3)


LOADERS: dict[str, Any] = {each[0].__name__: each[0] for each in FILES} | {"Hands11k": Hands11k}


@pytest.mark.parametrize("loader", [LOADERS[name] for name in sorted(LOADERS)])
def test_every_loader_says_what_it_is(loader: Any) -> None:
    info, layout = loader.info, loader.layout
    assert info.description
    assert info.licence
    assert info.citation
    assert layout.terms.name == info.name
    assert layout.terms.terms
    assert layout.how_to_get
    assert info.redistributable == (info.name == "orl")
    for part in layout.parts.values():
        compile_pattern(part.pattern)


def test_11k_hands_takes_people_and_sides_from_the_table(build: Callable[[Iterable[str]], Path]) -> None:
    root = build([f"Hands/Hand_000000{n}.jpg" for n in (2, 3, 4, 5, 9)])
    with pytest.raises(DatasetError, match=r"HandInfo\.csv"):
        listed(Hands11k, root)
    (root / "HandInfo.csv").write_text(HAND_INFO)
    palms = listed(Hands11k, root)
    assert [(s.identity, s.subject, s.hand) for s in palms] == [
        ("0-left", "0", "left"),
        ("0-right", "0", "right"),
        ("1000001-right", "1000001", "right"),
    ]
    assert palms[0].groups == {"gender": "male", "skinColor": "fair"}
    assert listed(Hands11k, root / "Hands") == [
        *(type(s)(**{f: getattr(s, f) for f in s.__slots__}) for s in palms),
    ]
    assert [s.aspect for s in listed(Hands11k, root, side="both")] == ["dorsal", "palmar", "palmar", "palmar"]
    dataset = Hands11k(str(root))
    dataset.prepare()
    assert dataset.ignored == {"dorsal side": 1, "not in HandInfo.csv": 1, "other file type (.csv)": 1}
    (root / "HandInfo.csv").write_text("id,imageName\n0,Hand_0000002.jpg\n")
    with pytest.raises(DatasetError, match="columns"):
        listed(Hands11k, root)


def test_rest_leaves_the_double_person_out_unless_told_otherwise(build: Callable[[Iterable[str]], Path]) -> None:
    root = build([f"p{person}_{hand}_1.jpg" for person in (121, 122, 123) for hand in "lr"])
    assert {s.subject for s in listed(Rest, root)} == {"121", "123"}
    assert {s.subject for s in listed(Rest, root, drop="none")} == {"121", "122", "123"}
    assert {s.subject for s in listed(Rest, root, drop="0121+123")} == {"122"}
    dataset = Rest(str(root))
    dataset.prepare()
    assert dataset.ignored == {"subject left out": 2}


def test_ntu_pi_does_not_use_mirrored_copies(build: Callable[[Iterable[str]], Path]) -> None:
    root = build(["1-L1-Class1.jpg", "flip/1-L1-Class1.jpg"])
    assert len(listed(NtuPi, root)) == 1


def test_xjtu_up_by_phone_and_light(build: Callable[[Iterable[str]], Path]) -> None:
    root = build(
        f"{phone}/{light}/{hand}_001/1.jpg"
        for phone in ("iPhone", "HUAWEI")
        for light in ("Flash", "Nature")
        for hand in "LR"
    )
    assert len(listed(XjtuUp, root)) == 8
    assert len(listed(XjtuUp, root, phone="huawei")) == 4
    assert [s.sample_id for s in listed(XjtuUp, root, phone="iPhone", light="flash")] == [
        "001-left/iphone-flash-1",
        "001-right/iphone-flash-1",
    ]
    with pytest.raises(DatasetError, match="expected phone"):
        XjtuUp(str(root), phone="nokia")


def test_the_same_images_are_the_same_dataset_wherever_they_lie(
    build: Callable[[Iterable[str]], Path], tmp_path: Path
) -> None:
    root = build([f"IITD Palmprint V1/Left Hand/001_{n}.JPG" for n in (1, 2)])
    deep, near = listed(Iitd, root), listed(Iitd, root / "IITD Palmprint V1")
    assert manifest_digest(deep) == manifest_digest(near) == manifest_digest(listed(Iitd, near[0].path.parent))
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    assert manifest_digest(listed(Iitd, tmp_path / "link")) == manifest_digest(deep)


def test_a_second_prepare_reads_nothing(build: Callable[[Iterable[str]], Path]) -> None:
    root = build(["s1/1.pgm", "s1/2.pgm"])
    calls = []
    dataset = Orl(str(root))
    with pytest.raises(DatasetError, match="call prepare"):
        dataset.samples()
    dataset.prepare(2, lambda done, total: calls.append((done, total)))
    dataset.prepare(2, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


def test_files_that_do_not_decode_stay_samples(build: Callable[[Iterable[str]], Path]) -> None:
    root = build(["s1/1.pgm"])
    (root / "s1" / "2.pgm").write_bytes(b"")
    assert [s.sample_id for s in listed(Orl, root)] == ["s1/1", "s1/2"]


# ----------------------------------------------------------------------------------------- what is no such layout


def test_two_files_for_one_image_are_refused(build: Callable[[Iterable[str]], Path]) -> None:
    with pytest.raises(DatasetError, match=r"'Left Hand/001_1.JPG' and 'Left Hand/001_1.bmp'"):
        listed(Iitd, build(["Left Hand/001_1.JPG", "Left Hand/001_1.bmp"]))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "got no image files"),
        (["left/1.jpg"], r"such as 'left/1\.jpg'.*iitd:pattern="),
        (["Segmented/Left/001_1.bmp"], "such as 'Segmented"),
    ],
)
def test_folders_of_another_layout_are_refused(
    build: Callable[[Iterable[str]], Path], tmp_path: Path, files: Any, message: str
) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(DatasetError, match=message):
        listed(Iitd, build(files))


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a folder"):
        listed(Iitd, tmp_path / "gone")


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "expected a regular expression"), (r"\d+", r"named group \(\?P<subject>")]
)
def test_patterns_that_cannot_work_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Zhou(pattern=pattern)


def test_links_are_not_followed_around_or_out(
    build: Callable[[Iterable[str]], Path], put: Callable[[Path, int], None], tmp_path: Path
) -> None:
    root = build(["s1/1.pgm"])
    (root / "s1" / "again").symlink_to(root, target_is_directory=True)
    dataset = Orl(str(root))
    dataset.prepare()
    assert dataset.ignored == {"linked folder": 1}
    put(tmp_path / "elsewhere.pgm", 9)
    (root / "s1" / "2.pgm").symlink_to(tmp_path / "elsewhere.pgm")
    dataset = Orl(str(root))
    dataset.prepare()
    assert [each.sample_id for each in dataset.samples()] == ["s1/1"]
    assert dataset.ignored == {"linked folder": 1, "link that leads out of the folder": 1}


def test_trees_that_are_no_dataset_are_refused(
    build: Callable[[Iterable[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build([f"s{n}/1.pgm" for n in range(4)])
    monkeypatch.setattr("deid_bench.datasets.layouts.tree.MAX_FILES", 5)
    with pytest.raises(DatasetError, match="more than 5 files"):
        listed(Orl, root)
    monkeypatch.setattr("deid_bench.datasets.layouts.tree.MAX_FILES", 50)
    monkeypatch.setattr("deid_bench.datasets.layouts.tree.MAX_DEPTH", 0)
    with pytest.raises(DatasetError, match="no image files"):
        listed(Orl, build(["a/b/c/1.pgm"]))


def test_coep_labels_are_repaired_on_demand(
    build: Callable[[Iterable[str]], Path], put: Callable[[Path, int], None]
) -> None:
    root = build([f"{person:03d}_{number}.jpg" for person in range(1, 6) for number in (1, 2)])
    (root / "004_2.jpg").write_bytes((root / "002_1.jpg").read_bytes())  # 002 and 004 are one palm
    assert len({each.identity for each in listed(Coep, root)}) == 5
    dataset = Coep(str(root), repair="known", same="3=5")
    dataset.prepare()
    dataset.prepare()
    samples = dataset.samples()
    check_samples(samples)
    assert {each.sample_id: each.identity for each in samples if each.sample_id.endswith("/2")} == {
        "001/2": "001",
        "002/2": "002",
        "003/2": "003",
        "004/2": "002",
        "005/2": "003",
    }
    assert dataset.notes == ("labels repaired: 004 is 002, 005 is 003",)
    assert "None stated" in Coep.info.licence
    with pytest.raises(DatasetError, match="numbers of this set"):
        listed(Coep, root, same="1=99")
    for bad in ("1", "=2", "1="):
        with pytest.raises(ValueError, match="same=NUMBER"):
            Coep(same=bad)


def test_without_a_folder_the_error_says_how_to_get_it_and_what_to_do() -> None:
    with pytest.raises(DatasetError) as caught:
        Iitd().prepare()
    text = str(caught.value)
    assert "Database_Palm.htm" in text
    assert "deid-bench data register iitd PATH" in text
    assert "iitd:root=PATH" in text
