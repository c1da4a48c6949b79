"""Step 1: renders the training palms into one folder.

    python render.py WORK --identities 750

Writes `images.npy` (n, 640, 480, 3) uint8 RGB, `masks.npy` (n, 640, 60) packed bits of the bare hand, and `palms.npz`
(keypoints (n, 21, 2), identity (n,), setting (n,)). Identities come from `palm_seeds.TRAINING_SETS` alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

import numpy as np

from deid_bench.datasets.rendering.palm_render import SettingName, render
from deid_bench.datasets.rendering.palm_seeds import TRAINING_SETS

SETTINGS: tuple[SettingName, ...] = ("controlled", "wild", "controlled", "wild")
SHAPE = (640, 480)
FIRST = TRAINING_SETS.start
HELD_OUT = 1_900_000
"""First of the identities that training never sees and its previews show."""


def render_identity(identity: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(image, packed mask, keypoints) of each capture of one palm."""
    captures = [render(identity, sample, setting) for sample, setting in enumerate(SETTINGS)]
    return [
        (capture.image(), np.packbits(capture.truth.mask, axis=-1), capture.truth.keypoints_2d.astype(np.float32))
        for capture in captures
    ]


def render_set(folder: Path, name: str, identities: list[int], processes: int) -> None:
    count = len(identities) * len(SETTINGS)
    start = time.time()
    images = np.lib.format.open_memmap(folder / f"{name}-images.npy", "w+", np.uint8, (count, *SHAPE, 3))
    masks = np.zeros((count, SHAPE[0], SHAPE[1] // 8), np.uint8)
    keypoints = np.zeros((count, 21, 2), np.float32)
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for k, captures in enumerate(pool.imap(render_identity, identities, chunksize=4)):
            for sample, (image, mask, points) in enumerate(captures):
                row = k * len(SETTINGS) + sample
                images[row], masks[row], keypoints[row] = image, mask, points
            if k % 50 == 49:
                print(f"{name}: {k + 1} of {len(identities)} palms, {time.time() - start:.0f} s", flush=True)
    images.flush()
    np.savez(
        folder / f"{name}-palms.npz",
        masks=masks,
        keypoints=keypoints,
        identity=np.repeat(identities, len(SETTINGS)),
        wild=np.tile([setting == "wild" for setting in SETTINGS], len(identities)),
    )
    print(f"{name}: {count} images, {time.time() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--identities", type=int, default=750)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    render_set(arguments.work, "held-out", list(range(HELD_OUT, HELD_OUT + 16)), arguments.processes)
    render_set(arguments.work, "train", list(range(FIRST, FIRST + arguments.identities)), arguments.processes)


if __name__ == "__main__":
    main()
