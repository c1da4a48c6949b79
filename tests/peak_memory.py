"""How much memory reading an image takes, seen from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
from deid_bench.datasets import images
try:
    print(images.read_image(sys.argv[1]).shape)
except images.ImageError as error:
    print(error)
print([int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


def peak_mb(path: Path) -> tuple[str, int]:
    """What reading a file says, and the largest size of a process that did nothing else."""
    found = subprocess.run([sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, text=True, check=True)
    said, peak = found.stdout.splitlines()
    return said, int(peak)
