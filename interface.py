"""The toolkit from Python: `run` with plain words, and results that show themselves and turn into a data frame.

import deid_bench
results = deid_bench.run("blurring", dataset="palm-mini:setting=controlled")
results.to_frame()
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .benchmark.planning.cells import RunOptions
from .benchmark.planning.sweep import expand, with_surrogate
from .benchmark.run import Execution, Outcome
from .benchmark.run import run as run_cells
from .plugins.entries import PluginError
from .suggestions import suggest

if TYPE_CHECKING:
    import pandas as pd

    from .benchmark.engine.execute import Progress
    from .plugins.specs import Spec

_OWN_WORDS = {
    "dataset": "datasets",
    "recognizer": "recognizers",
    "metric": "metrics",
    "seeds": "repetitions",
}
"""Words of the command line, and the fields of `RunOptions` that they fill."""


class Results(Sequence[Outcome]):
    """The finished cells of a run, one for each method on each dataset."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._outcomes = tuple(outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index: int | slice) -> Outcome | Results:
        if isinstance(index, slice):
            return Results(self._outcomes[index])
        return self._outcomes[index]

    def __repr__(self) -> str:
        cells = ", ".join(f"{each.record.method.spec} on {each.record.dataset.spec}" for each in self._outcomes[:3])
        more = f", … {len(self) - 3} more" if len(self) > 3 else ""
        return f"<Results of {len(self)} cells: {cells}{more}>"

    def to_frame(self) -> pd.DataFrame:
        """One row for each number: method, dataset, protocol, recogniser, metric, value, interval, range, n, reason.

        A number at a threshold of equal error lies between `range_low` and `range_high` over all of these thresholds,
        which originals that separate wholly leave open; both are empty where there is one threshold.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("a data frame needs pandas: pip install 'deid-bench[pandas]'") from error
        return pd.DataFrame(
            [
                {
                    "method": each.record.method.spec,
                    "dataset": each.record.dataset.spec,
                    "protocol": each.record.protocol.id,
                    "recognizer": value.recognizer,
                    "metric": value.metric,
                    "value": value.value,
                    "std": value.std,
                    "low": value.interval.low if value.interval else None,
                    "high": value.interval.high if value.interval else None,
                    "range_low": value.range.low if value.range else None,
                    "range_high": value.range.high if value.range else None,
                    "n": value.n,
                    "reason": value.reason,
                    "record": each.record.digest,
                }
                for each in self._outcomes
                for value in each.record.values
            ]
        )

    def _repr_html_(self) -> str:
        """The leaderboards, for a notebook."""
        from .reports.leaderboard.table import TERMINAL, leaderboards

        parts = []
        for table in leaderboards([each.record for each in self._outcomes]):
            shown = [place for place, column in enumerate(table.columns) if TERMINAL & set(column.about.blocks)]
            parts.append(f"<h4>{html.escape(table.title)}</h4><table><tr><th></th>")
            for column in (table.columns[place] for place in shown):
                unit = f" {column.unit}" if column.unit else ""
                recognizer = f"<br><small>{html.escape(column.recognizer)}</small>" if column.recognizer else ""
                parts.append(f"<th>{html.escape(column.title + unit)}{recognizer}</th>")
            for row in table.rows:
                parts.append(f"</tr><tr><th>{html.escape(row.record.method.spec)}</th>")
                parts += [f"<td>{html.escape(row.cells[place].text)}</td>" for place in shown]
            parts.append("</tr></table>")
        return "".join(parts)


def run(
    methods: RunOptions | str | Path | Spec | Sequence[str | Path | Spec],
    execution: Execution | None = None,
    progress: Progress | None = None,
    *,
    sweep: str | Sequence[str] = (),
    surrogate: str = "",
    out: str | Path | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    **options: Any,
) -> Results:
    """Score methods; finished work is taken from the results folder, as on the command line.

    Args:
        methods: one specification, several, or `RunOptions` with everything in them.
        execution: where and how; by default in this process.
        progress: is told about the stages.
        sweep: `NAME=V1,V2,…`, one or several: a grid over parameters.
        surrogate: recogniser that methods may look into.
        out: results folder, in place of `execution.out`.
        on_outcome: called with each cell as soon as its record is written.
        options: `dataset`, `protocol`, `recognizer`, `metric`, `analyzer`, `seeds`, `root_seed`, `quality`, `limit`, or
            any other field of `RunOptions`; where several can be given, one text or a sequence of them.

    Raises:
        TypeError: an option that there is not; the message names near ones.
        PluginError, ProtocolError, DatasetError, SweepError, WeightsError: something asked for cannot be used.
        StoreError: the results folder cannot be written.
    """
    execution = execution or Execution()
    if out is not None:
        execution = replace(execution, out=Path(out))
    if isinstance(methods, RunOptions):
        if options or sweep or surrogate:
            raise TypeError("run(RunOptions(…)) takes everything from the options; give it no other words")
        chosen = methods
    else:
        named = expand(with_surrogate(_texts(methods), surrogate), _texts(sweep))
        chosen = RunOptions(methods=named, **_fields(options))
    return Results(run_cells(chosen, execution, progress, on_outcome))


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """Fields of `RunOptions` from the words of the command line."""
    several = {each.name for each in fields(RunOptions) if str(each.type).startswith("tuple")}
    known = {each.name for each in fields(RunOptions)} - {"methods"}
    filled: dict[str, Any] = {}
    for word, value in options.items():
        name = _OWN_WORDS.get(word, word)
        if name not in known:
            raise TypeError(f"run() has no option {word!r}{suggest(word, known | set(_OWN_WORDS))}")
        if name in filled:
            raise TypeError(f"run() was given {word!r} twice, under two names")
        filled[name] = _texts(value) if name in several else value
    return filled


def _texts(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | Path) or not isinstance(value, Sequence):
        value = (value,)
    if not all(value):
        raise PluginError(f"expected a name or a path, got {list(value)!r}")
    return tuple(str(each) if isinstance(each, Path) else each for each in value)
