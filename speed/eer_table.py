"""How well each palm recogniser tells people apart: `python speed/eer_table.py [--write] [--jobs 2]`.

Runs what `deid-bench run --method identity` runs, with every palm recogniser on `palm-mini` (both settings) and on
rendered sets of 200 palms, and reads the equal error rates of the originals with their 95 % intervals from the records.
Finished work is taken from the results folder. A recogniser that cannot be had gets a row that says so, and the exit
code is 1.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.records.record import RunRecord, Value
from deid_bench.benchmark.run import Execution, Outcome, run

RECOGNIZERS = ("mtcc", "mtcc:variant=official", "compcode", "bocv", "ordinal", "ccnet", "eehnet_style", "hand_geometry")
DATASETS = {
    "mini, controlled": "palm-mini:setting=controlled",
    "mini, wild": "palm-mini:setting=wild",
    "200 palms, controlled": "synthetic-palm:identities=200,samples=4,setting=controlled",
    "200 palms, wild": "synthetic-palm:identities=200,samples=4,setting=wild",
}
PAGE = Path(__file__).parents[1] / "docs" / "validation.md"
BEGIN = "<!-- palm recognisers: made by speed/eer_table.py --write -->"
END = "<!-- end of palm recognisers -->"


def options(datasets: Sequence[str], recognizers: Sequence[str]) -> RunOptions:
    """The method changes nothing: the records are about originals."""
    return RunOptions(methods=("identity",), datasets=tuple(datasets), recognizers=tuple(recognizers))


def unavailable(recognizer: str) -> str | None:
    """Why a recogniser cannot be used here; None when it can."""
    try:
        make_cells(options([DATASETS["mini, controlled"]], [recognizer]), jobs=1)
    except Exception as error:
        if hasattr(error, "exit_code"):  # the toolkit's own: unknown name, weights that cannot be had
            return str(error)
        raise
    return None


def rate(value: Value | None) -> str:
    """An equal error rate in % with its interval."""
    if value is None or value.value is None:
        return f"– ({value.reason if value else 'not reported'})"
    within = f" ({value.interval.low:.1f}–{value.interval.high:.1f})" if value.interval else ""
    return f"{value.value:.1f}{within}"


def acquired(record: RunRecord, recognizer: str) -> int:
    """Originals that the recogniser has a template of: n of them make n (n - 1) / 2 comparisons."""
    value = record.value("eer", recognizer)
    return (1 + math.isqrt(1 + 8 * value.n)) // 2 if value and value.n else 0


def rates_table(records: dict[str, RunRecord], missing: dict[str, str]) -> list[str]:
    """One line a recogniser, one column a dataset."""
    lines = ["| recogniser | " + " | ".join(records) + " |", "|---" * (len(records) + 1) + "|"]
    for name in RECOGNIZERS:
        cells = [rate(record.value("eer", name)) for record in records.values()]
        shown = ["not available"] * len(records) if name in missing else cells
        lines.append(f"| `{name}` | " + " | ".join(shown) + " |")
    return lines


def counts_table(outcomes: dict[str, Outcome], available: Sequence[str]) -> list[str]:
    """What stands behind the rates."""
    lines = ["| set | palms | images | not acquired | genuine | impostor comparisons |", "|---|---|---|---|---|---|"]
    for title, outcome in outcomes.items():
        record = outcome.record
        rows: dict[tuple[int, int, int], list[str]] = {}
        for index, name in enumerate(available):
            with np.load(outcome.folder / "scores.npz") as scores:
                pairs = (len(scores[f"genuine_{index}"]), len(scores[f"impostor_{index}"]))
            rows.setdefault((record.dataset.samples - acquired(record, name), *pairs), []).append(name)
        for (lost, genuine, impostor), names in rows.items():
            who = "" if len(rows) == 1 else f" ({', '.join(names)})"
            share = 100 * lost / record.dataset.samples
            lines.append(
                f"| {title}{who} | {record.dataset.identities} | {record.dataset.samples} | {lost} ({share:.1f} %) "
                f"| {genuine:,} | {impostor:,} |"
            )
    return lines


def main() -> int:
    """Measure, print or write; 1 when a recogniser could not be had or an image went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of records and finished work")
    parser.add_argument("--jobs", type=int, default=0, help="worker processes (default: one per core)")
    parser.add_argument("--only", nargs="+", choices=list(DATASETS), default=list(DATASETS), help="these sets")
    arguments = parser.parse_args()
    missing = {name: why for name in RECOGNIZERS if (why := unavailable(name))}
    available = [name for name in RECOGNIZERS if name not in missing]
    execution = Execution(out=arguments.out, backend="process", jobs=arguments.jobs)
    outcomes: dict[str, Outcome] = {}
    unfinished = 0
    for title in arguments.only:
        outcomes[title] = run(options([DATASETS[title]], available), execution)[0]
        retry = outcomes[title].record.counts.retry
        unfinished += retry
        sys.stderr.write(f"{title}: {f'{retry} images went wrong; run the same again' if retry else 'done'}\n")
    records = {title: outcome.record for title, outcome in outcomes.items()}
    text = "\n".join([*rates_table(records, missing), "", *counts_table(outcomes, available)])
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")
    for name, why in missing.items():
        sys.stderr.write(f"{name}: not available: {why}\n")
    return 1 if missing or unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
