"""Writes the table of built-in methods under attack into docs/attackers.md, from the reference rows that ship.

python training/reference/ladders.py [--write]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from deid_bench.benchmark.metrics.metric import NO_VALUE
from deid_bench.benchmark.records.record import RunRecord, Value
from deid_bench.reports.leaderboard import reference

BEGIN = "<!-- ladders: made by training/reference/ladders.py --write -->"
END = "<!-- end of ladders -->"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "attackers.md"
ORDER = ("identity", "other", "masking", "blurring", "pixelation", "palm_diffusion")


def _number(value: Value | None, interval: bool) -> str:
    if value is None or value.value is None:
        return NO_VALUE
    text = f"{value.value:.1f}"
    return f"{text} [{value.interval.low:.0f}, {value.interval.high:.0f}]" if interval and value.interval else text


def _cell(record: RunRecord, recognizer: str) -> str:
    """Found by an attacker who does nothing, and by the worst that counts, with its name."""
    assert record.attacks is not None
    ignorant = record.attacks.row("A0", recognizer)
    plain = ignorant.value("rank1_without_source") if ignorant else None
    worst = record.value("rank1_worst", recognizer)
    named = [each for each in record.attacks.worst if (each.recognizer, each.metric) == (recognizer, "rank1_worst")]
    return f"{_number(plain, False)} → {_number(worst, True)} {named[0].label if named else ''}".replace(" | ", ", ")


def table(records: Sequence[RunRecord]) -> list[str]:
    """Lines in Markdown: rows of methods and datasets, columns of recognisers."""
    chosen = sorted(
        (each for each in records if each.attacks is not None and each.method.name in ORDER),
        key=lambda each: (each.dataset.spec, ORDER.index(each.method.name)),
    )
    recognizers = list(dict.fromkeys(each.spec for record in chosen for each in record.recognizers))
    lines = [
        f"| method | dataset | {' | '.join(f'`{each}`' for each in recognizers)} |",
        "|---" * (2 + len(recognizers)) + "|",
    ]
    for record in chosen:
        cells = [_cell(record, each) for each in recognizers]
        lines.append(f"| `{record.method.spec}` | {record.dataset.spec} | {' | '.join(cells)} |")
    return lines


def section() -> str:
    """What stands between the marks of the page."""
    return "\n".join([BEGIN, "", *table(reference.shipped().records), "", END])


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into docs/attackers.md")
    if not parser.parse_args().write:
        print(section())
        return
    text = PAGE.read_text(encoding="utf-8")
    start, end = text.index(BEGIN), text.index(END) + len(END)
    PAGE.write_text(text[:start] + section() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
