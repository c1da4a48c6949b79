"""A script that runs without `if __name__ == "__main__":` ends, and says what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TOYS

SCRIPT = """
from deid_bench.plugins.entries import registry
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, run

registry().add_file({toys!r})
options = RunOptions(
    methods="identity", datasets="toy-hands:folder={folder}", recognizers="toy_recognizer", analyzer="toy_analyzer",
    protocol="palm-paper/1.0",
)
{call}
"""
CALL = 'print(len(run(options, Execution({out!r}, "process", jobs=1))))'


@pytest.mark.parametrize("guarded", [False, True])
def test_a_script_without_guard_ends_and_says_what_is_missing(tmp_path: Path, guarded: bool) -> None:
    call = CALL.format(out=str(tmp_path / "out"))
    if guarded:
        call = f'if __name__ == "__main__":\n    {call}'
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(toys=str(TOYS), folder=tmp_path / "hands", call=call))
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    if guarded:
        assert (ended.returncode, ended.stdout) == (0, "1\n"), ended.stderr
        return
    assert ended.returncode != 0
    assert 'needs `if __name__ == "__main__":`' in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "out" / "board.html").exists()
