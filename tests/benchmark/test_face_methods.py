"""DeDiM and TIP-IM on real faces with real networks, small: the shape of Table 1 of the DeDiM paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run

WHITE_BOX, BLACK_BOX = "mobilefacenet", "dlib_resnet"


def value(record: RunRecord, metric: str, recognizer: str | None) -> float:
    found = record.value(metric, recognizer)
    assert found is not None
    assert found.value is not None, found.reason
    return found.value


@pytest.mark.slow
def test_both_hide_from_the_surrogate_and_noise_hides_less_from_others(tmp_path: Path) -> None:
    # Fewer steps and loops than the defaults, which take minutes; the whole of ORL is in docs/validation.md.
    options = RunOptions(
        methods=("tip_im:steps=20", "dedim:loops=2"),
        datasets=("orl",),
        protocol="face/1.0",
        limit=12,
    )
    noise, sampled = (each.record for each in run(options, Execution(out=tmp_path, backend="serial")))
    assert noise.counts.failed == sampled.counts.failed == 0
    for record in (noise, sampled):
        assert record.method.surrogate == WHITE_BOX
        assert value(record, "rank1_originals", WHITE_BOX) == value(record, "rank1_originals", BLACK_BOX) == 100
        assert value(record, "rank1_without_source", WHITE_BOX) <= 20
        assert value(record, "survival", None) >= 80
        assert 25 < value(record, "psnr", None) < 40
    # Noise made for one network tells another one less: on all of ORL rank-1 is 14 % and rank-5 52 %, white box 0 %.
    assert value(noise, "rank1_without_source", BLACK_BOX) >= value(noise, "rank1_without_source", WHITE_BOX)
    assert value(noise, "rank5_without_source", BLACK_BOX) >= value(noise, "rank5_without_source", WHITE_BOX) + 20
