"""Tables as a real LaTeX sets them: nothing runs off the page, whatever is compared."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from deid_bench.benchmark.records.record import Interval, RunRecord, Value, load_record
from deid_bench.reports.paper.build import paper_tables
from deid_bench.reports.paper.fitting import Fit
from deid_bench.reports.paper.latex import latex_table
from deid_bench.reports.paper.selection import Selection, select

BASE = load_record(Path(__file__).parent.parent / "benchmark" / "golden" / "run-1-blurring.json")
RECOGNIZERS = ("mtcc", "ccnet", "eehnet_style", "compcode:a_long_parameter=quite_long_value")
CLASSES = {
    "column": r"\documentclass[twocolumn,10pt]{article}",
    "text": r"\documentclass[10pt]{article}",
    "page": r"\documentclass[twocolumn,10pt]{article}",
}


def record(index: int, recognizers: tuple[str, ...]) -> RunRecord:
    """A method with a number for everything that the palm paper prints."""
    within = Interval(low=88.5, high=99.9, level=0.95, method="wilson-clustered")
    values = [
        Value(metric=metric, recognizer=name.partition(":")[0], value=97.9 - index, n=96, interval=within)
        for name in recognizers
        for metric in ("rr", "dir", "rank1_without_source", "rank1_with_source")
    ]
    values += [
        Value(metric=metric, value=30.12 - index / 10, std=1.234, n=96)
        for metric in ("ssim", "ms_ssim", "psnr", "lpips_vgg", "fid")
    ]
    name = ("blurring", "masking", "pixelation", "my_method_with_a_rather_long_name_that_goes_on")[index % 4]
    spec = f"{name}:parameter={index}" if index > 3 else name
    plugins = [
        BASE.recognizers[0].model_copy(update={"name": each.partition(":")[0], "spec": each.partition(":")[0]})
        for each in recognizers
    ]
    method = BASE.method.model_copy(
        update={"name": name, "spec": spec, "family": "classical", "params": {"parameter": index}}
    )
    return BASE.model_copy(
        update={"digest": f"{index:064x}", "method": method, "recognizers": plugins, "values": values}
    )


def compiled(folder: Path, fit: str, tables: list[str]) -> tuple[str, bytes]:
    """The log of one document with these tables, and the document."""
    source = "\n".join(
        [
            CLASSES[fit],
            r"\usepackage{booktabs}",
            r"\begin{document}",
            *(f"{each}\n\\clearpage" for each in tables),
            r"\end{document}",
        ]
    )
    (folder / "paper.tex").write_text(source, encoding="ascii")
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=300,
    )
    return (folder / "paper.log").read_text(encoding="latin-1"), (folder / "paper.pdf").read_bytes()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine (pdflatex)")
@pytest.mark.parametrize("fit", get_args(Fit))
def test_no_table_runs_off_the_page(tmp_path: Path, fit: Fit) -> None:
    made = []
    for methods, count in itertools.product((1, 4, 12), (1, 2, 4)):
        records = [(record(index, RECOGNIZERS[:count]), tmp_path) for index in range(methods)]
        tables = paper_tables(records)
        assert tables
        made += [latex_table(each, fit) for each in tables]
        made += [latex_table(each, fit) for each in select(tables, Selection(intervals=False, one_recognizer=True))]
    log, pdf = compiled(tmp_path, fit, made)
    assert pdf.startswith(b"%PDF")
    overfull = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\).*", log)
    assert "Float too large" not in log
    assert not [each for each in overfull if float(each) > 0.5], (len(made), overfull)
