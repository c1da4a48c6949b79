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

    Parts need no order and nobody else. Run a part that died again. Ends with 1 where the part is not complete, as
    `run` does: the method failed on an image, something crashed or, where the part is
    the whole plan, no image was made.

    \b
    deid-bench plan --method blurring --json > plan.json
    deid-bench work plan.json --shard 1/2        in one terminal, or a job of an array
    deid-bench work plan.json --shard 2/2        in another
    deid-bench run --method blurring             compares and scores what they made
    """
    import json
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
            skipped = f", {each.skipped} skipped" if each.skipped else ""
            click.echo(f"{each.cell}: {each.samples} samples, {each.made} of {each.images} images made{skipped}")
    for each in done:
        if each.lacking:
            click.echo(f"{each.cell}: {'; '.join(each.lacking)}", err=True)
    return 1 if any(each.lacking for each in done) else 0
