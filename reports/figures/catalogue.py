"""Which figures there are, what each is drawn for, and the files that come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from ...benchmark.metrics.values import Undefined
from ...benchmark.storage.store import save_file
from ..leaderboard.same_method import code_and_seeds
from . import cmc, det, distributions, grid, ladder, pareto, sweep
from .axes import check_metric
from .captions import caption
from .data import Entry, Group, clean_label, load_entries
from .drawn import Drawn, LeftOut, told
from .grid_images import Cases, from_previews, from_store
from .style import Format, Width, drawing, save

MOST_CURVES = 12
"""Methods in one plot; more cannot be told apart."""


class FigureError(ValueError):
    """What was asked for does not exist."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Options:
    """What to draw and how."""

    figures: tuple[str, ...] = ()
    """Names; empty: all that can be drawn."""
    formats: tuple[Format, ...] = ("pdf", "svg", "png")
    width: Width = "column"
    methods: tuple[str, ...] = ()
    recognizers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = sweep.DEFAULT_METRICS
    """Of sweeps."""
    x: str = pareto.DEFAULT_X
    y: str = pareto.DEFAULT_Y
    images: Literal["previews", "store"] = "previews"
    samples: int = 2
    """Images of a dataset in a grid."""
    versions: int = 1
    """De-identified versions of each in a grid."""

    def chosen(self, group: Group) -> list[str]:
        """Recognisers of a group that are to be drawn."""
        return [each for each in group.recognizers() if not self.recognizers or each in self.recognizers]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One figure to be drawn."""

    parts: tuple[str, ...]
    """Kind and what it shows: the file's name is made of them."""
    draw: Callable[[], Drawn | Undefined]
    note: str = ""
    """What is to be known about it."""
    left_out: tuple[LeftOut, ...] = ()
    """What was not even tried to be drawn."""


