"""The rules of challenges in the toy world."""

from __future__ import annotations

RULES = """\
id = "{id}"
modality = "palm"
title = "Toy"
source = "deid-bench"
summary = "For tests."
analyzer = "toy_analyzer"
recognizers = ["toy_recognizer"]

[split]
dev_share = 0.0
seed = 0

[threshold]
rule = "eer"
from = "eval"

[alignment]
probe = "own-else-original"
"""
ATTACKS = """
[attacks]
suite = "attacks/1.0"
level = "basic"
"""


def rules(name: str, more: str = "") -> str:
    """A protocol's TOML.

    Args:
        name: its id.
        more: further sections.
    """
    return RULES.format(id=name) + more
