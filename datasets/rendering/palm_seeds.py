"""Who may use which identity seeds of the palm renderer.

The ranges are disjoint, so nothing is ever trained on the identities that a benchmark scores. A subject k has the two
identity seeds 2 k (left hand) and 2 k + 1 (right hand).
"""

from __future__ import annotations

from typing import Final

MINI_SET: Final = range(1_000)
"""The small set inside the package (`palm-mini`) and later editions of it."""
CONTRACT_SEEDS: Final = range(500_000, 500_003)
"""The hands that contract checks show to methods."""
TRAINING_SETS: Final = range(1_000_000, 2_000_000)
"""Weights that ship with the toolkit may be trained on these, and on no others."""
ATTACKER_SETS: Final = range(600_000, 700_000)
"""Auxiliary people: those on whom attackers try out a method. They are never evaluated, and nothing ships that is
trained on them."""
USER_SETS: Final = range(1_000_000_000, 2_000_000_000)
"""`synthetic-palm`; its `seed` parameter chooses a block."""

BLOCK_SIZE: Final = 20_000
"""Identities reserved for one value of the `seed` parameter."""
BLOCKS: Final = len(USER_SETS) // BLOCK_SIZE


def user_set_start(seed: int) -> int:
    """First identity seed of the user set with this seed, an even number.

    Raises:
        ValueError: the seed is outside 0..BLOCKS - 1.
    """
    if not 0 <= seed < BLOCKS:
        raise ValueError(f"seed must lie in 0..{BLOCKS - 1}, got {seed}")
    return USER_SETS.start + seed * BLOCK_SIZE
