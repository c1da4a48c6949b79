"""deid-bench: how well does a de-identification method hide who someone is, and what does it cost the image?

    import deid_bench
    results = deid_bench.run("blurring", dataset="palm-mini:setting=controlled")
    results.to_frame()

Everything else is private until someone needs it, except the contracts in `deid_bench.datasets.base`,
`deid_bench.analyzers.base`, `deid_bench.recognizers.base` and `deid_bench.deidentifiers.base`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .benchmark.planning.cells import RunOptions as RunOptions
    from .benchmark.plugin_checks.contracts import parametrize_with_checks as parametrize_with_checks
    from .benchmark.records.collection import load_records as load_records
    from .benchmark.run import Execution as Execution
    from .interface import Results as Results
    from .interface import run as run
    from .pictures.apply import deidentify as deidentify
    from .plugins.entries import create as create

from ._version import __version__

# Imported on first use: the command line has to start at once.
_LAZY = {
    "Execution": "benchmark.run",
    "RunOptions": "benchmark.planning.cells",
    "create": "plugins.entries",
    "deidentify": "pictures.apply",
    "load_records": "benchmark.records.collection",
    "parametrize_with_checks": "benchmark.plugin_checks.contracts",
    "Results": "interface",
    "run": "interface",
}
__all__ = [
    "__version__",
    "Execution",
    "Results",
    "RunOptions",
    "create",
    "deidentify",
    "load_records",
    "parametrize_with_checks",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
