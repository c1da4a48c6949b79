"""Wording of licence terms that several datasets share."""

from __future__ import annotations

from ...licences import Licence


def research_terms(name: str, title: str, owner: str, *more: str) -> Licence:
    """Terms of a dataset that its owners give out on request for research.

    Args:
        name: of the dataset.
        title: what it is, one line without a full stop.
        owner: who gives it out.
        more: terms beyond the usual ones.
    """
    usual = (
        f"Given out by {owner} to those who apply, for non-commercial research. What you signed or agreed to when you "
        "got it is what holds; this is a reminder.",
        "Do not pass the images on. Boards and packs leave them out.",
        "Cite the owners' paper in what you publish.",
    )
    return Licence(name, title, "research use only, no passing on", (*usual, *more))
