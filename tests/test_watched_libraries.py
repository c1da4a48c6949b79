"""Parts of libraries below their public functions: whoever replaces one reaches everybody, and is seen."""

from __future__ import annotations

import copy
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy._core._methods as private
import pydantic
import pytest
import torch
from PIL import Image, ImageFile, PngImagePlugin

from deid_bench.plugins.process_state import own_process, told


class _Model(pydantic.BaseModel):
    number: int = 1


def _patch(owner: Any, name: str) -> Callable[[], None]:
    return lambda: setattr(owner, name, lambda *_, **__: None)


PATCHES = {
    "torch.nn.modules.conv.Conv2d.__init__": _patch(torch.nn.Conv2d, "__init__"),
    "torch.nn.modules.conv.Conv2d._conv_forward": _patch(torch.nn.Conv2d, "_conv_forward"),
    # Conv2d inherits it: the new name stands before the one of all modules.
    "torch.nn.modules.conv.Conv2d.__call__": _patch(torch.nn.Conv2d, "__call__"),
    "torch.nn.functional._canonical_mask": _patch(torch.nn.functional, "_canonical_mask"),
    "numpy._core._methods._mean": _patch(private, "_mean"),
    "json.encoder.JSONEncoder.encode": _patch(json.JSONEncoder, "encode"),
    "pydantic.main.BaseModel.model_dump_json": _patch(pydantic.BaseModel, "model_dump_json"),
    "pydantic.main.BaseModel.model_dump": _patch(pydantic.BaseModel, "model_dump"),
    "PIL.Image.Image.convert": _patch(Image.Image, "convert"),
    "PIL.Image.Image.mode": lambda: setattr(Image.Image, "mode", property(lambda _: "1")),
    "PIL.PngImagePlugin.PngImageFile.load_end": _patch(PngImagePlugin.PngImageFile, "load_end"),
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHES)
def test_parts_below_the_public_functions_are_put_back_and_told(name: str) -> None:
    with own_process() as changed:
        PATCHES[name]()
    assert name in {each.what for each in changed}
    assert name in told(changed)
    assert torch.nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 1, 1)).shape == (1, 1, 1, 1)
    assert "__call__" not in vars(torch.nn.Conv2d)
    assert np.ones(3).mean() == 1
    assert json.dumps([1]) == "[1]"
    assert _Model().model_dump_json() == '{"number":1}'
    assert Image.new("RGB", (2, 2)).convert("L").mode == "L"
    with own_process(changed):  # a plug-in that changed it while it was built finds it so again
        pass
    with own_process() as later:
        pass
    assert later == []


def _other(*_: object, **__: object) -> None:
    """Stands in for whatever a plug-in puts in place of a function's inside."""


def _exchange(function: Any, part: str) -> Callable[[], None]:
    return lambda: setattr(function, part, {"__code__": _other.__code__, "__defaults__": (1,) * 9}.get(part))


EXCHANGES = {
    "numpy._core.fromnumeric.mean": _exchange(np.mean._implementation, "__code__"),  # type: ignore[attr-defined]
    "numpy._core._methods._mean": _exchange(vars(private)["_mean"], "__defaults__"),
    "json.dumps": _exchange(json.dumps, "__kwdefaults__"),
    "json.encoder.JSONEncoder.encode": _exchange(json.JSONEncoder.encode, "__code__"),
    "PIL.Image.Image.mode": _exchange(vars(Image.Image)["mode"].fget, "__code__"),
    "PIL.Image.open": lambda: delattr(Image.open, "__defaults__"),
    "torch.nn.functional.relu": _exchange(torch.nn.functional.relu, "__code__"),
    "random.Random.choice": _exchange(random.Random.choice, "__code__"),
    "copy.deepcopy": _exchange(copy.deepcopy, "__code__"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_is_exchanged_inside_a_function_is_put_back_and_told(name: str) -> None:
    parts = ("__code__", "__defaults__", "__kwdefaults__")
    functions = [np.mean._implementation, vars(private)["_mean"], json.dumps, json.JSONEncoder.encode]  # type: ignore[attr-defined]
    functions += [
        vars(Image.Image)["mode"].fget,
        Image.open,
        torch.nn.functional.relu,
        random.Random.choice,
        copy.deepcopy,
    ]
    before = [getattr(each, part) for each in functions for part in parts]

    def are_back() -> bool:
        return [getattr(each, part) for each in functions for part in parts] == before

    for _ in range(2):
        with own_process() as changed:
            EXCHANGES[name]()
            assert not are_back()
        assert [each.what for each in changed] == [name]
        assert name in told(changed)
        assert are_back()
    with own_process(changed) as beyond:  # a plug-in that exchanged it while it was built finds it so again
        assert not are_back()
    assert beyond == []
    assert are_back()


def test_the_inside_of_what_is_nobody_elses_is_not_looked_at() -> None:
    def own() -> None:
        """A plug-in's."""

    with own_process() as changed:
        own.__defaults__ = (1,)
        json.dumps.__defaults__ = json.dumps.__defaults__
    assert changed == []
    assert own.__defaults__ == (1,)


def test_the_inside_of_this_packages_functions_is_looked_at_once_a_chunk() -> None:
    code = told.__code__
    with own_process(package=True) as chunk:
        with own_process() as call:
            told.__code__ = _other.__code__
        assert call == []
    assert [each.what for each in chunk] == ["deid_bench.plugins.process_state.told"]
    assert told.__code__ is code


def test_what_goes_and_what_comes_at_once_is_not_mixed_up() -> None:
    before = dict(vars(np.linalg))
    for _ in range(2):
        with own_process() as changed:
            del np.linalg.norm
            vars(np.linalg)["brand_new"] = 1
        del vars(np.linalg)["brand_new"]
        with own_process(changed) as beyond:
            assert not hasattr(np.linalg, "norm")
        assert beyond == []
    assert vars(np.linalg) == before


def test_finders_before_those_of_python_are_the_plug_ins_own() -> None:
    class Refuses:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            raise ImportError(name)

    library, behind = (type("Behind", (), {"find_spec": staticmethod(lambda *_: None)})() for _ in range(2))
    sys.meta_path.append(library)  # as several do when they are imported
    before = list(sys.meta_path)
    with own_process() as changed:
        sys.meta_path[:] = [Refuses(), *sys.meta_path[::-1], behind]
    assert [each.what for each in changed] == ["sys.meta_path"]
    try:
        assert sys.meta_path == [*before, behind]
    finally:
        sys.meta_path[:] = before[:-1]


def test_formats_that_are_gone_or_replaced_come_back_and_new_ones_stay() -> None:
    Image.preinit()
    opened, order = dict(Image.OPEN), list(Image.ID)
    with own_process() as changed:
        Image.OPEN.clear()
        Image.ID.clear()
        Image.register_open("BRAND_NEW", ImageFile.ImageFile)
    try:
        assert [each.what for each in changed] == ["Pillow's formats"]
        assert [*order, "BRAND_NEW"] == Image.ID
        assert {**opened, "BRAND_NEW": Image.OPEN["BRAND_NEW"]} == Image.OPEN
        with own_process() as later:
            Image.register_open("NEWER_STILL", ImageFile.ImageFile)
        assert later == []
    finally:
        Image.ID[:] = order
        for name in ("BRAND_NEW", "NEWER_STILL"):
            Image.OPEN.pop(name, None)
