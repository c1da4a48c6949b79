"""What torch keeps for a whole process (floor 0)."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .setting import Setting


def _torch() -> Any:
    return sys.modules["torch"]


def _torch_backends() -> tuple[Any, ...]:
    cudnn, mkldnn = _torch().backends.cudnn, _torch().backends.mkldnn
    return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, mkldnn.enabled


def _write_torch_backends(before: tuple[Any, ...]) -> None:
    cudnn, mkldnn = _torch().backends.cudnn, _torch().backends.mkldnn
    cudnn.enabled, cudnn.benchmark, cudnn.deterministic, mkldnn.enabled = before


_PRECISIONS = (
    *("fp32_precision", "cuda.matmul.fp32_precision", "cudnn.fp32_precision", "cudnn.conv.fp32_precision"),
    *("cudnn.rnn.fp32_precision", "mkldnn.fp32_precision", "mkldnn.matmul.fp32_precision"),
    *("mkldnn.conv.fp32_precision", "mkldnn.rnn.fp32_precision"),
)
"""Of products and convolutions, the general one first; once one is set, torch refuses to tell the older ones."""
_OLDER_PRECISIONS = ("cudnn.allow_tf32", "cuda.matmul.allow_tf32")


def _precisions() -> dict[str, Any]:
    backends = _torch().backends
    names = _PRECISIONS if hasattr(backends, "fp32_precision") else _OLDER_PRECISIONS
    return {name: operator.attrgetter(name)(backends) for name in names}


def _write_precisions(before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        owner, _, last = f"backends.{name}".rpartition(".")
        setattr(operator.attrgetter(owner)(_torch()), last, value)


def _autocast() -> tuple[Any, ...]:
    torch = _torch()
    return tuple((torch.is_autocast_enabled(each), torch.get_autocast_dtype(each)) for each in ("cpu", "cuda"))


def _write_autocast(before: tuple[Any, ...]) -> None:
    for device, (enabled, dtype) in zip(("cpu", "cuda"), before, strict=True):
        _torch().set_autocast_enabled(device, enabled)
        _torch().set_autocast_dtype(device, dtype)


_HOOKS = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks", "module_registration_hooks")


def _all_hooks() -> list[Any]:
    """Registers of functions that torch calls for every module of everybody."""
    module = sys.modules["torch.nn.modules.module"]
    return [getattr(module, f"_global_{each}", {}) for each in _HOOKS]


def _write_hooks(before: tuple[tuple[Any, ...], ...]) -> None:
    for register, items in zip(_all_hooks(), before, strict=True):
        register.clear()
        register.update(items)


def _determinism() -> tuple[bool, bool]:
    torch = _torch()
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _in_torch(name: str, read: Callable[[], Any], write: Callable[[Any], None]) -> Setting:
    return Setting(f"torch's {name}", read, write, "torch", "default_generator")


TORCH: tuple[Setting, ...] = (
    _in_torch("default dtype", lambda: _torch().get_default_dtype(), lambda value: _torch().set_default_dtype(value)),
    _in_torch("gradients", lambda: _torch().is_grad_enabled(), lambda value: _torch().set_grad_enabled(value)),
    _in_torch(
        "deterministic algorithms",
        _determinism,
        lambda value: _torch().use_deterministic_algorithms(value[0], warn_only=value[1]),
    ),
    _in_torch("back-ends", _torch_backends, _write_torch_backends),
    _in_torch("precision of products", _precisions, _write_precisions),
    _in_torch("autocast", _autocast, _write_autocast),
    Setting(
        "hooks of all torch's modules",
        lambda: tuple(tuple(each.items()) for each in _all_hooks()),
        _write_hooks,
        "torch.nn.modules.module",
        "Module",
    ),
    _in_torch("default device", lambda: _torch().get_default_device(), lambda device: _set_device(device)),
    # Without torch, too: one that a plug-in is the first to import is fresh, and set by it.
    Setting("the flushing of denormal numbers", lambda: _flushes(), lambda value: _set_flushing(value)),
    _in_torch("threads", lambda: _torch().get_num_threads(), lambda value: _torch().set_num_threads(value)),
)


_DENORMAL, _ONE, _LARGE = 5e-324, 1.0, 2.0**100


def _flushes() -> bool:
    """torch sets it and does not tell it, so a number is looked at that is nothing where it is set."""
    return _DENORMAL * _ONE * _LARGE == 0.0


def _set_flushing(value: bool) -> None:
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(value)


def fresh_torch() -> dict[str, Any]:
    """What settings of torch are where it has just been imported; empty where it is not."""
    if not TORCH[0].is_there():
        return {}
    values = _torch().float32, True, (False, False)
    return {each.name: value for each, value in zip(TORCH, values, strict=False)}


def _set_device(device: Any) -> None:
    _torch().set_default_device(None if device.type == "cpu" else device)
