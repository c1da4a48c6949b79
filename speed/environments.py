"""The methods that are networks under every setting of the thread pools: the same records and objects, byte for byte.

    python -P environments.py [METHOD ...] [--limit 2]

Runs each method (palm_diffusion, tip_im and dedim by default) into a folder of its own under MKL, OMP and OPENBLAS at
1, at 2 and unset, MKL at 2 alone, and in two worker processes, and compares what the runs leave. Ends with 1 where
anything differs. Half an hour on two cores.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SETTINGS = {
    "unset": ({}, "serial"),
    "all at 1": (dict.fromkeys(VARIABLES, "1"), "serial"),
    "all at 2": (dict.fromkeys(VARIABLES, "2"), "serial"),
    "MKL at 2": ({"MKL_NUM_THREADS": "2"}, "serial"),
    "two workers": ({}, "process"),
}


def left_by(method: str, limit: int, variables: dict[str, str], backend: str) -> dict[str, str]:
    """SHA-256 of the record without what hangs on the machine, and of every object, by name."""
    plain = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "deid_bench", "run", "-m", method, "--limit", str(limit), "-o", folder]
        command += ["--attacks", "none", "--backend", backend, "-j", "2"]
        done = subprocess.run(command, env=plain | variables, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise click.ClickException(done.stderr)
        found = {}
        for path in sorted(Path(folder).rglob("*")):
            if path.name == "run.json":
                record = json.loads(path.read_bytes())
                del record["host"]
                found["run.json"] = hashlib.sha256(json.dumps(record).encode()).hexdigest()
            elif path.parent.parent.name == "objects":
                found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@click.command()
@click.argument("methods", nargs=-1)
@click.option("--limit", default=2, show_default=True, help="People.")
def main(methods: tuple[str, ...], limit: int) -> None:
    """Compare what runs leave under different settings of the thread pools."""
    wrong = 0
    for method in methods or ("palm_diffusion", "tip_im:steps=5", "dedim:preset=quick"):
        first: dict[str, str] = {}
        for name, (variables, backend) in SETTINGS.items():
            found = left_by(method, limit, variables, backend)
            first = first or found
            odd = sorted(key for key in first | found if first.get(key) != found.get(key))
            wrong += len(odd)
            said = f"differs in {len(odd)}: {', '.join(odd[:3])}" if odd else "the same"
            click.echo(f"{method:24} {name:12} {len(found):4} objects and records, {said}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
