"""Bootstrap replicates of a record's numbers, kept beside it so that methods can be compared in pairs later."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..statistics.uncertainty import Replicates

REPLICATES_NAME = "replicates.npz"


def encode_replicates(replicates: Mapping[tuple[str, str], Replicates]) -> bytes:
    """Bytes of `replicates.npz`.

    Args:
        replicates: by metric and recogniser ("" for none), all of the same draws.

    Returns:
        A zip of plain arrays: names (n, 2), estimates (n,), resampled (n, R), left_out (n, L), clusters (n,).
    """
    kept = list(replicates.values())
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array(list(replicates), dtype=np.str_).reshape(-1, 2),
        estimates=np.array([each.estimate for each in kept], dtype=np.float64),
        resampled=np.array([each.resampled for each in kept], dtype=np.float32),
        left_out=np.array([each.left_out for each in kept], dtype=np.float32),
        clusters=np.array([each.clusters for each in kept], dtype=np.int64),
    )
    return buffer.getvalue()


def load_replicates(folder: Path) -> dict[tuple[str, str], Replicates]:
    """Replicates beside a record; empty when there are none, or the file is damaged."""
    try:
        with np.load(folder / REPLICATES_NAME, allow_pickle=False) as found:
            columns = {name: found[name] for name in ("names", "estimates", "resampled", "left_out", "clusters")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    return {
        (str(metric), str(recognizer)): Replicates(
            float(columns["estimates"][index]),
            columns["resampled"][index].astype(np.float64),
            columns["left_out"][index].astype(np.float64),
            int(columns["clusters"][index]),
        )
        for index, (metric, recognizer) in enumerate(columns["names"])
    }
