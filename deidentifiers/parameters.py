"""Refusing parameters out of range, in the words that all methods share."""

from __future__ import annotations

from typing import Any, get_args


def check_choice(name: str, value: object, choices: Any) -> None:
    """Refuse a value that is not among the choices.

    Args:
        choices: a `Literal`.

    Raises:
        ValueError: names the parameter, the choices and what came.
    """
    known = get_args(choices)
    if value not in known:
        raise ValueError(f"expected {name} to be {' or '.join(known)}, got {value!r}; choose one of them")


def check_number(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside low..high (both included), NaN among them.

    Raises:
        ValueError: names the parameter, the range and what came.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"expected {name} to be a number from {low:g} to {high:g}, got {value!r}; choose one in range")


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse what is no whole number from low to high.

    Raises:
        ValueError: names the parameter, the range and what came.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"expected {name} to be a whole number from {low} to {high}, got {value!r}")
