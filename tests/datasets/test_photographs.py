"""The photographs that ship: complete, small, without metadata, with their notices, and used for what they support."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PilImage

import deid_bench.datasets
from deid_bench.datasets.base import Dataset, DatasetError
from deid_bench.datasets.manifest import check_samples, manifest_digest
from deid_bench.datasets.photographs import FaceLondon, PalmPhotos, age_group

ASSETS = Path(deid_bench.datasets.__file__).parent / "assets"
DIGESTS = {
    PalmPhotos: "b0b7ee87e795e14b2b98a7c0f0a359bc22f13e0590570eb87fc86b4cd91f1d91",
    FaceLondon: "8fd3723be57fdd38f1c45466a7d79ce28f0368e957d124a3f665b4b5ffc9965f",
}


@pytest.mark.parametrize("cls", DIGESTS)
def test_they_are_what_they_were(cls: Any) -> None:
    dataset = cls()
    assert isinstance(dataset, Dataset)
    dataset.prepare()
    samples = dataset.samples()
    check_samples(samples)
    assert manifest_digest(samples) == DIGESTS[cls]


@pytest.mark.parametrize(("cls", "megabytes"), [(PalmPhotos, 5), (FaceLondon, 7)])
def test_they_are_small_and_say_nothing_but_their_pixels(cls: Any, megabytes: int) -> None:
    samples = cls().samples()
    assert sum(each.path.stat().st_size for each in samples) < megabytes * 10**6
    for each in samples:
        with PilImage.open(each.path) as picture:
            assert not picture.getexif()
            assert not {"exif", "xmp", "icc_profile"} & set(picture.info)


def test_four_palms_and_no_rates() -> None:
    samples = PalmPhotos().samples()
    assert Counter(each.identity for each in samples) == {"W-left": 14, "X-left": 14, "Y-right": 14, "Z-left": 6}
    assert PalmPhotos.info.no_rates == "four palms: no rates"
    assert samples[0].image().shape[2] == 3
    assert "informed consent" in PalmPhotos.info.licence


def test_portraits_in_pairs_with_groups() -> None:
    samples = FaceLondon().samples()
    people = {each.subject: each for each in samples}
    assert (len(samples), len(people)) == (204, 102)
    assert Counter(each.session for each in samples) == {"neutral": 102, "smiling": 102}
    assert samples[0].image().shape == (512, 512, 3)
    assert Counter(each.groups["gender"] for each in people.values()) == {"male": 53, "female": 49}
    ethnicity = Counter(each.groups["ethnicity"] for each in people.values())
    assert ethnicity == {"white": 69, "black": 13, "west_asian": 10, "east_asian": 9, "east_asian/white": 1}
    assert sum("age" in each.groups for each in people.values()) == 100
    assert (age_group(24), age_group(25), age_group(34.9), age_group(35)) == ("18-24", "25-34", "25-34", "35 and over")


def test_notices_ship() -> None:
    assert "Copyright (c) 2026 anjitbohara" in (ASSETS / "LICENSE.palm-photos.txt").read_text()
    assert "Attribution 4.0 International" in (ASSETS / "LICENSE.face-london.md").read_text()
    card = (ASSETS / "README.md").read_text()
    for needed in ("10.6084/m9.figshare.5047666", "resized", "CC BY 4.0", "informed consent", "signed consent"):
        assert needed in card


def test_damage_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PalmPhotos, "folder", "nowhere")
    with pytest.raises(DatasetError, match=r"palm-photos is damaged: manifest\.csv is missing; install"):
        PalmPhotos().prepare()
