"""Renders the `palm-mini` dataset into `datasets/assets/palm_mini/` from its reserved seeds.

Run `python training/palm_mini/build.py [jobs]` with deid-bench installed in editable mode. The files depend on nothing
but the renderer's version and the releases of numpy, SciPy and OpenCV (whose rounding may differ in the last bit); the
manifest therefore pins what was rendered once, and a test renders one image again and compares it within a tolerance.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import cv2
import numpy as np

from deid_bench.datasets.palm_mini import MANIFEST, TRUTH, mini_folder, mini_plan
from deid_bench.datasets.rendering.palm_render import Capture, render
from deid_bench.datasets.synthetic_palm import PlannedImage, SettingName, manifest_text

SETTINGS: tuple[SettingName, ...] = ("controlled", "wild")


def capture(image: PlannedImage, setting: SettingName) -> Capture:
    """Render one planned image on one thread."""
    cv2.setNumThreads(1)
    return render(image.identity_seed, image.sample_seed, setting)


def build(setting: SettingName, jobs: int) -> None:
    """Replace the folder of one setting."""
    plan = mini_plan()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        captures = list(pool.map(partial(capture, setting=setting), plan, chunksize=4))
    folder = mini_folder(setting)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for image, shot in zip(plan, captures, strict=True):
        (folder / image.file).write_bytes(shot.jpeg)
    digests = [hashlib.sha256(shot.jpeg).hexdigest() for shot in captures]
    (folder / MANIFEST).write_text(manifest_text(list(zip(plan, digests, strict=True))), encoding="utf-8")
    truths = [shot.truth for shot in captures]
    np.savez_compressed(
        folder / TRUTH,
        sample_ids=np.array([image.sample_id for image in plan]),
        size=np.array(truths[0].mask.shape),
        keypoints=np.stack([truth.keypoints_2d for truth in truths]),
        rois=np.stack([truth.roi for truth in truths]),
        masks=np.stack([np.packbits(truth.mask) for truth in truths]),
    )


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for setting in SETTINGS:
        build(setting, jobs)


if __name__ == "__main__":
    main()
