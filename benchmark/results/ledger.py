"""The ledger of a cell: what was refused, what crashed and what was not acquired, over all stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...characters import sentence
from ..planning.tasks import RESTORING, Stage, Task
from ..records.failures import FIRST, About, Failure, Outcome, told_apart
from .blocks import BadPairs


@dataclass(slots=True)
class _Tally:
    count: int = 0
    first: list[str] = field(default_factory=list)


_Key = tuple[str, str, About, Outcome, str]
"""Stage, plug-in, about what, whose failure, why."""


class Ledger:
    """Collects failures as the stages go by.

    Args:
        crashes: by digest of a task, why it crashed; looked at whenever something is added.
        remarks: by digest of a task, what was noticed about its plug-in though it gave a result; looked at in the end,
            as a later task may show what is wrong with an earlier one.
    """

    def __init__(self, crashes: Mapping[str, str], remarks: Mapping[str, Sequence[str]] | None = None) -> None:
        self._crashes, self._remarks = crashes, {} if remarks is None else remarks
        self._tallies: dict[_Key, _Tally] = {}
        self._pairs: Counter[tuple[str, About]] = Counter()
        self._asked: list[tuple[str, str, About, list[Task]]] = []

    def add(
        self, stage: str, by: str, about: About, tasks: Iterable[Task], reasons: Mapping[str, str | None]
    ) -> None:
        """Take down what of one stage failed.

        Args:
            stage: its name; one of `Stage`, or of a part of it.
            by: specification of the plug-in, empty for the toolkit's own stages.
            about: what the tasks work on.
            tasks: all of them; none is named twice.
            reasons: by digest of a task, why it failed, or None.
        """
        every = list(tasks)
        self._asked.append((stage, by, about, every))
        told = told_apart(sentence(why) for task in every if (why := reasons[task.digest]) is not None)
        for task in every:
            why = reasons[task.digest]
            if why is None:
                continue
            acquired: Outcome = "not acquired" if stage == Stage.EMBED.value else "refused"
            outcome: Outcome = "crashed" if task.digest in self._crashes else acquired
            self._count((stage, by, about, outcome, told[sentence(why)]), task.label)

    def add_pairs(self, by: str, about: About, bad: BadPairs, names: tuple[list[str], list[str]]) -> None:
        """Take down pairs without a proper distance.

        Args:
            by: specification of the recogniser.
            about: what was compared with the originals.
            bad: the pairs.
            names: of rows and columns.
        """
        self._pairs[by, about] += bad.total
        for reason, count in bad.counts.items():
            pairs = [f"{names[0][row]} x {names[1][column]}" for row, column in bad.first[reason]]
            key: _Key = (Stage.COMPARE.value, by, about, "not acquired", reason)
            tally = self._tallies.setdefault(key, _Tally())
            tally.count += count
            tally.first = [*tally.first, *pairs][:FIRST]

    def _count(self, key: _Key, label: str) -> None:
        tally = self._tallies.setdefault(key, _Tally())
        tally.count += 1
        if len(tally.first) < FIRST:
            tally.first.append(label)

    def _total(self, key: _Key) -> int:
        """Of what so many failed: of all that was ever asked for, in however many parts."""
        stage, by, about, outcome, _ = key
        if outcome == "irregular":
            return 1
        if (stage, outcome) == (Stage.COMPARE.value, "not acquired"):
            return self._pairs[by, about]
        asked = (tasks for *whose, tasks in self._asked if tuple(whose) == (stage, by, about))
        return len({task.digest for tasks in asked for task in tasks})

    def _irregular(self) -> dict[_Key, _Tally]:
        found: dict[_Key, _Tally] = {}
        for stage, by, about, tasks in self._asked:
            # What is said of a restorer stands with a task of the recogniser that looked at its image, and the reverse.
            for text in (each for task in tasks for each in self._said(stage, task)):
                # Seen by chance, on whatever came first in a process: neither which image nor how many is told.
                found[stage, by, about, "irregular", sentence(text.removeprefix(RESTORING))] = _Tally(1)
        return found

    def _said(self, stage: str, task: Task) -> list[str]:
        restoring = stage == Stage.RESTORE.value and task.stage is not Stage.RESTORE
        return [each for each in self._remarks.get(task.digest, ()) if each.startswith(RESTORING) == restoring]

    def failures(self) -> list[Failure]:
        """In order of the stages."""
        tallies = self._tallies | self._irregular()
        order = [each.value for each in Stage]
        keys = sorted(tallies, key=lambda key: (order.index(key[0]) if key[0] in order else 0, key))
        return [
            Failure(
                stage=key[0],
                by=key[1],
                about=key[2],
                outcome=key[3],
                reason=key[4],
                count=tallies[key].count,
                total=self._total(key),
                first=tallies[key].first,
            )
            for key in keys
        ]
