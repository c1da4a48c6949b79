"""mypy --strict over the tests and training, whose folders are no packages: `python tests/check_types.py`.

One call for all but two folders of training, which have files named as others have them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TRAINING = TESTS.parent / "training"
ALONE = [TRAINING / "face_tiny_ddpm", TRAINING / "palm_recognizers"]
TOGETHER = [TESTS, *sorted(each for each in TRAINING.iterdir() if each.is_dir() and each not in ALONE)]
BASES = [TESTS / "scoring", TRAINING / "palm_tiny", TRAINING]
"""Folders whose files are imported by name alone; those of the tests come in by the folder that mypy starts in."""


def check(start: Path, folders: list[Path], bases: list[Path]) -> bool:
    """One call of mypy from a folder; it prints what it finds. False: it found something."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(TESTS.parent / "pyproject.toml")]
    command += ["--explicit-package-bases", *(str(each) for each in folders)]
    settings = {"MYPYPATH": os.pathsep.join(str(each) for each in bases)}
    return subprocess.run(command, cwd=start, env=os.environ | settings, check=False).returncode == 0


if __name__ == "__main__":
    passed = [check(TESTS, TOGETHER, BASES), *(check(each, [each], []) for each in ALONE)]
    sys.exit(0 if all(passed) else 1)
