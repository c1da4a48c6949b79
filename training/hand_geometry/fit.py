"""Measures `SPREAD` of `deid_bench.recognizers.palm.hand_geometry` anew: `python training/hand_geometry/fit.py WORK`.

WORK is the folder that `training/palm_recognizers/render.py` filled. Its 40 held-out palms, six images each of 192 x
256 px, are shown to mediapipe_hands; printed is the pooled standard deviation of each log ratio between images of one
palm.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from deid_bench.analyzers.hand_pipeline import HandPipeline
from deid_bench.recognizers.palm.hand_geometry import log_ratios
from deid_bench.weights.files import weight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work
    images = np.load(work / "held-out-hands.npy", mmap_mode="r")
    identities = np.load(work / "held-out.npz")["identity"]
    pipeline = HandPipeline(weight("mediapipe-palm-detection"), weight("mediapipe-hand-landmark"))
    found = [pipeline.hands(np.array(image), 0.5, 0.5) for image in images]
    squares, freedom, seen = np.zeros(8), 0, 0
    for identity in np.unique(identities):
        hands = [found[i] for i in np.flatnonzero(identities == identity)]
        ratios = np.array([log_ratios(hand[0].keypoints_2d) for hand in hands if not isinstance(hand, str)])
        squares += ((ratios - ratios.mean(axis=0)) ** 2).sum(axis=0)
        seen += len(ratios)
        freedom += len(ratios) - 1
    print(f"{seen} of {len(images)} hands found")
    print("SPREAD =", np.round(np.sqrt(squares / freedom), 3).tolist())


if __name__ == "__main__":
    main()
