"""Makes the reference rows that ship with the package: runs the built-in methods on the built-in sets.

    python training/reference/build.py --out reference-results [--method blurring …] [--check]

Run it when code, weights, protocols or data have changed; what is in the results folder already is not done again.
Methods for palms take `palm-mini`, with the attackers of the protocol, and those for faces what the protocol takes by
default, without attackers: the attackers' calls of `dedim` alone would take hours.
`--check` runs nothing and names the rows that no longer hold. Rows that hold and are not made anew are kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deid_bench import interface
from deid_bench.benchmark.engine.backends import default_jobs
from deid_bench.benchmark.planning.attack_plan import DEFAULT_SUITE
from deid_bench.benchmark.planning.auxiliary import rendered_people
from deid_bench.benchmark.planning.defaults import default_protocol
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution
from deid_bench.benchmark.suites import get_suite
from deid_bench.reports.leaderboard import reference

PALMS = ("identity", "other", "masking", "blurring", "pixelation", "palm_diffusion")
FACES = ("identity", "masking", "blurring", "pixelation", "dedim:preset=quick", "tip_im")
PROTOCOLS = (default_protocol("palm"), default_protocol("face"))
SURROGATE = "mobilefacenet"
"""The recogniser that `tip_im` looks into."""
FILE = Path(reference.__file__).parent / "assets" / reference.FILE_NAME


def kept(new: list[RunRecord]) -> reference.Rows:
    """The new records, and those of before that hold and were not made anew."""
    people = rendered_people(get_suite(DEFAULT_SUITE).auxiliary, default_jobs(), None).digest
    digests = {each.digest for each in new}
    old = reference.decode(FILE.read_bytes()).records if FILE.is_file() else ()
    held = (each for each in old if each.digest not in digests and reference.holds(each, people))
    return reference.Rows((*new, *held), people)


def main() -> None:
    """Run, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("reference-results"), help="results folder")
    parser.add_argument("--method", action="append", default=[], help="these alone (default: all)")
    parser.add_argument("--dataset", action="append", default=[], help="these alone (default: the protocol's)")
    parser.add_argument("--protocol", action="append", default=[], help=f"default: {' and '.join(PROTOCOLS)}")
    parser.add_argument("--check", action="store_true", help="name the rows that no longer hold, and stop")
    options: Any = parser.parse_args()
    if options.check:
        rows = reference.shipped()
        stale = [each for each in rows.records if not reference.holds(each, rows.people)]
        for each in stale:
            print(f"{each.method.spec} on {each.dataset.spec}, {each.protocol.id}: no longer holds")
        raise SystemExit(1 if stale else 0)
    made: list[RunRecord] = []
    for protocol in options.protocol or PROTOCOLS:
        methods = options.method or (FACES if protocol.startswith("face") else PALMS)
        execution = Execution(options.out, "process")
        faces = protocol.startswith("face")
        words: dict[str, Any] = {"protocol": protocol, "attacks": "none" if faces else ""} | (
            {"dataset": options.dataset} if options.dataset else {}
        )
        surrogate = SURROGATE if "tip_im" in methods else ""
        made += [each.record for each in interface.run(methods, execution, surrogate=surrogate, **words)]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(reference.encode(kept(made)))
    print(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
