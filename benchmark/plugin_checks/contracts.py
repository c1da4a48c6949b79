"""Contract checks of every kind: what a plug-in has to keep, as functions that say what is wrong.

A plug-in author runs them as `deid-bench check NAME`, or in a test-suite:

    from deid_bench import parametrize_with_checks

    @parametrize_with_checks("my_method", "my_method:strength=0.5")
    def test_contract(check):
        check()

Which checks there are follows from the kind and from what the plug-in says of itself. One that it knows it does not
pass stands, with the reason, in its `expected_failures`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from ...plugins.entries import Kind, PluginError, registry
from . import analyzer, attacker, dataset, deidentifier, metric, recognizer
from .check import Check, KindCheck, Result, expected_failures
from .common import COMMON

Test = TypeVar("Test", bound=Callable[..., None])

CHECKS: Mapping[Kind, tuple[Check, ...]] = {
    Kind.DATASET: dataset.CHECKS,
    Kind.ANALYZER: analyzer.CHECKS,
    Kind.RECOGNIZER: recognizer.CHECKS,
    Kind.DEIDENTIFIER: deidentifier.CHECKS,
    Kind.METRIC: metric.CHECKS,
    Kind.ATTACKER: attacker.CHECKS,
}
"""Of each kind, beside those that are common to all, in the order in which they make sense."""


def checks_of(kind: Kind) -> Sequence[KindCheck]:
    """All checks of a kind."""
    return tuple(KindCheck(kind, each) for each in (*COMMON, *CHECKS[kind]))


def run_checks(spec: str, kind: Kind) -> list[Result]:
    """Every check that is about this plug-in."""
    expected = expected_failures(spec, kind)
    unknown = sorted(set(expected) - {each.check.name for each in checks_of(kind)})
    results = [
        Result(each.check.name, each(spec), expected.get(each.check.name, ""))
        for each in checks_of(kind)
        if each.applies(spec)
    ]
    return results + [Result(name, "there is no such check; take it from expected_failures") for name in unknown]


def kind_of(spec: str, kind: str = "") -> Kind:
    """The kind of the plug-in that a specification names.

    Args:
        spec: a specification.
        kind: what the user says; empty: the only kind that has such a plug-in.

    Raises:
        PluginError: there is no such kind, or several kinds have a plug-in of that name.
    """
    if kind:
        return Kind(kind)
    found = registry().kinds_of(spec)
    if len(found) > 1:
        raise PluginError(f"{spec} may be {' or '.join(found)}; say which with --kind")
    return found[0] if found else Kind.DEIDENTIFIER


def parametrize_with_checks(
    *specs: str, kind: str = "", expected_failures: Mapping[str, str] | None = None
) -> Callable[[Test], Test]:
    """A pytest decorator that runs every check on every specification; the test calls its `check` argument.

    Args:
        specs: specifications of plug-ins.
        kind: of them; empty: the kind that has plug-ins of these names.
        expected_failures: reasons by name of checks that fail, beside those that the plug-in names itself.
    """
    import pytest

    cases = []
    for spec in specs:
        for each in checks_of(kind_of(spec, kind)):
            if each.applies(spec):
                run = partial(_assert_check, each, spec, dict(expected_failures or {}))
                cases.append(pytest.param(run, id=f"{spec}-{each.check.name}"))
    marked: Callable[[Test], Test] = pytest.mark.parametrize("check", cases)
    return marked


def _assert_check(check: KindCheck, spec: str, more: Mapping[str, str]) -> None:
    expected = {**expected_failures(spec, check.kind), **more}.get(check.check.name, "")
    result = Result(check.check.name, check(spec), expected)
    assert result.passed, f"{spec}: {result.said}"
