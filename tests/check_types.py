"""mypy --strict over everything: `python tests/check_types.py`.

The package, `speed`, and the tests and training, whose folders are no packages: one call for all of these but two
folders of training, which have files named as others have them. The calls share a cache: libraries are read once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
TRAINING = ROOT / "training"
ALONE = [TRAINING / "face_tiny_ddpm", TRAINING / "palm_recognizers"]
TOGETHER = [TESTS, *sorted(each for each in TRAINING.iterdir() if each.is_dir() and each not in ALONE)]
BASES = [TESTS / "scoring", TRAINING / "palm_tiny", TRAINING]
"""Folders whose files are imported by name alone; those of the tests come in by the folder that mypy starts in."""


def command(*words: str | Path) -> list[str]:
    """A call of mypy with the house's settings."""
    return [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *map(str, words)]


def folders(start: Path, chosen: list[Path], bases: list[Path]) -> tuple[Path, list[str], list[Path]]:
    """Where a call starts, the call, and where it looks for files that are imported by name alone."""
    return start, command("--explicit-package-bases", *chosen), bases


CALLS = [
    (ROOT, command("-p", "deid_bench"), []),
    folders(TESTS, TOGETHER, BASES),
    (ROOT, command("speed"), []),
    *(folders(each, [each], []) for each in ALONE),
]


def check(number: int) -> bool:
    """Whether a call finds nothing; it prints what it finds."""
    start, words, bases = CALLS[number]
    settings = {"MYPY_CACHE_DIR": os.environ.get("MYPY_CACHE_DIR", str(ROOT / ".mypy_cache"))}
    if bases:
        settings["MYPYPATH"] = os.pathsep.join(str(each) for each in bases)
    return subprocess.run(words, cwd=start, env=os.environ | settings, check=False).returncode == 0


if __name__ == "__main__":
    passed = [check(number) for number in range(len(CALLS))]
    sys.exit(0 if all(passed) else 1)
