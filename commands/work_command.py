"""`deid-bench work`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import backend_options, json_option, make_cluster, out_to, quiet_option
from .strict import strict_command


@strict_command("work")
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--shard", required=True, metavar="I/N", help="Part I of N, counted from 1: every N-th sample.")
@out_to("Results folder, the same for all parts and for the run that follows.  [default: that of the plan]")
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="Worker processes.  [default: all cores]")
@backend_options
@quiet_option
@json_option
def command(plan: Path, shard: str, out: Path | None, as_json: bool, quiet: bool, **values: Any) -> int:
    """Carry out a part of a plan, wherever the results folder can be reached; then `run` finishes from there.

    Parts need no order and nobody else. Run a part that died again.

    \b
    deid-bench plan --method blurring --json > plan.json
    deid-bench work plan.json --shard 1/2        in one terminal, or a job of an array
    deid-bench work plan.json --shard 2/2        in another
    deid-bench run --method blurring             compares and scores what they made
    """
    import json
    from collections import Counter
    from dataclasses import asdict

    from ..benchmark.planning.plan_file import Shard, read_plan
    from ..benchmark.run import Execution
    from ..benchmark.shards import work
    from .progress import Bars

    cluster = make_cluster(values)
    found = read_plan(plan)
    part = Shard.parse(shard)
    execution = Execution(out or Path(found.out), values["backend"], values["jobs"], values["time_limit"], cluster)
    with Bars(quiet or as_json) as bars:
        done = work(found, part, execution, bars, bars.prepare)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in done], indent=1))
    elif not quiet:
        for each in done:
            click.echo(f"{each.cell}: {each.samples} samples, {each.made} of {each.images} images made")
    for each in done:
        for reason, count in Counter(each.problems).most_common(3):
            click.echo(f"{each.cell}: {count} tasks failed: {reason}", err=True)
    return 1 if any(each.problems for each in done) else 0
