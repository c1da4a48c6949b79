"""How closely the built-in analyzer follows MediaPipe's own hand pipeline.

Two steps, because mediapipe 0.10.21 wants numpy < 2 and so an environment of its own:

    python -m venv other && other/bin/pip install mediapipe==0.10.21
    other/bin/python compare.py reference FOLDER reference.npz
    python compare.py compare FOLDER reference.npz

FOLDER holds PNG images with one hand each. The reference uses `mp.solutions.hands` in static-image mode with two hands
at most and the full model; of several hands, the one nearest to the analyzer's is compared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np


def load(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"{path} is not an image")
    return np.ascontiguousarray(image[..., ::-1])


def reference(folder: Path, out: Path) -> None:
    """Run MediaPipe and keep its hands: up to two per image, NaN where there is none."""
    import mediapipe as mp

    names = sorted(folder.glob("*.png"))
    points = np.full((len(names), 2, 21, 2), np.nan)
    world = np.full((len(names), 2, 21, 3), np.nan)
    mirrored_right = np.full((len(names), 2), np.nan)
    with mp.solutions.hands.Hands(static_image_mode=True, max_num_hands=2, model_complexity=1) as hands:
        for i, name in enumerate(names):
            image = load(name)
            found = hands.process(image)
            size = np.array([image.shape[1], image.shape[0]])
            for j, hand in enumerate(found.multi_hand_landmarks or ()):
                points[i, j] = [[p.x, p.y] for p in hand.landmark] * size
                world[i, j] = [[p.x, p.y, p.z] for p in found.multi_hand_world_landmarks[j].landmark]
                mirrored_right[i, j] = found.multi_handedness[j].classification[0].label == "Right"
    np.savez(out, names=[n.name for n in names], points=points, world=world, mirrored_right=mirrored_right)


def compare(folder: Path, other: Path) -> None:
    """Print detection agreement, keypoint differences and handedness agreement."""
    from deid_bench.analyzers.base import HandAnalysis
    from deid_bench.analyzers.mediapipe_hands import MediapipeHands

    ref = np.load(other)
    analyzer = MediapipeHands()
    both_found, differences, worlds, sides, widths = [], [], [], [], []
    for i, name in enumerate(ref["names"]):
        (mine,) = analyzer.analyze([load(folder / str(name))])
        theirs = ref["points"][i]
        is_there = bool(np.isfinite(theirs[0, 0, 0]))
        both_found.append(isinstance(mine, HandAnalysis) == is_there)
        if not isinstance(mine, HandAnalysis) or not is_there:
            continue
        distance = np.linalg.norm(theirs - mine.keypoints_2d, axis=2)
        j = int(np.nanargmin(distance.mean(axis=1)))
        differences.append(distance[j])
        widths.append(np.linalg.norm(theirs[j, 5] - theirs[j, 17]))
        worlds.append(np.linalg.norm(ref["world"][i, j] - mine.keypoints_3d, axis=1))
        sides.append((mine.handedness == "left") == bool(ref["mirrored_right"][i, j]))
    pixels, metres = np.array(differences), np.array(worlds)
    lines = [
        f"images {len(both_found)}, same answer to `is there a hand`: {np.mean(both_found):.1%}",
        f"keypoints: mean {pixels.mean():.3f} px, worst keypoint {pixels.max():.3f} px, "
        f"mean in units of L {np.mean(pixels / np.array(widths)[:, None]):.5f}",
        f"world landmarks: mean {1e3 * metres.mean():.3f} mm, worst {1e3 * metres.max():.3f} mm",
        f"handedness agrees: {np.mean(sides):.1%}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["reference", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path, help="the reference's .npz, written or read")
    args = parser.parse_args()
    (reference if args.step == "reference" else compare)(args.folder, args.file)


if __name__ == "__main__":
    main()
