"""Step 1: renders the palms that `ccnet` and `eehnet_style` are trained on.

    python render.py WORK --identities 700

Writes parts of 100 identities, `train-0`, `train-1`, ..., and `held-out`; what is there is not rendered again. A part
is three files: `NAME-palms.npy` (n, 176, 176) uint8 grey, the square of the palm recognisers with a margin;
`NAME-hands.npy` (n, 384, 384) uint8 grey, that of the full-hand recogniser with a margin; `NAME.npz` with `keypoints`
(n, 21, 2), -1..1 across the latter, `identity` (n,), `left` (n,) and `wild` (n,). Identities come from
`palm_seeds.TRAINING_SETS` alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

import cv2
import numpy as np

from deid_bench.analyzers.palm_roi import inner_square, warp_roi
from deid_bench.datasets.rendering.palm_render import SettingName, render
from deid_bench.datasets.rendering.palm_seeds import TRAINING_SETS
from deid_bench.recognizers.palm.hand_crop import HAND_SIZE, hand_square
from deid_bench.recognizers.palm.palm_crop import to_grey

SETTINGS: tuple[SettingName, ...] = ("controlled", "wild", "controlled", "wild", "wild", "controlled")
MARGIN = 176 / 128
"""Side of the stored palm square over the side of the recogniser's, so that training can move and turn it."""
PALM_SIZE = 176
HAND_STORED = 384
HAND_MARGIN = HAND_STORED / HAND_SIZE
FIRST, PART = TRAINING_SETS.start, 100
HELD_OUT = 1_900_000
"""First of the identities that training never sees and its checks use."""

Capture = tuple[np.ndarray, np.ndarray, np.ndarray, bool, bool]


def widened(corners: np.ndarray, by: float) -> np.ndarray:
    middle = corners.mean(axis=0)
    return np.asarray(middle + (corners - middle) * by, np.float32)


def render_identity(identity: int) -> list[Capture]:
    """(palm, hand, keypoints, left, wild) of each capture."""
    captures: list[Capture] = []
    for sample, setting in enumerate(SETTINGS):
        capture = render(identity, sample, setting)
        image, keypoints = capture.image(), capture.truth.keypoints_2d.astype(np.float32)
        palm = to_grey(warp_roi(image, widened(inner_square(keypoints), MARGIN), PALM_SIZE))
        corners = widened(hand_square(keypoints), HAND_MARGIN)
        hand = to_grey(warp_roi(image, corners, HAND_STORED))
        sides = np.column_stack([corners[1] - corners[0], corners[3] - corners[0]]).astype(np.float64) / 2
        inside = np.linalg.solve(sides, (keypoints - corners.mean(axis=0)).T).T.astype(np.float32)
        captures.append((palm, hand, inside, identity % 2 == 0, setting == "wild"))
    return captures


def render_set(folder: Path, name: str, identities: list[int], processes: int) -> None:
    if (folder / f"{name}.npz").exists():
        return
    start = time.time()
    rows: list[Capture] = []
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for captures in pool.imap(render_identity, identities, chunksize=4):
            rows += captures
    palms, hands, keypoints, left, wild = zip(*rows, strict=True)
    np.save(folder / f"{name}-palms.npy", np.stack(palms))
    np.save(folder / f"{name}-hands.npy", np.stack(hands))
    np.savez(
        folder / f"{name}.npz",
        keypoints=np.stack(keypoints),
        identity=np.repeat(identities, len(SETTINGS)),
        left=np.array(left),
        wild=np.array(wild),
    )
    print(f"{name}: {len(rows)} images, {time.time() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--identities", type=int, default=700)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    render_set(arguments.work, "held-out", list(range(HELD_OUT, HELD_OUT + 40)), arguments.processes)
    identities = list(range(FIRST, FIRST + arguments.identities))
    for k in range(0, len(identities), PART):
        render_set(arguments.work, f"train-{k // PART}", identities[k : k + PART], arguments.processes)


if __name__ == "__main__":
    main()
