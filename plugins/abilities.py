"""What a plug-in of any kind may have beside its contract; each is looked for by name (floor 0).

What belongs to one kind stands in that kind's `base` module, as `Repaints` of de-identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable


@runtime_checkable
class ChoosesWeights(Protocol):
    """An optional ability: a plug-in whose parameters choose what weights it reads."""

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> Mapping[str, str]:
        """SHA-256 by name of every weight file, for digest and record; takes the place of `info.weights`.

        Args:
            params: every parameter of the constructor, defaults included.
        """
        ...


@runtime_checkable
class DeclaresDataFiles(Protocol):
    """An optional ability: a plug-in whose results depend on files that lie beside its code.

    Their contents are part of its digest. Weight files that the catalogue pins are named in `info.weights` instead.
    """

    data_files: ClassVar[tuple[str, ...]]
    """Paths below the folder of the file that defines the class; a folder stands for all files in it, and `*`, `?` and
    `**` are wild cards: `("tables/*.csv", "config.toml")`."""


@runtime_checkable
class ExpectsFailures(Protocol):
    """An optional ability: a plug-in that knows which contract checks it does not pass."""

    expected_failures: ClassVar[Mapping[str, str]]
    """Why, by the check's name."""
