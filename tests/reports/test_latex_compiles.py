"""Tables as a real LaTeX sets them: nothing runs off the page, whatever is compared."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from narrowed import present

from deid_bench.benchmark.records.record import Interval, RunRecord, Value, load_record
from deid_bench.reports.leaderboard.reference import shipped
from deid_bench.reports.paper.attack_table import attack_tables, format_attacks
from deid_bench.reports.paper.build import paper_tables
from deid_bench.reports.paper.fitting import Fit
from deid_bench.reports.paper.group_table import group_table
from deid_bench.reports.paper.latex import latex_table
from deid_bench.reports.paper.selection import Selection, select

from .latex_check import check_latex

BASE = load_record(Path(__file__).parent.parent / "benchmark" / "golden" / "run-1-blurring.json")
ATTACKS = load_record(Path(__file__).parent.parent / "benchmark" / "golden" / "run-1-attacks.json")
METHODS, COUNTS = (1, 3, 4, 12), (1, 2, 3, 4)
"""How many methods and recognisers are compared."""
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


def attacked(index: int, recognizers: tuple[str, ...]) -> RunRecord:
    """The same after eleven attacks, one of which did not run and one of which lacks a number."""
    found = present(ATTACKS.attacks)
    about, within = found.rows[0], Interval(low=88.5, high=99.9, level=0.95, method="wilson-clustered")
    numbers = [
        Value(metric=metric, value=97.9 - index, n=96, interval=within)
        for metric in ("rank1_without_source", "eer_effective", "tpr_at_fmr_1", "linkability")
    ]
    lacking = Value(metric="tpr_at_fmr_0_1", value=None, n=0, reason="needs at least 1000 impostors, got 182")
    rows = [
        about.model_copy(
            update={
                "attack": f"A{place}",
                "label": "A1+A2a+A3: gallery, restored by a mosaic" if place == 7 else f"A{place}",
                "recognizer": name, "status": "not run" if place == 8 else "counts",
                "reason": f"{index} people are too few for {name}, {'and this takes many words, ' * 12}" * (place == 8),
                "values": [] if place == 8 else [*numbers, lacking],
            }
        )
        for name in recognizers
        for place in range(11)
    ]  # fmt: skip
    made = record(index, recognizers)
    dataset = made.dataset.model_copy(update={"digest": f"{index:064x}"}) if index > 9 else made.dataset
    return made.model_copy(update={"attacks": found.model_copy(update={"rows": rows}), "dataset": dataset})


def check_pages(folder: Path, fit: str, tables: list[str]) -> None:
    """Set the tables in a document and look for what runs off its pages."""
    log, pdf = compiled(folder, fit, tables)
    assert pdf.startswith(b"%PDF")
    overfull = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\).*", log)
    assert "Float too large" not in log
    assert not [each for each in overfull if float(each) > 0.5], (len(tables), overfull)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine (pdflatex)")
@pytest.mark.parametrize("fit", get_args(Fit))
def test_no_table_runs_off_the_page(tmp_path: Path, fit: Fit) -> None:
    made = []
    for methods, count in itertools.product(METHODS, COUNTS):
        records = [(record(index, RECOGNIZERS[:count]), tmp_path) for index in range(methods)]
        tables = paper_tables(records)
        assert tables
        made += [latex_table(each, fit) for each in tables]
        made += [latex_table(each, fit) for each in select(tables, Selection(intervals=False, one_recognizer=True))]
    check_pages(tmp_path, fit, made)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine (pdflatex)")
@pytest.mark.parametrize("fit", get_args(Fit))
def test_no_table_of_attacks_runs_off_the_page(tmp_path: Path, fit: Fit) -> None:
    made = []
    for methods, count in itertools.product(METHODS, COUNTS):
        records = [attacked(index, RECOGNIZERS[:count]) for index in range(methods)]
        for parts in (Selection(), Selection(intervals=False, one_recognizer=True)):
            made += [format_attacks([each], "latex", fit) for each in attack_tables(records, parts)]
    for each in made:
        check_latex(each)
    check_pages(tmp_path, fit, made)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine (pdflatex)")
@pytest.mark.parametrize("fit", get_args(Fit))
def test_no_table_of_groups_runs_off_the_page(tmp_path: Path, fit: Fit) -> None:
    """People of up to five groups, and of one kind whose groups are all too small."""
    known = [each for each in shipped().records if each.groups is not None]
    rare = present(known[0].groups)
    few = [each.model_copy(update={"reason": "fewer than 10 people: named, not rated"}) for each in rare.groups]
    unrated = known[0].model_copy(
        update={"groups": rare.model_copy(update={"groups": few, "numbers": [], "tests": []})}
    )
    made = group_table([*known, unrated], "latex", fit)
    assert f"% {unrated.method.spec}" in made
    check_pages(tmp_path, fit, [made])
