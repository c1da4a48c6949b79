"""Writes a plug-in package that works at once."""

from __future__ import annotations

import keyword
from pathlib import Path
from string import Template

from ...plugins.entries import PluginError

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$dist"
version = "0.1.0"
description = "A de-identification method for deid-bench"
requires-python = ">=3.11"
dependencies = ["deid-bench", "numpy"]

# This line is how deid-bench finds the method.
[project.entry-points."deid_bench.deidentifiers"]
$name = "$name.method:$cls"

[tool.setuptools.packages.find]
where = ["src"]
"""

_METHOD = '''\
"""$name: a de-identification method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from deid_bench.datasets.base import Failure, Image
from deid_bench.deidentifiers.base import MethodInfo, Request


class $cls:
    """Shuffles small blocks of the palm. Replace this with your idea.

    Args:
        block: side of a block as a share of the palm width |keypoint 5 - keypoint 17|, more than 0.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="$name",
        version="1",  # raise it whenever the output changes
        modality=("palm",),
        description="Shuffles small blocks of the palm",
        stochastic=True,  # the result depends on request.seed
        family="classical",
        licence="Apache-2.0",
    )

    def __init__(self, block: float = 0.06) -> None:
        if not block > 0:
            raise ValueError(f"block should be more than 0, got {block}")
        self.block = block

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        return [self._one(request) for request in batch]

    def _one(self, request: Request) -> Image | Failure:
        points = request.analysis.keypoints_2d
        side = max(2, round(self.block * float(np.linalg.norm(points[5] - points[17]))))
        height, width = request.image.shape[:2]
        # The palm: the box around wrist and finger roots.
        palm = points[[0, 1, 5, 9, 13, 17]]
        x0, y0 = np.clip(palm.min(0), 0, [width, height]).astype(int)
        x1, y1 = np.clip(palm.max(0), 0, [width, height]).astype(int)
        rows, columns = (y1 - y0) // side, (x1 - x0) // side
        if rows < 1 or columns < 1:
            return Failure("the palm is too small or outside the image")
        result = request.image.copy()
        area = result[y0 : y0 + rows * side, x0 : x0 + columns * side]
        blocks = area.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
        # All randomness comes from the request's seed.
        blocks = np.random.default_rng(request.seed).permutation(blocks)
        area[:] = blocks.reshape(rows, columns, side, side, 3).swapaxes(1, 2).reshape(area.shape)
        return result
'''

_TEST = '''\
"""The contract that deid-bench asks of every method."""

from deid_bench import parametrize_with_checks


@parametrize_with_checks("$name", "$name:block=0.12")
def test_contract(check):
    check()
'''

_README = """\
# $dist

A de-identification method for deid-bench.

    pip install -e .
    deid-bench check $name
    deid-bench run --method $name
"""


def write_method_package(name: str, into: Path) -> Path:
    """Write the package into a new folder below `into`.

    Raises:
        PluginError: the name is not a Python name, or the folder is not empty.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise PluginError(f"a method's name should be a lower-case Python name like my_method, got {name!r}")
    folder = into / name.replace("_", "-")
    if folder.exists() and any(folder.iterdir()):
        raise PluginError(f"{folder} is not empty; choose another name or another folder with --into")
    cls = "".join(part.capitalize() for part in name.split("_"))
    files = {
        "pyproject.toml": _PYPROJECT,
        f"src/{name}/__init__.py": '"""A plug-in for deid-bench."""\n',
        f"src/{name}/method.py": _METHOD,
        "tests/test_contract.py": _TEST,
        "README.md": _README,
    }
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(name=name, cls=cls, dist=folder.name), encoding="utf-8")
    return folder
