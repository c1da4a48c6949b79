"""A grid over parameters of methods: `--sweep alpha=0.1,0.2,0.3` turns one method into three specifications."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...plugins.entries import Kind, Resolved, Spec, parameters, registry
from ...plugins.specs import as_specs
from ...suggestions import suggest

MOST_SETTINGS = 10_000
"""More settings of one method than this are a slip of the keyboard."""

_VALUE = re.compile(r"""\s*(?P<value>"[^"]*"|'[^']*'|[^,"']*)\s*,""")
_NAME = re.compile(r"(?:(?P<method>.+)\.)?(?P<name>[A-Za-z_]\w*)", re.DOTALL)


class SweepError(ValueError):
    """A sweep is malformed or fits no method; the message says what was expected, what came and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter and the values that it takes."""

    method: str
    """Only of this method; empty: of every method that has the parameter."""
    name: str
    """Parameter."""
    values: tuple[str, ...]
    """As typed, without quotes."""

    @property
    def key(self) -> str:
        """As it was typed before the equals sign."""
        return f"{self.method}.{self.name}" if self.method else self.name

    @staticmethod
    def parse(text: str) -> Axis:
        """Parse `NAME=V1,V2,…` or `METHOD.NAME=V1,V2,…`; a value that holds a comma stands in quotes.

        Raises:
            SweepError: it does not have this form.
        """
        key, sign, rest = text.partition("=")
        found = _NAME.fullmatch(key.strip())
        if not found or not sign:
            raise SweepError(f"expected --sweep NAME=VALUE,VALUE,… or METHOD.NAME=VALUE,VALUE,…, got {text!r}")
        return Axis(found["method"] or "", found["name"], tuple(_parse_values(text, rest)))


def _parse_values(text: str, rest: str) -> Iterator[str]:
    closed, position = f"{rest},", 0
    while position < len(closed):
        found = _VALUE.match(closed, position)
        value = found["value"].strip() if found else ""
        if found is None or not value:
            raise SweepError(
                f"expected values separated by commas after the equals sign, got {rest[position:]!r} in {text!r}; "
                "put a value that holds a comma in quotes"
            )
        yield value[1:-1] if value[0] in "\"'" else value
        position = found.end()


def expand(methods: Sequence[str | Spec], sweeps: Sequence[str]) -> tuple[Spec, ...]:
    """Every method at every point of the grid of those sweeps that are about its parameters.

    Specifications come out in their canonical form (see `canonical`), so that equal settings, however they were typed,
    are one cell and share a record.

    Args:
        methods: specifications of de-identifiers.
        sweeps: `NAME=V1,V2,…`, for every method that has the parameter, or `METHOD.NAME=V1,V2,…`, for that method
            alone and in place of the former.

    Returns:
        Specifications without repetitions; the last sweep varies fastest.

    Raises:
        SweepError: a sweep is malformed, is given twice, fits no method or asks for too many settings, or a method
            has the parameter set already.
        PluginError: a method or a value is wrong.
    """
    axes = [Axis.parse(text) for text in sweeps]
    keys = [each.key for each in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise SweepError(f"--sweep {key} is given twice; put all its values into one")
    typed = as_specs(methods, "--method")
    resolved = [(spec, registry().resolve(Kind.DEIDENTIFIER, spec)) for spec in typed]
    for axis in axes:
        _check_used(axis, resolved)
    return tuple(dict.fromkeys(spec for typed, each in resolved for spec in _grid(typed, each, axes)))


SURROGATE = "surrogate"
"""Parameter by which a method is told which recogniser it may look into."""


def with_surrogate(methods: Sequence[str | Spec], name: str) -> tuple[Spec, ...]:
    """The same methods, those that look into a recogniser into this one.

    Args:
        methods: specifications of de-identifiers.
        name: specification of a recogniser; empty: nothing is changed.

    Raises:
        SweepError: none of the methods looks into a recogniser, or one has its own named already.
        PluginError: a method is wrong.
    """
    typed = as_specs(methods, "--method")
    if not name:
        return typed
    able = [each for each in typed if SURROGATE in parameters(registry().resolve(Kind.DEIDENTIFIER, each).cls)]
    if not able:
        raise SweepError(f"--surrogate {name}: none of the methods looks into a recogniser; leave it away")
    for spec in typed:
        if SURROGATE in dict(spec.params):
            raise SweepError(f"{spec} names its surrogate, and --surrogate {name} would name it too; drop one")
    return tuple(each.with_params((SURROGATE, name)) if each in able else each for each in typed)


def canonical(spec: Spec) -> Spec:
    """The one specification of a de-identifier and its settings, however they were typed: parameters in the
    constructor's order, defaults left out.

    Raises:
        PluginError: it does not exist, or a parameter is unknown or has a value of the wrong type.
    """
    return registry().resolve(Kind.DEIDENTIFIER, spec).spec


def _is_about(axis: Axis, spec: Spec, method: Resolved) -> bool:
    """Whether the axis names this method, or none."""
    return axis.method in ("", method.name, spec.target)


def _check_used(axis: Axis, methods: Sequence[tuple[Spec, Resolved]]) -> None:
    """An axis that no method has would silently do nothing."""
    meant = [method for spec, method in methods if _is_about(axis, spec, method)]
    if not meant:
        names = {method.name for _, method in methods}
        raise SweepError(f"--sweep {axis.key}: there is no --method {axis.method}{suggest(axis.method, names)}")
    known = {name for method in meant for name in parameters(method.cls)}
    if axis.name not in known:
        who = f"{meant[0].name} has no" if axis.method else "none of the methods has a"
        raise SweepError(f"--sweep {axis.key}: {who} parameter {axis.name!r}{suggest(axis.name, known)}")


def _grid(typed: Spec, method: Resolved, axes: Sequence[Axis]) -> list[Spec]:
    chosen: dict[str, Axis] = {}
    for axis in sorted(axes, key=lambda each: bool(each.method)):  # one for this method takes the other's place
        if axis.name in parameters(method.cls) and _is_about(axis, typed, method):
            chosen[axis.name] = axis
    ordered = [axis for axis in axes if axis in chosen.values()]
    for axis in ordered:
        if axis.name in dict(typed.params):
            raise SweepError(
                f"{typed} sets {axis.name!r}, and --sweep {axis.key} would set it too; drop one of the two"
            )
    points = math.prod(len(axis.values) for axis in ordered)
    if points > MOST_SETTINGS:
        raise SweepError(f"the sweeps ask for {points} settings of {typed}; the most are {MOST_SETTINGS}")
    names = [axis.name for axis in ordered]
    return [
        canonical(typed.with_params(*zip(names, values, strict=True)))
        for values in itertools.product(*(axis.values for axis in ordered))
    ]
