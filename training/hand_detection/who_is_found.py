"""Who is not found by `mediapipe_hands`, by skin and framing: `python training/hand_detection/who_is_found.py`.

Shows the detector all 192 built-in rendered palms, whose skin and hand are known, whole and framed in ways that
photographs come in, and prints the table of docs/analyzers.md: for each framing and skin how many are found, with the
Wilson interval of that share, how many at the first look, and for how many of those found the hand is right. Framings
are made from what is found in the whole picture, so that a palm that is not found there is counted as not found in all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import click
import cv2
import numpy as np
from scipy.stats import binomtest

from deid_bench import create
from deid_bench.analyzers.base import HandAnalysis
from deid_bench.datasets.images import read_image
from deid_bench.datasets.types import Failure, Image

SKINS = ("light", "medium", "dark")
BATCH = 16


def turned(quarters: int) -> Callable[[Image, HandAnalysis], Image]:
    return lambda image, hand: np.ascontiguousarray(np.rot90(image, quarters))


def cut_at_the_wrist(image: Image, hand: HandAnalysis) -> Image:
    """Everything up to a quarter of the palm's height above the wrist; the pictures show hands upright."""
    wrist, knuckle = hand.keypoints_2d[0], hand.keypoints_2d[9]
    return image[: max(16, int(wrist[1] + 0.25 * (knuckle[1] - wrist[1])))]


def close(image: Image, hand: HandAnalysis) -> Image:
    """The palm with the fingers cut at their middle joints."""
    low, high = hand.roi.min(axis=0), hand.roi.max(axis=0)
    aside = 0.45 * (high - low)
    (left, top), (right, bottom) = np.maximum(low - aside, 0).astype(int), (high + aside).astype(int)
    return image[top:bottom, left:right]


def small(image: Image, hand: HandAnalysis) -> Image:
    return cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def dim(image: Image, hand: HandAnalysis) -> Image:
    """A fifth of the light."""
    return (255 * (0.2 * (image / 255.0) ** 2.2) ** (1 / 2.2)).round().astype(np.uint8)


FRAMINGS: dict[str, Callable[[Image, HandAnalysis], Image]] = {
    "as rendered": turned(0),
    "turned by 90°": turned(1),
    "turned by 180°": turned(2),
    "turned by 270°": turned(3),
    "cut at the wrist": cut_at_the_wrist,
    "close, fingers cut": close,
    "a quarter of the size": small,
    "a fifth of the light": dim,
}


def share(found: Sequence[bool]) -> str:
    """How many of how many, with the interval where it is not all."""
    count, total = sum(found), len(found)
    if count == total:
        return f"{count} of {total}"
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return f"{count} of {total} [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"


def main() -> None:
    detector = create("analyzer", "mediapipe_hands")
    seen: dict[str, dict[str, list[tuple[bool, bool, bool]]]] = {name: defaultdict(list) for name in FRAMINGS}
    for setting in ("controlled", "wild"):
        dataset = create("dataset", f"palm-mini:setting={setting}")
        dataset.prepare(1, None)
        every = dataset.samples()
        for samples in (every[start : start + BATCH] for start in range(0, len(every), BATCH)):
            images = [read_image(each.path) for each in samples]
            whole = detector.analyze(images)
            for name, framed in FRAMINGS.items():
                there = [index for index, hand in enumerate(whole) if not isinstance(hand, Failure)]
                looked = dict(zip(there, detector.analyze([framed(images[i], whole[i]) for i in there]), strict=True))
                for index, sample in enumerate(samples):
                    hand = looked.get(index)
                    if isinstance(hand, HandAnalysis):
                        seen[name][sample.groups["skin"]].append(
                            (True, hand.handedness == sample.hand, not hand.found_by)
                        )
                    else:
                        seen[name][sample.groups["skin"]].append((False, False, False))
    click.echo(f"| framing | {' | '.join(f'{each} skin' for each in SKINS)} | at the first look | handedness right |")
    click.echo("|---" * (len(SKINS) + 3) + "|")
    for name, by_skin in seen.items():
        every = [each for skin in SKINS for each in by_skin[skin]]
        cells = [share([found for found, _, _ in by_skin[skin]]) for skin in SKINS]
        cells += [share([first for _, _, first in every]), share([right for found, right, _ in every if found])]
        click.echo(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
