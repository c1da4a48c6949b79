"""Datasets made ready by one process at a time, and not before what a run cannot do without is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from ...files import cache_root
from ..storage.digest import digest
from ..storage.lock import Notice, hold
from ..storage.store import StoreError
from .tasks import Plugin


@contextmanager
def one_at_a_time(dataset: str, notice: Notice | None = None) -> Iterator[None]:
    """Hold what is named against the other runs of this user.

    A dataset may write the files that it then lists, and two runs that start together would list what the other has
    half written. Where the cache folder cannot be written nobody is waited for.

    Args:
        dataset: what is being prepared, with its parameters.
        notice: is told once who is waited for.

    Raises:
        Whatever the block raises.
    """
    with ExitStack() as stack:
        lock = cache_root() / "locks" / f"prepare-{digest(dataset)[:16]}.lock"
        with suppress(StoreError):
            stack.enter_context(hold(lock, dataset, notice=notice))
        yield


def weights_of(plugins: Iterable[Plugin]) -> tuple[str, ...]:
    """Names of the weight files that none of them can do without, as far as the toolkit knows them."""
    from ...weights.files import all_specs

    known = {each.name for each in all_specs()}
    return tuple(dict.fromkeys(name for plugin in plugins for name in plugin.weights if name in known))


def require_weights(plugins: Iterable[Plugin]) -> None:
    """Have every weight file that plug-ins need, before any work.

    Raises:
        WeightsError: one is not here and cannot be fetched, or is not the right one.
    """
    from ...weights.files import weight

    for name in weights_of(plugins):
        weight(name)
