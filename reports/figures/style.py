"""How every figure looks, and how it becomes a file: no global state of matplotlib is read or left changed."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from .data import clean_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Width = Literal["column", "text", "full"]
Format = Literal["pdf", "svg", "png"]
DPI = 300
"""Of PNG files."""

WIDTHS: dict[Width, float] = {"column": 3.5, "text": 5.2, "full": 7.16}
"""Inches: a column of a two-column paper, the text of a one-column paper, both columns."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of Okabe and Ito, distinct for colour-blind readers; black is kept for originals, yellow is too light for lines."""
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.4)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)), (0, (2.4, 0.9)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK = "#000000"
FAINT = "#8A8A8A"

_RC: dict[Any, Any] = {
    "axes.grid": True,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 7,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 7,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "deid-bench",
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 6.5,
    "ytick.major.width": 0.6,
}


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one method is drawn: colour, dashes and marker, so that black and white print does too."""

    colour: str
    dashes: Any
    marker: str

    @staticmethod
    def number(index: int) -> Stroke:
        """The same for the same place in the order; no two of the first thirty are alike."""
        return Stroke(COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)], MARKERS[index % len(MARKERS)])


@contextmanager
def drawing() -> Iterator[None]:
    """The house's settings for what is drawn and saved inside, whatever the user's matplotlibrc says."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        # A name may hold letters that the embedded font has not; they come out as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        # Numbers of a stranger's record may be of any size.
        warnings.filterwarnings("ignore", message="overflow encountered")
        yield


def save(figure: Figure, formats: Sequence[Format], about: str) -> dict[Format, bytes]:
    """Bytes of a figure by format; the same figure gives the same bytes.

    Args:
        figure: drawn inside `drawing`, and to be saved inside it too.
        formats: which.
        about: stands in the file's metadata, for example the digests of the records.
    """
    metadata: dict[Format, dict[str, Any]] = {
        "pdf": {"Creator": "deid-bench", "Producer": None, "CreationDate": None, "Subject": about},
        "svg": {"Creator": "deid-bench", "Date": None, "Description": about},
        "png": {"Software": "deid-bench", "Description": about},
    }
    files: dict[Format, bytes] = {}
    for each in formats:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=each, metadata=metadata[each], dpi=DPI if each == "png" else "figure")
        files[each] = buffer.getvalue()
    return files


def panels(
    rows: int, columns: int, size: tuple[float, float], share_x: Any = False, share_y: Any = False
) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure of that size in inches, and its axes by row and column."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    return figure, [list(row) for row in axes]


def side_by_side(count: int, width: Width, height: float) -> tuple[Figure, list[Axes]]:
    """Panels in a row; in a column of a paper one below the other.

    Args:
        count: panels.
        width: preset.
        height: of one panel, inches.
    """
    across = 1 if width == "column" else count
    down = math.ceil(count / across)
    figure, axes = panels(down, across, (WIDTHS[width], height * down))
    return figure, [each for row in axes for each in row]


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str], width: Width) -> None:
    """One legend for all panels, below them; the figure grows by its lines."""
    across = next(count for count in range(len(labels), 0, -1) if count == 1 or _breadth(labels, count) < WIDTHS[width])
    lines = math.ceil(len(labels) / across)
    across = math.ceil(len(labels) / lines)  # as even as can be
    figure.set_figheight(figure.get_figheight() + 0.135 * lines + 0.05)
    # A legend leaves out labels that begin with an underscore: the names are set afterwards.
    legend = figure.legend(
        list(handles), [str(index) for index in range(len(labels))], loc="outside lower center", ncols=across
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)


def _breadth(labels: Sequence[str], across: int) -> float:
    """About how many inches a legend of so many columns takes."""
    lengths = [len(each) for each in labels]
    tall, larger = divmod(len(lengths), across)
    ends = [tall * index + min(index, larger) for index in range(across + 1)]
    return sum(0.5 + 0.048 * max(lengths[a:b]) for a, b in pairwise(ends))


def fitting(inches: float, size: float) -> int:
    """How many characters of a font of that size fit, on average."""
    return max(6, int(inches * 72 / (0.62 * size)))


def two_lines(text: str, longest: int) -> str:
    """A text in one line where it fits, else in two; a second line that is too long loses its middle.

    Args:
        text: of a name or heading.
        longest: characters that fit into a line.
    """
    if len(text) <= longest:
        return text
    breaks = [index for index in range(longest // 3, min(longest, len(text) - 1)) if text[index] in " :,/"]
    at = breaks[-1] + 1 if breaks else longest
    return f"{text[:at].rstrip()}\n{clean_label(text[at:], longest)}"
