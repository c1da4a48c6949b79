"""Measures recognisers on `palm-mini`, as found by `mediapipe_hands`: EER over all pairs, rank-1 of nearest neighbours.

python measure.py mtcc compcode ccnet eehnet_style
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.benchmark.metrics.recognition.error_rates import eer
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.datasets.images import read_image
from deid_bench.datasets.palm_mini import PalmMini
from deid_bench.datasets.rendering.palm_render import SettingName
from deid_bench.plugins.entries import Kind, registry

SETTINGS: tuple[SettingName, ...] = ("controlled", "wild")
Hands = list[tuple[str, np.ndarray, HandAnalysis]]


def hands_of(setting: SettingName) -> Hands:
    analyzer, hands = MediapipeHands(), []
    for sample in PalmMini(setting).samples():
        image = read_image(sample.path)
        found = analyzer.analyze([image])[0]
        if isinstance(found, HandAnalysis):
            hands.append((sample.identity, image, found))
    return hands


def measure(name: str, hands: Hands) -> str:
    recognizer = registry().resolve(Kind.RECOGNIZER, name).create()
    crops = [recognizer.align(image, found) for _, image, found in hands]
    start = time.process_time()
    templates = recognizer.embed(crops)
    seconds = (time.process_time() - start) / len(crops)
    distances = recognizer.distances(templates, templates)
    identities = np.array([identity for identity, _, _ in hands])
    same = identities[:, None] == identities[None]
    upper = np.triu_indices(len(hands), 1)
    point = eer(distances[upper][same[upper]], distances[upper][~same[upper]])
    if isinstance(point, Undefined):
        raise ValueError(point.reason)
    nearest = np.argmin(distances + 9 * np.eye(len(hands)), axis=1)
    rank_1 = np.mean(identities[nearest] == identities)
    return f"EER {100 * point.eer:.2f} %, rank-1 {100 * rank_1:.1f} %, {1000 * seconds:.1f} ms an image"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recognizers", nargs="+")
    names = parser.parse_args(arguments).recognizers
    for setting in SETTINGS:
        hands = hands_of(setting)
        for name in names:
            print(f"{setting}, {len(hands)} hands, {name}: {measure(name, hands)}", flush=True)


if __name__ == "__main__":
    main()
