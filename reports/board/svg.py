"""Small figures as inline SVG: text and paths only, coloured by the page's style sheet, drawn from plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal

from ...benchmark.readings.distributions import Shares
from ...benchmark.readings.trade_off import deviates
from .labels import CHARACTER, MOST, Placed, place_labels

BINS = 40
DET_LIMITS = (0.001, 0.6)
DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5)
DET_POINTS = 40
MARGIN = 0.06
"""Of the span of the numbers, on both sides."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Numbers to pixels."""

    low: float
    high: float
    start: float
    end: float
    title: str = ""

    def exactly(self, value: float) -> float:
        """Place of a number in pixels."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def at(self, value: float) -> float:
        """The same with one decimal."""
        return round(self.exactly(value), 1)


@dataclass(frozen=True, slots=True)
class Point:
    """One method in a plane of two numbers."""

    row: str
    """Identifier of the row."""
    label: str
    """Short name, as it stands in the figure."""
    name: str
    """Whole name."""
    x: float
    y: float
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    sanity: bool = False
    front: bool = False


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers within a range; steps of 1, 2 or 5 times a power of ten."""
    if not math.isfinite(high - low) or high <= low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that holds the values with a margin."""
    low, high = min(values), max(values)
    room = (high - low) * MARGIN or abs(high) * MARGIN or 1.0
    return low - room, high + room


@dataclass(frozen=True, slots=True)
class Scale:
    """Limits of one number in the plane of methods, reversed where smaller is better, and both axes as SVG."""

    title: str
    low: float
    """At the left or bottom."""
    high: float
    """At the right or top."""
    across: str
    up: str


PLANE = Axis(0.0, 1.0, 64, 936), Axis(0.0, 1.0, 392, 16)
"""Where the plane of methods lies in its figure, in pixels; the page's script has the same numbers."""


def scale(title: str, values: Sequence[float], reverse: bool) -> Scale:
    """The scale of a number, from its values."""
    low, high = spread(values) if values else (0.0, 1.0)
    if reverse:
        low, high = high, low
    across, up = (Axis(low, high, each.start, each.end, title) for each in PLANE)
    ticks = [(tick, f"{tick:g}") for tick in nice_ticks(min(low, high), max(low, high))]
    flat = "".join(part for tick, text in ticks for part in _ticks(across, None, tick, text, PLANE[1]))
    steep = "".join(part for tick, text in ticks for part in _ticks(None, up, tick, text, PLANE[0]))
    titles = [replace(PLANE[0], title=title), replace(PLANE[1], title=title)]
    flat += "".join(_titles(titles[0], PLANE[1]))
    return Scale(title, low, high, flat, steep + "".join(_titles(PLANE[0], titles[1])))


def pareto_svg(points: Sequence[Point], x: Scale, y: Scale) -> str:
    """Methods in a plane; better is always up and to the right.

    Args:
        points: methods that have both numbers.
        x, y: the numbers.
    """
    across, up = Axis(x.low, x.high, PLANE[0].start, PLANE[0].end), Axis(y.low, y.high, PLANE[1].start, PLANE[1].end)
    parts = [x.across, y.up]
    front = sorted((each for each in points if each.front), key=lambda each: across.at(each.x))
    if len(front) > 1:
        parts.append(_polyline([(across.at(each.x), up.at(each.y)) for each in front], "front"))
    placed, more = _named(points, across, up)
    for each in points:
        u, v = across.at(each.x), up.at(each.y)
        kind = "point sanity" if each.sanity else "point front" if each.front else "point"
        parts.append(f'<g class="{kind}" data-row="{escape(each.row)}"><title>{escape(each.name[:200])}</title>')
        cross = ""
        if each.x_range:
            a, b = (_within(across.at(end), across) for end in each.x_range)
            cross += f"M{a:g} {v:g}H{b:g}"
        if each.y_range:
            a, b = (_within(up.at(end), up) for end in each.y_range)
            cross += f"M{u:g} {a:g}V{b:g}"
        parts.append(f'<path d="{cross}"/>' if cross else "")
        name = placed.get(each.row)
        if name and name.line:
            parts.append(f'<path class="leader" d="M{u:g} {v:g}L{name.line[0]:g},{name.line[1]:g}"/>')
        parts.append(f'<circle cx="{u:g}" cy="{v:g}"/>')
        parts.append(f'<text x="{name.x:.1f}" y="{name.y:.1f}">{escape(each.label)}</text>' if name else "")
        parts.append("</g>")
    return _svg("pareto", 960, round(440 + more), f"{y.title} against {x.title} of {len(points)} methods", parts)


