"""What a run takes that names nothing else. Imports nothing before it is asked: the command's help stays quick."""

from __future__ import annotations

FIRST_PROTOCOLS = {"palm": "palm-paper/1.0", "face": "face/1.0"}
"""By what is in the images, the first version of the protocol whose newest one is taken."""
DEFAULT_DATASETS = ("palm-mini:setting=controlled", "palm-mini:setting=wild")
"""Of protocols that name none."""
MOST_SEEDS = 10_000
"""Most de-identified versions of an image: with more, the plan alone takes minutes without a word."""


def default_protocol(modality: str = "palm") -> str:
    """Id of the protocol that is taken where none is named: no version that another one supersedes.

    Args:
        modality: what is in the images.

    Raises:
        ProtocolError: the files of protocols cannot be used.
    """
    from ..protocols import newest

    return newest(FIRST_PROTOCOLS[modality])
