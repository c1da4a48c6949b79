"""The one "did you mean" of the product (ground)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_LISTED = 40
"""More names than this are not written out."""


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Known names that look like a slip of this one, best first; case and the sort of dash do not count."""
    plain = {each.casefold().replace("-", "_"): each for each in sorted(known, reverse=True)}
    wanted = name.casefold().replace("-", "_")
    return [plain[each] for each in difflib.get_close_matches(wanted, plain, n=most, cutoff=0.5)]


def offer(close: Iterable[str], instead: str) -> str:
    """Half a sentence that proposes names; without any, what to do instead."""
    names = " or ".join(dict.fromkeys(map(repr, close)))
    return f"; did you mean {names}?" if names else f"; {instead}"


def suggest(name: str, known: Iterable[str], instead: str = "") -> str:
    """Half a sentence for the end of "there is no X": the names that come near; else `instead`, or all of them.

    >>> suggest("blurrin", ["blurring", "masking"])
    "; did you mean 'blurring'?"
    >>> suggest("zzz", ["blurring", "masking"])
    '; known are: blurring, masking'
    """
    names = sorted(known)
    close = nearest(name, names)
    if close or instead:
        return offer(close, instead)
    if not names:
        return "; none are known"
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"; known are: {', '.join(names[:MOST_LISTED])}{more}"
