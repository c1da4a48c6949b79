"""Published layouts in miniature: noise images under real file names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".tiff": "TIFF", ".pgm": "PPM", ".png": "PNG"}


def put_image(path: Path, seed: int) -> None:
    """A 16 x 16 image of noise, in the format that the name asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format=KINDS[path.suffix.lower()])


@pytest.fixture
def put() -> Callable[[Path, int], None]:
    """Writes one image."""
    return put_image


@pytest.fixture
def build(tmp_path: Path) -> Callable[[Iterable[str]], Path]:
    """Writes images of the given names, each with pixels of its own, below a fresh folder."""

    def make(names: Iterable[str]) -> Path:
        for seed, name in enumerate(names):
            put_image(tmp_path / "set" / name, seed)
        return tmp_path / "set"

    return make


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Registrations of this machine's user stay out of the tests."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("DEID_BENCH_DATA", str(folder))
    monkeypatch.delenv("DEID_BENCH_ACCEPT_LICENCES", raising=False)
    return folder