def _named(points: Sequence[Point], across: Axis, up: Axis) -> tuple[dict[str, Placed], float]:
    """Places of the names by row, and by how much the figure grows; the best and the ends of the scale come first."""
    order = sorted(points, key=lambda each: 0 if each.front else 1 if each.sanity else 2)[:MOST]
    area = (across.start + 2, up.end - 10, across.end + 20, up.start)
    spots = [(across.at(each.x), up.at(each.y)) for each in order]
    placed, more = place_labels(spots, [len(each.label) * CHARACTER for each in order], area)
    return {each.row: place for each, place in zip(order, placed, strict=True)}, more


def det_svg(curves: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> str:
    """Detection error trade-off: false non-match rate over false match rate on normal-deviate axes.

    Args:
        curves: name, FMR and FNMR of each, as fractions.
    """
    low, high = _deviates(DET_LIMITS)
    across, up = Axis(low, high, 52, 308, "FMR, %"), Axis(low, high, 214, 12, "FNMR, %")
    parts = [f'<path class="diagonal" d="M{across.start} {up.start}L{across.end} {up.end}"/>']
    for place, tick in zip(_deviates(DET_TICKS), DET_TICKS, strict=True):
        parts += _ticks(across, up, place, f"{100 * tick:g}")
    parts += _titles(across, up)
    for index, (_, x, y) in enumerate(curves):
        parts.append(_polyline(_thinned(across, up, x, y), f"c{index % 5}"))
    return _with_legend("det", "DET curves", [name for name, _, _ in curves], parts, across, up)


def distributions_svg(shares: Shares, names: Mapping[str, str], threshold: float | None) -> str:
    """Shares of distances in common bins, one outline for each kind of pair, and the threshold.

    Args:
        shares: to draw.
        names: of the kinds, as they stand in the legend.
        threshold: of the EER of the originals.
    """
    low, high = shares.low, shares.high
    across = Axis(low, high, 52, 308, "distance")
    up = Axis(0.0, max(max(share) for _, _, share in shares.kinds) * 1.05, 214, 12, "share, %")
    parts = []
    for tick in nice_ticks(low, high, 4):
        parts += _ticks(across, None, tick, f"{tick:g}", up)
    for tick in nice_ticks(0.0, up.high, 4):
        parts += _ticks(None, up, tick, f"{100 * tick:g}", across)
    parts += _titles(across, up)
    for index, (_, _, share) in enumerate(shares.kinds):
        parts.append(f'<path class="c{index % 5} step" d="{_steps(share, across, up)}"/>')
    if threshold is not None and low < threshold < high:
        parts.append(f'<path class="threshold" d="M{across.at(threshold)} {up.start}V{up.end}"/>')
    legend = [f"{names[kind]} ({count})" for kind, count, _ in shares.kinds]
    return _with_legend("distances", "Distributions of distances", legend, parts, across, up)


def sweep_svg(title: str, points: Sequence[tuple[float, float, tuple[float, float] | None]]) -> str:
    """One number over one parameter: (parameter, number, interval) with a line through them."""
    across = Axis(*spread([each[0] for each in points]), 52, 208)
    ends = [end for _, value, within in points for end in (value, *(within or ()))]
    low, high = spread(ends)
    up = Axis(low, high, 114, 22)
    parts = [_grid(across, up, 3), f'<text class="title" x="4" y="12">{escape(title)}</text>']
    parts.append(_polyline([(across.at(x), up.at(y)) for x, y, _ in points], "c0"))
    for x, y, within in points:
        if within:
            parts.append(f'<path class="c0" d="M{across.at(x)} {up.at(within[0])}V{up.at(within[1])}"/>')
        parts.append(f'<circle class="c0" cx="{across.at(x)}" cy="{up.at(y)}" r="3"/>')
    return _svg("sweep", 220, 136, title, parts)


# ------------------------------------------------------------------------------------------------ parts


def _within(pixel: float, axis: Axis) -> float:
    low, high = sorted((axis.start, axis.end))
    return min(max(pixel, low), high)


def _grid(across: Axis, up: Axis, count: int = 5) -> str:
    parts = []
    for tick in nice_ticks(min(across.low, across.high), max(across.low, across.high), count):
        parts += _ticks(across, None, tick, f"{tick:g}", up)
    for tick in nice_ticks(min(up.low, up.high), max(up.low, up.high), count):
        parts += _ticks(None, up, tick, f"{tick:g}", across)
    return "".join(parts + _titles(across, up))


def _ticks(across: Axis | None, up: Axis | None, value: float, text: str, other: Axis | None = None) -> list[str]:
    """Grid lines and labels of one tick, on one axis (the other given as `other`) or on both."""
    parts = []
    if across:
        bottom, top = (up or other or across).start, (up or other or across).end
        u = across.at(value)
        parts.append(f'<path class="grid" d="M{u} {bottom}V{top}"/>')
        parts.append(f'<text class="tick" x="{u}" y="{bottom + 14}" text-anchor="middle">{text}</text>')
    if up:
        left, right = (across or other or up).start, (across or other or up).end
        v = up.at(value)
        parts.append(f'<path class="grid" d="M{left} {v}H{right}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{v + 3.5}" text-anchor="end">{text}</text>')
    return parts


def _titles(across: Axis, up: Axis) -> list[str]:
    middle, centre = (across.start + across.end) / 2, (up.start + up.end) / 2
    parts = []
    if across.title:
        parts.append(f'<text x="{middle}" y="{up.start + 32}" text-anchor="middle">{escape(across.title)}</text>')
    if up.title:
        turn = f'transform="rotate(-90 14 {centre})"'
        parts.append(f'<text x="14" y="{centre}" text-anchor="middle" {turn}>{escape(up.title)}</text>')
    return parts


def _steps(share: Sequence[float], across: Axis, up: Axis) -> str:
    """Outline of a histogram; empty bins at both ends are left out."""
    filled = [index for index, each in enumerate(share) if each]
    first, last = filled[0], filled[-1]
    edges = [across.low + (across.high - across.low) * index / len(share) for index in range(len(share) + 1)]
    path = f"M{across.at(edges[first]):.0f} {up.start:.0f}"
    for index in range(first, last + 1):
        path += f"V{up.at(share[index]):.0f}H{across.at(edges[index + 1]):.0f}"
    return f"{path}V{up.start:.0f}"


def _thinned(across: Axis, up: Axis, x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """Pixels of a curve on normal-deviate axes: at most about `DET_POINTS`, without repetitions."""
    pixels = [[round(axis.exactly(place)) for place in _deviates(rates)] for axis, rates in ((across, x), (up, y))]
    kept = list(dict.fromkeys(zip(*pixels, strict=True)))
    step = max(1, math.ceil(len(kept) / DET_POINTS))
    return [*kept[::step], *kept[-1:]]


def _deviates(rates: Sequence[float]) -> list[float]:
    """Places on an axis of a DET; what lies outside of it is drawn at its ends."""
    return deviates(rates, *DET_LIMITS)


def _polyline(pixels: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{u:g},{v:g}" for u, v in pixels)}"/>'


def _with_legend(
    kind: Literal["det", "distances"], title: str, names: Sequence[str], parts: list[str], across: Axis, up: Axis
) -> str:
    for index, name in enumerate(names):
        v = up.start + 52 + 15 * index
        parts.append(f'<path class="c{index % 5}" d="M{across.start} {v}h18"/>')
        parts.append(f'<text x="{across.start + 24}" y="{v + 4}">{escape(name[:44])}</text>')
    return _svg(kind, 320, int(up.start + 52 + 15 * len(names)), title, parts)


def _svg(kind: str, width: int, height: int, label: str, parts: Sequence[str]) -> str:
    head = f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
    return f'{head} aria-label="{escape(label[:300])}">{"".join(parts)}</svg>'
