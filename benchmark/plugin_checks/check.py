"""One contract check, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...plugins.abilities import ExpectsFailures
from ...plugins.entries import Kind, PluginError, Resolved, registry
from ...plugins.isolation import no_end, output_on_stderr, own_folder, way_out
from ...plugins.process_state import own_process, told
from ...weights.files import WeightsError

Problem = str | None
"""What is wrong, or None."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule of a contract, as a function that says how a plug-in breaks it."""

    name: str
    rule: str
    """In a sentence."""
    look: Callable[[Resolved], Problem]
    when: Callable[[Resolved], bool] = lambda resolved: True
    """Whether it is about this plug-in, by what that says of itself."""


def check(when: Callable[[Resolved], bool] = lambda resolved: True) -> Callable[[Callable[[Resolved], Problem]], Check]:
    """A decorator: the function's name after `check_` and its docstring are the check's."""

    def decorate(look: Callable[[Resolved], Problem]) -> Check:
        return Check(look.__name__.removeprefix("check_"), " ".join((look.__doc__ or "").split()), look, when)

    return decorate


@dataclass(frozen=True, slots=True)
class KindCheck:
    """A check of the plug-ins of one kind; call it with a specification."""

    kind: Kind
    check: Check

    @property
    def __name__(self) -> str:
        return f"check_{self.check.name}"

    def applies(self, spec: str) -> bool:
        """Whether it is about this plug-in; what cannot be resolved is about everything."""
        try:
            return self.check.when(registry().resolve(self.kind, spec))
        except PluginError:
            return True

    def __call__(self, spec: str) -> Problem:
        """What is wrong; whatever the plug-in raises is."""
        try:
            with own_folder(), output_on_stderr(), no_end():
                resolved = registry().resolve(self.kind, spec)
                if not self.check.when(resolved):
                    return None
                if self.kind is not Kind.DATASET:
                    resolved.create()  # what it changes then is in force whenever it works, and put back
                with own_process(resolved.changes) as changed:
                    problem = self.check.look(resolved)
                return problem or told([*resolved.changes, *changed]) or None
        except (PluginError, WeightsError) as error:
            return str(error)
        except SystemExit as error:
            return way_out(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return f"raised {type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check."""

    check: str
    problem: Problem
    expected: str = ""
    """Why the plug-in expects to fail it; empty where it does not."""

    @property
    def passed(self) -> bool:
        """Whether there is nothing to mend: a problem that is expected, or none that is not."""
        return bool(self.problem) == bool(self.expected)

    @property
    def said(self) -> str:
        """In half a sentence; empty where all is well."""
        if self.expected:
            why = f"expected ({self.expected})"
            return f"{self.problem}; {why}" if self.problem else f"passes, though it is {why}: take it from the list"
        return self.problem or ""


def expected_failures(spec: str, kind: Kind) -> Mapping[str, str]:
    """Why the plug-in expects to fail which checks."""
    try:
        cls = registry().resolve(kind, spec).cls
    except PluginError:
        return {}
    return cls.expected_failures if isinstance(cls, ExpectsFailures) else {}


def different(first: Sequence[Any], second: Sequence[Any]) -> int | None:
    """Index of the first pair of results that differ."""
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        if not (np.array_equal(a, b) if arrays else a == b):
            return index
    return None
