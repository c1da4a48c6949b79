"""Writes the list of LFW images that face/1.0 uses: 500 queries, their 500 mates, and 500 images of other people.

Usage: python training/lfw_list/make_list.py [lfw-names.txt]

The names and counts are those of the published lfw-names.txt, whose MD5 is checked; no image is needed. The rule is the
one that runs apply to whatever dataset they get (`benchmark/roles.py`), with the seed of the protocol, so that a run on
LFW as published uses exactly this list.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from deid_bench.benchmark.planning.retrieval_split import assign_roles
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.datasets.base import Sample
from deid_bench.datasets.published.lfw_lists import PUBLISHED_NAMES, is_published, read_names

TARGET = PUBLISHED_NAMES.with_name("lfw-queries-gallery-1.csv")


def samples(names: Path) -> list[Sample]:
    """Every image of LFW by name, in the dataset's order; there need not be any file."""
    found = []
    for person, count in read_names(names).items():
        for number in range(1, count + 1):
            sample_id = f"{person}/{number:04d}"
            found.append(Sample(sample_id, person, person, Path(sample_id), ""))
    return found


def rows(names: Path) -> list[tuple[str, str]]:
    """(role, sample id) of every image in the list."""
    rule = get_protocol("face/1.0").retrieval
    if rule is None:
        raise SystemExit("face/1.0 has no rule for queries and gallery")
    roles = assign_roles(samples(names), rule)
    parts = (("query", roles.queries), ("mate", roles.mates), ("other", roles.others))
    return [(role, each.sample_id) for role, images in parts for each in images]


def main(names: Path) -> None:
    """Write the list."""
    if not is_published(names):
        raise SystemExit(f"{names} is not the published lfw-names.txt")
    with TARGET.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("role", "sample_id"))
        writer.writerows(rows(names))
    print(f"{TARGET}: {sum(1 for _ in TARGET.open(encoding='utf-8')) - 1} images")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PUBLISHED_NAMES)
