"""A caption for each figure, as a paper would print it below: what is drawn, of which data, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence

from .data import Entry, clean_label, dataset_label
from .drawn import LeftOut, named, told

HOW: dict[str, str] = {
    "distributions": (
        "Distances of genuine pairs (two originals of one identity), of impostors and of originals to their own "
        "de-identified images, as kernel densities over histograms; the grey line is the threshold of the "
        "originals' equal error rate. d' and overlap are those of each kind with the impostors. A good method has "
        "d' near 0 and an overlap near 1 for its own images; taller peaks are cut off."
    ),
    "det": (
        "Detection error trade-off on probit axes: FNMR of the originals and of every method's images against FMR "
        "of the originals' impostors. For a method a higher FNMR is better. Marks lie at the threshold of the "
        "originals' equal error rate, those at an FMR of 0 beside each other; bars are 95 % intervals there, and "
        "on the grey line both errors are equal."
    ),
    "cmc": (
        "How often the right identity is among the first k when de-identified images search the originals; lower "
        "is better for a method. Bars at rank 1 are 95 % intervals."
    ),
    "ladder": (
        "Share of images whose identity each attack names at the first guess, with 95 % intervals; hollow marks "
        "are attacks that do not count, the dotted line is chance."
    ),
    "pareto": (
        "Privacy against quality, better up and to the right; crosses are 95 % intervals, hollow marks sanity "
        "checks, and the line joins the methods that no other beats in both numbers."
    ),
    "sweep": "Numbers over the values of one parameter, all others being equal; bands or bars are 95 % intervals.",
    "grid": "Originals and what the methods made of them, the protected region from near by where there is room.",
}
"""By figure."""


def caption(kind: str, entries: Sequence[Entry], recognizers: Sequence[str], left_out: Sequence[LeftOut] = ()) -> str:
    """Plain text without addresses of files, ending with a line break.

    Args:
        kind: of figure, as in `catalogue.FIGURES`.
        entries: what is drawn.
        recognizers: that it is drawn with; empty where it is about none.
        left_out: what is not drawn, and why.
    """
    records = [each.record for each in entries]
    datasets = list(dict.fromkeys(
        f"{dataset_label(each)} ({each.dataset.samples} images of {each.dataset.identities} identities"
        f"{', rendered by computer graphics' if each.dataset.rendered else ''})" for each in records))  # fmt: skip
    protocols = list(dict.fromkeys(each.protocol.id for each in records))
    methods = named(each.label for each in entries)
    lines = [HOW[kind], f"Data: {'; '.join(datasets)}. Protocol: {', '.join(protocols)}. Methods: {methods}."]
    if recognizers:
        lines.append(f"Recogniser: {', '.join(clean_label(each) for each in recognizers)}.")
    if left_out:
        lines.append(f"Not drawn: {told(left_out)}.")
    digests = sorted({each.digest[:12] for each in records})
    lines.append(f"Drawn by deid-bench from the records {', '.join(digests)}.")
    return "\n".join(lines) + "\n"
