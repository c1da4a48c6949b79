"""One-to-many search: where a probe's own identity ranks among the gallery's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..citations import DEDIM, HOUSE, PALM_PAPER, TIP_IM
from ..metric import Metric
from ..values import Undefined

Distances = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """Closed-set identification of probes against a gallery."""

    cmc: NDArray[np.float64]
    """(identities,) cumulative match characteristic: entry k-1 is the share of probes found within rank k."""
    probes: int
    """Probes behind it."""
    without_mate: int
    """Probes left out because no gallery entry of their identity remained."""

    @property
    def rank1(self) -> float:
        """Share of probes whose nearest gallery entry is of their own identity, 0..1."""
        return float(self.cmc[0])


def identify(
    distances: ArrayLike,
    probe_identities: Sequence[str],
    gallery_identities: Sequence[str],
    sources: Sequence[int | None] | None = None,
) -> Identification | Undefined:
    """Rank every probe's identity by its nearest gallery entry.

    An identity's distance is that of its nearest entry. Where other identities are exactly as near, the attacker is
    taken to choose among them at random and the probe counts with the expected share of a hit; a method whose
    images are all equally far from everything thus scores chance, neither 0 nor 1.

    Args:
        distances: (probes, gallery), smaller is more alike.
        probe_identities: identity of each row.
        gallery_identities: identity of each column.
        sources: for each row the column of the very image that the probe was made from, or None; these columns are
            left out for that row. None: nothing is left out.

    Returns:
        The result, or why there is none (no probe has a mate in the gallery).

    Raises:
        ValueError: shapes disagree, a distance is not finite, or a source is no column.

    >>> identify([[0.1, 0.5], [0.4, 0.3]], ["ann", "ann"], ["ann", "bob"]).rank1
    0.5
    """
    found = ranks(distances, probe_identities, gallery_identities, sources)
    return found if isinstance(found, Undefined) else found.identification()


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """Where the own identity of each probe stands among those of the gallery."""

    closer: NDArray[np.intp]
    """(probes,) identities that are nearer."""
    tied: NDArray[np.intp]
    """(probes,) identities that are as near, the own one among them; 0 where the probe has no mate."""
    identities: int
    """In the gallery."""

    @property
    def mated(self) -> NDArray[np.bool_]:
        """(probes,) whether an entry of the own identity is in the gallery."""
        return self.tied > 0

    def hits(self) -> NDArray[np.float64]:
        """(mated probes,) chance of rank 1."""
        closer, tied = self.closer[self.mated], self.tied[self.mated]
        return np.where(closer == 0, 1.0 / tied, 0.0)

    def identification(self) -> Identification | Undefined:
        """Shares of all probes that have a mate; or why there are none."""
        mated = self.mated
        if not mated.any():
            return Undefined("no probe has a gallery entry of its own identity")
        cmc = _expected_cmc(self.closer[mated], self.tied[mated], self.identities)
        return Identification(cmc=cmc, probes=int(mated.sum()), without_mate=int((~mated).sum()))


def join_ranks(parts: Sequence[Ranks]) -> Ranks:
    """Of probes that were searched part by part in one gallery; at least one part."""
    closer, tied = (np.concatenate([getattr(each, name) for each in parts]) for name in ("closer", "tied"))
    return Ranks(closer, tied, parts[0].identities)


def ranks(
    distances: ArrayLike,
    probe_identities: Sequence[str],
    gallery_identities: Sequence[str],
    sources: Sequence[int | None] | None = None,
) -> Ranks | Undefined:
    """Where every probe's identity stands, see `identify`.

    Args:
        distances: (probes, gallery), smaller is more alike.
        probe_identities: identity of each row.
        gallery_identities: identity of each column.
        sources: see `identify`.

    Returns:
        By probe; or why there are none (no probes, no gallery).

    Raises:
        ValueError: as in `identify`.
    """
    given = np.asarray(distances)
    table: Distances = given.astype(np.float32) if given.dtype == np.float32 else given.astype(np.float64)
    probes, gallery = np.asarray(probe_identities, dtype=str), np.asarray(gallery_identities, dtype=str)
    if table.ndim != 2 or table.shape != (probes.size, gallery.size):
        raise ValueError(f"expected distances of shape {(probes.size, gallery.size)}, got {table.shape}; match them")
    if not np.isfinite(table).all():
        raise ValueError("expected finite distances, got NaN or infinity; leave out what could not be compared")
    if not gallery.size or not probes.size:
        return Undefined("no probes or an empty gallery")
    if sources is not None:
        _leave_out(table, sources)
    nearest, identities = _per_identity(table, gallery)
    own_column = np.searchsorted(identities, probes).clip(max=identities.size - 1)
    own = np.where(identities[own_column] == probes, nearest[np.arange(probes.size), own_column], np.inf)
    mated = np.isfinite(own)
    closer = (nearest < own[:, None]).sum(axis=1)
    tied = np.where(mated, (nearest == own[:, None]).sum(axis=1), 0)  # the own identity among them
    return Ranks(closer, tied, identities.size)


def _leave_out(table: Distances, sources: Sequence[int | None]) -> None:
    if len(sources) != table.shape[0]:
        raise ValueError(f"expected one source per probe ({table.shape[0]}), got {len(sources)}; pass None for none")
    for row, column in enumerate(sources):
        if column is None:
            continue
        if not 0 <= column < table.shape[1]:
            raise ValueError(f"expected source columns 0..{table.shape[1] - 1}, got {column}; pass None for none")
        table[row, column] = np.inf


def _per_identity(table: Distances, gallery: NDArray[np.str_]) -> tuple[Distances, NDArray[np.str_]]:
    """(probes, identities) distance to the nearest entry of each identity, and the sorted identities."""
    order = np.argsort(gallery, kind="stable")
    identities, starts = np.unique(gallery[order], return_index=True)
    return np.minimum.reduceat(table[:, order], starts, axis=1), identities


def _expected_cmc(closer: NDArray[np.intp], tied: NDArray[np.intp], identities: int) -> NDArray[np.float64]:
    """Mean over probes of P(rank <= k), ranks being uniform over tied identities."""
    places = np.arange(1, identities + 1)
    total = np.zeros(places.size)
    for c, t in zip(closer, tied, strict=True):
        total += np.clip((places - c) / t, 0.0, 1.0)
    return total / closer.size


def rank_hits(
    distances: ArrayLike, probe_identities: Sequence[str], gallery_identities: Sequence[str], rank: int
) -> NDArray[np.float64] | Undefined:
    """Whether each probe's identity is among the first few; the mean is `identify(...).cmc[rank - 1]`.

    Args:
        distances: (probes, gallery), smaller is more alike.
        probe_identities: identity of each row.
        gallery_identities: identity of each column.
        rank: how many identities are looked at, 1 or more.

    Returns:
        (probes,) 1 or 0, or the chance of 1 where identities tie; NaN where the probe has no mate; or why there are
        none.

    Raises:
        ValueError: shapes disagree or a distance is not finite.

    >>> rank_hits([[0.1, 0.5], [0.4, 0.3]], ["ann", "ann"], ["ann", "bob"], rank=1).tolist()
    [1.0, 0.0]
    """
    found = _searched(distances, gallery_identities)
    if isinstance(found, Undefined):
        return found
    nearest, identities = found
    probes = np.asarray(probe_identities, dtype=str)
    if probes.shape != (len(nearest),):
        raise ValueError(f"expected one identity per probe ({len(nearest)}), got {probes.size}; match them")
    column = np.searchsorted(identities, probes).clip(max=identities.size - 1)
    mated = identities[column] == probes
    own = nearest[np.arange(probes.size), column]
    chance = _within(nearest < own[:, None], nearest == own[:, None], rank)
    return np.where(mated, chance, np.nan) if mated.any() else Undefined("no probe has a mate in the gallery")


def target_hits(
    distances: ArrayLike, gallery_identities: Sequence[str], targets: Collection[str], rank: int
) -> NDArray[np.float64] | Undefined:
    """Whether any of some target identities is among each probe's first few.

    Args:
        distances: (probes, gallery), smaller is more alike.
        gallery_identities: identity of each column.
        targets: identities.
        rank: how many identities are looked at, 1 or more.

    Returns:
        (probes,) as `rank_hits`, or why there are none (no target is in the gallery).

    Raises:
        ValueError: shapes disagree or a distance is not finite.

    >>> target_hits([[0.1, 0.5], [0.4, 0.3]], ["ann", "bob"], {"bob"}, rank=1).tolist()
    [0.0, 1.0]
    """
    found = _searched(distances, gallery_identities)
    if isinstance(found, Undefined):
        return found
    nearest, identities = found
    aimed = np.isin(identities, list(targets))
    if not aimed.any():
        return Undefined("no other image of a target is in the gallery")
    best = nearest[:, aimed].min(axis=1)[:, None]
    others = nearest[:, ~aimed]
    tied = np.hstack([others == best, np.ones_like(best, dtype=bool)])
    return _within(others < best, tied, rank)


def _searched(
    distances: ArrayLike, gallery_identities: Sequence[str]
) -> tuple[Distances, NDArray[np.str_]] | Undefined:
    table, gallery = np.asarray(distances, dtype=np.float64), np.asarray(gallery_identities, dtype=str)
    if table.ndim != 2 or table.shape[1] != gallery.size:
        raise ValueError(f"expected one column per gallery entry ({gallery.size}), got shape {table.shape}; match them")
    if not np.isfinite(table).all():
        raise ValueError("expected finite distances, got NaN or infinity; leave out what could not be compared")
    if not table.size:
        return Undefined("no probes or an empty gallery")
    return _per_identity(table, gallery)


def _within(closer: NDArray[np.bool_], tied: NDArray[np.bool_], rank: int) -> NDArray[np.float64]:
    """(probes,) chance that the rank is at most that one, ranks being uniform over the tied, the own one among them."""
    chance = (rank - closer.sum(axis=1)) / tied.sum(axis=1)
    return np.asarray(np.clip(chance, 0.0, 1.0), dtype=np.float64)


_LOST = (
    "A failed image counts as its original; one that the recogniser cannot process counts as rejected and not found."
)
_GALLERY = "It grows as the gallery shrinks: compare only within a dataset."

RANK_1 = (
    Metric(
        name="rank1_with_source",
        title="Rank-1",
        short="rank-1",
        group="privacy",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            "Share of de-identified images whose nearest original in the whole gallery is of the same identity; the "
            "image's own original is in the gallery. Ties count with their chance of a hit."
        ),
        formula="mean over probes of P(rank = 1)",
        citation=f"{PALM_PAPER}, Table II (Acc.)",
        function=identify,
        source="distances",
        scale=100.0,
        order=30,
        blocks=frozenset({"privacy"}),
        resampling="images",
        protocol=("place",),
        how=_LOST,
        caveat=f"{_GALLERY} The paper does not say whether the source is in the gallery.",
    ),
    Metric(
        name="rank1_without_source",
        title="Rank-1 (without source)",
        short="rank-1, other",
        retrieval_short="rank-1",
        group="privacy",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            "As rank-1, but each probe's own original is not in the gallery. Probes that have no other original of "
            "their identity are left out and counted."
        ),
        formula="mean over probes of P(rank = 1)",
        citation=f"{HOUSE}; for faces {DEDIM}",
        function=identify,
        source="distances",
        scale=100.0,
        order=40,
        blocks=frozenset({"privacy", "retrieval", "overview"}),
        resampling="images",
        protocol=("place",),
        how=_LOST,
        caveat=_GALLERY,
    ),
)


def _rank(name: str, order: int, **text: Any) -> Metric:
    kept: dict[str, Any] = {"better": "higher", "how": _LOST, "citation": TIP_IM, "protocol": ("queries",), **text}
    return Metric(
        name=name,
        group="privacy" if name.split("_")[1] != "originals" else "recognition",
        unit="%",
        low=0.0,
        high=100.0,
        source="distances",
        scale=100.0,
        order=order,
        **kept,
    )


def _ranks(rank: int) -> tuple[Metric, ...]:
    """The ranks of a protocol with queries and a gallery; rank-1 itself is `rank1_without_source`."""
    without = _rank(
        f"rank{rank}_without_source",
        50,
        title=f"Rank-{rank} (without source)",
        short=f"rank-{rank}",
        better="lower",
        definition=(
            f"Share of de-identified queries whose own identity is among the {rank} nearest of the gallery; the "
            "query's own original is not in it."
        ),
        formula=f"mean over probes of P(rank <= {rank})",
        function=rank_hits,
        blocks=frozenset({"retrieval"}),
        resampling="images",
        caveat=_GALLERY,
    )
    others = (
        _rank(
            f"rank{rank}_untargeted",
            110 - rank,
            title=f"Rank-{rank}-UT",
            definition=f"Share of de-identified queries whose own identity is not among the {rank} nearest.",
            formula=f"100 % - rank-{rank}",
            function=rank_hits,
            resampling="images",
            caveat="Ranks count identities; the paper counts images, which is the same with one image of each.",
        ),
        _rank(
            f"rank{rank}_targeted",
            120 - rank,
            title=f"Rank-{rank}-T",
            definition=(
                f"Share of de-identified queries that find one of the method's target identities among the {rank} "
                "nearest; the very images that were aimed at are taken out of the gallery."
            ),
            formula=f"mean over probes of P(rank of the nearest target <= {rank})",
            function=target_hits,
            resampling="images",
            how=f"{_LOST} Only where the method asks for targets and these have other images in the gallery.",
            caveat="DeDiM's gallery has no targets in it; a dataset too small to keep them apart has.",
        ),
        _rank(
            f"rank{rank}_originals",
            70 + rank,
            title=f"Rank-{rank} of originals",
            definition=(
                "Share of queries whose untouched original finds its mate in the gallery: the nearest image is of its "
                "identity."
                if rank == 1
                else "Share of queries whose untouched original finds its mate in the gallery among those of the "
                f"{rank} nearest identities."
            ),
            formula=f"mean over queries of P(rank <= {rank})",
            citation=DEDIM,
            function=rank_hits,
            blocks=frozenset({"originals"} if rank == 1 else ()),
            resampling="identities",
            how="What an unchanged image scores.",
            caveat=_GALLERY,
        ),
    )
    return others if rank == 1 else (without, *others)


RANKS = (*_ranks(1), *_ranks(5))
