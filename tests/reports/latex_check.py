"""A small strict reader of LaTeX tables: what passes compiles with booktabs alone and executes nothing strange."""

from __future__ import annotations

import re

ALLOWED = {
    "begin", "end", "centering", "caption", "label", "footnotesize", "setlength", "tabcolsep", "toprule", "midrule",
    "bottomrule", "cmidrule", "multicolumn", "emph", "textbf", "underline", "scriptsize", "smallskip", "linewidth",
    "par", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "ldots", "ss",
    "fontsize", "selectfont", "raggedright", "allowbreak", "o", "O", "ae", "AE", "l", "L", "i", "r", "H", "v", "c", "u",
}  # fmt: skip
MATH = {"pm", "times", "alpha", "mu", "circ", "uparrow", "downarrow", "to"}
TOKEN = re.compile(r"\\([A-Za-z]+)|\\(.)|(.)", re.DOTALL)


def check_latex(text: str) -> None:
    """Raise AssertionError where the text is not plain, balanced LaTeX with rows of one width."""
    assert text.isascii(), "only ASCII prints on every engine"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), "control character"
    body = re.sub(r"(?m)^%.*$", "", text)
    open_groups, math = [], False
    for found in TOKEN.finditer(body):
        name, escaped, plain = found.groups()
        if name:
            assert name in (MATH if math else ALLOWED), f"unexpected command \\{name}"
        elif escaped:
            assert escaped in "\\{}$&#%_`'^~=.\"", f"unexpected \\{escaped}"
        elif plain == "{":
            open_groups.append(math)
        elif plain == "}":
            assert open_groups, "a brace is closed that was never opened"
            assert open_groups.pop() == math, "a group cuts through a formula"
        elif plain == "$":
            math = not math
        else:
            assert math or plain not in "_^", f"{plain} outside of a formula"
            assert plain not in "#%~", f"unescaped {plain}"
    assert not open_groups
    assert not math
    _check_environments(body)
    for table in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        _check_rows(table)


def _check_environments(body: str) -> None:
    open_names: list[str] = []
    for what, name in re.findall(r"\\(begin|end)\{([a-z]+)\}", body):
        if what == "begin":
            open_names.append(name)
        else:
            assert open_names.pop() == name
    assert not open_names


def _check_rows(table: str) -> None:
    start = re.match(r"\{@\{\}((?:l|p\{[\d.]+pt\})r+)@\{\}\}(.*)", table, re.DOTALL)
    assert start, "the columns of a table are not declared as expected"
    widths, rows = start.groups()
    widths = re.sub(r"\{.*?\}", "", widths)
    lines = [each for each in rows.split("\\\\\n") if each.strip()]
    assert lines[-1].strip() == "\\bottomrule"
    for line in lines[:-1]:
        spans = [int(each) - 1 for each in re.findall(r"\\multicolumn\{(\d+)\}", line)]
        cells = len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans)
        assert cells == len(widths), line
        first = re.sub(r"\\(toprule|midrule|cmidrule\(lr\)\{\d+-\d+\})", "", line).strip()
        assert not first.startswith(("[", "*")), "a line break would take this for its argument"