@dataclass(slots=True)
class Written:
    """What became of it."""

    files: list[Path] = field(default_factory=list)
    captions: list[Path] = field(default_factory=list)
    """One text file for each figure."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Figures that could not be drawn, and why."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    """Records that could not be read, and why."""


def write_figures(sources: Sequence[Path], output: Path, options: Options) -> Written:
    """Draw the figures of all records below the sources.

    Raises:
        RecordError: a source does not exist.
        FigureError: there is no such figure or metric, or nothing to draw.
        StoreError: the folder cannot be written.
    """
    unknown = [each for each in options.figures if each not in FIGURES]
    if unknown:
        raise FigureError(f"there is no figure {unknown[0]!r}; choose among {', '.join(FIGURES)}")
    for metric in (*options.metrics, options.x, options.y):
        wrong = check_metric(metric)
        if wrong is not None:
            raise FigureError(wrong.reason)
    groups, left_out = load_entries(sources, options.methods, options.recognizers)
    written = Written(left_out=left_out)
    if not groups:
        wanted = " with these methods and recognizers" if options.methods or options.recognizers else ""
        raise FigureError(f"no record{wanted} in {', '.join(map(str, sources))}; `deid-bench run` writes them")
    _check_asked(groups, options)
    taken: set[str] = set()
    for name in options.figures or tuple(FIGURES):
        for job in FIGURES[name](groups, options):
            _carry_out(job, output, options, taken, written)
    for group in groups:
        if group.entries[0].record.dataset.limited and written.files:
            written.notes.append((group.dataset, "a smoke test (--limit), not comparable with anything"))
    return written


def _check_asked(groups: Sequence[Group], options: Options) -> None:
    """That everything that was asked for is in some record.

    Raises:
        FigureError: a method or a recogniser is in none.
    """
    records = [entry.record for group in groups for entry in group.entries]
    methods = {name for each in records for name in (each.method.spec, each.method.name)}
    recognizers = {name for group in groups for name in group.recognizers()}
    for kind, asked, known in (
        ("method", options.methods, methods),
        ("recognizer", options.recognizers, recognizers),
    ):
        for name in asked:
            if name not in known:
                there = ", ".join(sorted({clean_label(each) for each in known})[:12])
                raise FigureError(f"no record of the {kind} {name[:80]!r} among what was asked for; there are {there}")


def _carry_out(job: Job, output: Path, options: Options, taken: set[str], written: Written) -> None:
    stem = file_stem(job.parts, taken)
    with drawing():
        try:
            drawn = job.draw()
            if isinstance(drawn, Undefined):
                written.refused.append((stem, drawn.reason))
                return
            about = "records " + " ".join(sorted(each.record.digest[:16] for each in drawn.entries))
            files = save(drawn.figure, options.formats, about)
        except (ValueError, OverflowError) as error:
            # A record may be a stranger's: one that holds nonsense costs its own figures only.
            reason = " ".join(str(error).split())[:200]
            written.refused.append((stem, f"what the records hold cannot be drawn: {reason}"))
            return
    for suffix, data in files.items():
        path = output / f"{stem}.{suffix}"
        save_file(path, data)
        written.files.append(path)
    path = output / f"{stem}.txt"
    left_out = (*drawn.left_out, *job.left_out)
    save_file(path, caption(job.parts[0], drawn.entries, drawn.recognizers, left_out).encode())
    written.captions.append(path)
    if job.note:
        written.notes.append((stem, job.note))
    if drawn.left_out:
        written.notes.append((stem, f"without {told(drawn.left_out)}"))


def file_stem(parts: Sequence[str], taken: set[str]) -> str:
    """A name that every file system takes; parts that come out alike are numbered."""
    plain = ["".join(each if each.isascii() and (each.isalnum() or each in "._+") else "-" for each in part[:200])
             .strip("-.")[:48] or "x" for part in parts]  # fmt: skip
    stem = "__".join(plain)
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    found = next(each for each in names if each.lower() not in taken)
    taken.add(found.lower())
    return found


# ------------------------------------------------------------------------------------------------ what is drawn


def _first(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], tuple[LeftOut, ...], str]:
    """As many as can be told apart, the others, and a note about them."""
    if len(entries) <= MOST_CURVES:
        return tuple(entries), (), ""
    why = f"a plot holds {MOST_CURVES} methods"
    more = tuple(LeftOut(each.label, why) for each in entries[MOST_CURVES:])
    note = f"{len(entries)} methods, the first {MOST_CURVES} are drawn; see --method"
    return tuple(entries[:MOST_CURVES]), more, note


def _place(group: Group) -> tuple[str, str]:
    record = group.entries[0].record
    return record.dataset.spec, record.protocol.id


def _rule(group: Group) -> tuple[str, ...]:
    """Protocol and analyzer: datasets under one of these may stand side by side."""
    protocol, rules, _dataset, *analyzer = group.key
    return protocol, rules, *analyzer


def _refused(parts: tuple[str, ...], why: Undefined) -> Job:
    return Job(parts, lambda: why)


def _curves(
    name: str, draw: Callable[[Sequence[Entry], str, Width], Drawn | Undefined]
) -> Callable[[Sequence[Group], Options], Iterator[Job]]:
    """A figure for every group and recogniser."""

    def jobs(groups: Sequence[Group], options: Options) -> Iterator[Job]:
        for group in groups:
            entries, more, note = _first(group.entries)
            for recognizer in options.chosen(group):
                parts = (name, *_place(group), recognizer)
                yield Job(parts, partial(draw, entries, recognizer, options.width), note, more)

    return jobs


def _pareto(groups: Sequence[Group], options: Options) -> Iterator[Job]:
    return _curves("pareto", partial(pareto.figure, x=options.x, y=options.y))(groups, options)


def _sweeps(groups: Sequence[Group], options: Options) -> Iterator[Job]:
    for group in groups:
        found = sweep.find_sweeps(group.entries)
        if not found:
            why = Undefined("no method was run with two values of a parameter, all others being equal")
            yield _refused(("sweep", *_place(group)), why)
        for each in found:
            shown = tuple(options.chosen(group))
            draw = partial(sweep.figure, each, shown, options.width, options.metrics)
            yield Job(("sweep", *_place(group), each.method, each.parameter), draw)


def _distributions(groups: Sequence[Group], options: Options) -> Iterator[Job]:
    """Columns are datasets where a protocol was run on several, else methods."""
    for rule in sorted({_rule(group) for group in groups}):
        members = [group for group in groups if _rule(group) == rule]
        names = list(dict.fromkeys(name for group in members for name in options.chosen(group)))
        rows = [(entry, group) for group in members for entry in group.entries]
        if len(members) == 1:
            columns = {members[0].entries[0].record.dataset.spec: [distributions.Panel(e, e.label) for e, _ in rows]}
        else:
            columns = {}
            for entry, group in rows:
                columns.setdefault(_same_method(entry), []).append(distributions.Panel(entry, group.dataset))
        for shown in columns.values():
            yield from _distribution_jobs(shown, rule[0], names, len(members) > 1, options)


def _same_method(entry: Entry) -> str:
    return "\0".join(map(str, (entry.record.method.spec, *code_and_seeds(entry.record))))


def _distribution_jobs(
    shown: Sequence[distributions.Panel], protocol: str, names: Sequence[str], by_method: bool, options: Options
) -> Iterator[Job]:
    record = shown[0].entry.record
    across = distributions.COLUMNS[options.width]
    what = record.method.spec if by_method else record.dataset.spec
    for start in range(0, len(shown), across):
        part = shown[start : start + across]
        number = [str(start // across + 1)] if len(shown) > across else []
        draw = partial(distributions.figure, part, names, options.width)
        yield Job(("distributions", what, protocol, *number), draw)


def _grids(groups: Sequence[Group], options: Options) -> Iterator[Job]:
    """One for every protocol and analyzer: datasets below each other."""
    for rule in sorted({_rule(group) for group in groups}):
        members = [group for group in groups if _rule(group) == rule]
        strips: list[grid.Strip] = []
        shown: list[Group] = []
        left_out: list[LeftOut] = []
        for group in members:
            found = _cases(group, options)
            if isinstance(found, Undefined):
                yield _refused(("grid", *_place(group)), found)
                left_out.append(LeftOut(f"images of {group.dataset}", found.reason))
            else:
                strips += grid.strips_of(group, found.cases, named=len(members) > 1)
                shown.append(group)
                left_out += found.left_out
        if strips:
            gated = [each.dataset for each in shown if not each.entries[0].record.dataset.redistributable]
            note = f"the terms of {', '.join(gated)} limit where its images may be shown" if gated else ""
            entries = tuple(entry for group in shown for entry in group.entries)
            yield Job(("grid", rule[0]), partial(_grid, strips, entries, options.width, left_out), note)


def _grid(strips: Sequence[grid.Strip], entries: tuple[Entry, ...], width: Width, left_out: Sequence[LeftOut]) -> Drawn:
    return Drawn(grid.figure(strips, width), entries, (), tuple(left_out))


def _cases(group: Group, options: Options) -> Cases | Undefined:
    if options.images == "store":
        return from_store(group, options.samples, options.versions)
    return from_previews(group, options.samples)


FIGURES: dict[str, Callable[[Sequence[Group], Options], Iterator[Job]]] = {
    "distributions": _distributions,
    "det": _curves("det", det.figure),
    "cmc": _curves("cmc", cmc.figure),
    "ladder": _curves("ladder", ladder.figure),
    "pareto": _pareto,
    "sweep": _sweeps,
    "grid": _grids,
}
"""By name."""
