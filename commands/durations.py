"""Lengths of time in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever says most in few digits.

    >>> duration(42.4), duration(185), duration(9000)
    ('42 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def left(seconds: float, untimed: int) -> str:
    """What is left, and no more than is known.

    Args:
        seconds: of the work that can be estimated.
        untimed: pieces of work of kinds that were never timed.

    >>> left(185, 0), left(185, 7), left(0, 7)
    ('about 3 min', 'over 3 min', '')
    """
    if seconds < 1:
        return ""
    return f"{'over' if untimed else 'about'} {duration(seconds)}"
