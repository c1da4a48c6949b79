"""The notebook of the manual runs as it stands, and holds nothing that a run has left in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
_SHOWN = """
assert "blurring" in results._repr_html_()
print(record.method.spec, record.counts.planned, record.counts.done)
print(sorted(table.index), sorted(table.columns), table.notna().all().all(), len(frame) > 50)
"""


def _cells() -> list[dict[str, Any]]:
    return list(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"])


def test_it_holds_no_output() -> None:
    code = [each for each in _cells() if each["cell_type"] == "code"]
    assert code
    assert [(each["outputs"], each["execution_count"]) for each in code] == [([], None)] * len(code)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not [place for place in ("/home", "/root", "/tmp", "/Users", "C:\\") if place in text]


@pytest.mark.slow
def test_its_cells_run_in_order(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    cells = ["".join(each["source"]) for each in _cells() if each["cell_type"] == "code"]
    script = tmp_path / "notebook.py"
    script.write_text("\n".join([*cells, _SHOWN]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", script],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ | {"MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == ["blurring 8 8", "['blurring', 'pixelation'] ['rr', 'ssim'] True True"]
    assert (tmp_path / "trade-off.png").stat().st_size > 5_000
    assert len(list((tmp_path / "notebook-results").glob("*/run.json"))) == 2
