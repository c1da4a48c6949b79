"""Made-up records of realistic shape: as many rows and columns as wanted, in milliseconds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from written import save_record

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.records import record as records
from deid_bench.benchmark.records.previews import cases, preview_name
from deid_bench.benchmark.records.record import RunRecord, Value
from deid_bench.benchmark.records.replicates import REPLICATES_NAME, encode_replicates
from deid_bench.benchmark.results.cell import Distances
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, PairDistances, write
from deid_bench.benchmark.results.scores_file import SCORES_NAME, encode_scores
from deid_bench.benchmark.statistics.uncertainty import Replicates
from deid_bench.benchmark.storage.digest import digest
from deid_bench.reports.leaderboard.table import TIME

RECOGNIZERS = ("mtcc", "compcode")
IDENTITIES = 24
FACES = ("rank5_", "rank1_untargeted", "rank1_targeted", "rank1_originals", "fnmr_deidentified_")
LEFT_OUT = (
    *(name for name in METRICS if name.startswith(FACES) or "landmarks" in name),
    TIME,
    "d_sys_null",
)
"""What palms have not, what stands with the machine, and one more, so that there are sixty columns."""
SHARES = ("rr", "rr_cross", "rank1_with_source", "rank1_without_source", "survival", "failure_rate")
"""Of 96 images."""
CLASSICAL = {
    "masking": "color",
    "blurring": "sigma",
    "pixelation": "cells",
}

TIMING = """async () => {
  const section = [...document.querySelectorAll("section.tab")].find((each) => !each.hidden);
  const best = (act) => {
    const times = [];
    for (let turn = 0; turn < 4; turn++) {
      const start = performance.now();
      act(turn);
      section.getBoundingClientRect(); // the layout counts
      document.body.offsetHeight;
      times.push(performance.now() - start);
    }
    return Math.min(...times);
  };
  const type = (text) => {
    const field = section.querySelector("input[name=q]");
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const head = (place) => section.querySelectorAll("tr.columns button")[place];
  const set = (name) => section.querySelector(`input[value=${name}]`).click();
  const words = ["swap", "diff", "1", ""];
  const found = { sort: best((turn) => head(4 + turn).click()), filter: best((turn) => type(words[turn])) };
  set("all");
  document.body.offsetHeight;
  found["sort, all columns"] = best((turn) => head(4 + turn).click());
  found["filter, all columns"] = best((turn) => type(words[turn]));
  return found;
}"""
"""Script that sorts and filters a board; milliseconds with layout, the best of four."""


def made_up(count: int, protocol: str = "palm/1.0", dataset: str = "palm-mini", root_seed: int = 0) -> list[RunRecord]:
    """Rows of one table: two sanity rows, sweeps of three classical methods, then others."""
    return [_record(index, protocol, dataset, root_seed) for index in range(count)]


def write_results(
    folder: Path, rows: list[RunRecord], replicates: bool = False, distances: bool = False, previews: int = 0
) -> list[Path]:
    """Put records, and what stands beside them, where a run would."""
    folders = []
    for row in rows:
        place = folder / f"{row.method.name}__{row.digest[:10]}"
        rng = np.random.default_rng(int(row.digest[:8], 16))
        save_record(row, place)
        if replicates:
            (place / REPLICATES_NAME).write_bytes(encode_replicates(_replicates(row, rng)))
        if distances:
            (place / DISTANCES_NAME).write_bytes(_distances(row, rng))
            (place / SCORES_NAME).write_bytes(_scores(rng))
        chosen = set(cases(row).values())
        for index in range(previews):
            _preview(place / "previews" / preview_name(index), rng)
            if index in chosen:
                _preview(place / "previews" / preview_name(index, "closeup"), rng)
                _preview(place / "previews" / preview_name(index, "large"), rng)
        folders.append(place)
    return folders


def _method(index: int) -> tuple[str, str, dict[str, float | str]]:
    """Name, family and parameters."""
    if index < 2:
        return ("identity", "other")[index], "sanity", {}
    if index < 14:
        name = list(CLASSICAL)[(index - 2) % 3]
        return name, "classical", {CLASSICAL[name]: round(0.02 * (1 + (index - 2) // 3), 3), "region": "palm"}
    return (
        f"{('palm-diffusion', 'adversarial-patch', 'swap')[index % 3]}-{index}",
        ("diffusion", "adversarial", "swap")[index % 3],
        {"steps": 20 + index},
    )


def _record(index: int, protocol: str, dataset: str, root_seed: int) -> RunRecord:
    name, family, params = _method(index)
    rules = get_protocol(protocol)
    spec = name + (":" + ",".join(f"{key}={value}" for key, value in params.items()) if params else "")
    rng = np.random.default_rng([index, root_seed])
    shared: dict[str, Any] = {
        "version": "1",
        "origin": "deid-bench 0.1.0",
        "source_sha256": "3f" * 32,
        "licence": "Apache-2.0",
    }
    strength = 0.0 if index == 0 else 1.0 if index == 1 else float(rng.beta(1.5, 1.2))
    return RunRecord(
        digest=digest([spec, protocol, dataset, root_seed]),
        toolkit="0.1.0",
        protocol=records.ProtocolRef(id=rules.id, digest=rules.digest, title=rules.title, summary=rules.summary),
        dataset=records.Dataset(
            spec=dataset,
            name=dataset,
            params={},
            description="24 rendered palms x 4 images.",
            citation="",
            digest=digest(dataset),
            samples=96,
            identities=IDENTITIES,
            subjects=12,
            rendered=True,
            redistributable=True,
            limited=False,
            **shared,
        ),
        method=records.Method(
            spec=spec,
            name=name,
            params={**params},
            description=f"Made-up method no. {index}",
            weights={f"{name}-unet": "ab" * 32} if index > 13 else {},
            citation=f"Author {index} et al., A method that hides palms & more, 2025",
            family=family,
            knowledge="black box" if index % 4 else "surrogate=ccnet",
            stochastic=index > 13,
            **shared,
        ),
        analyzer=records.Plugin(
            spec="mediapipe_hands",
            name="mediapipe_hands",
            params={},
            description="hand landmarks",
            citation="Zhang et al., 2020",
            **shared,
        ),
        recognizers=[
            records.Plugin(spec=each, name=each, params={}, description="palm codes", citation="", **shared)
            for each in RECOGNIZERS
        ],
        repetitions=1,
        root_seed=root_seed,
        quality="full",
        counts=records.Counts(
            planned=96,
            done=96 - index % 5,
            failed=index % 5,
            skipped=0,
            reasons={"method: no palm was found": index % 5} if index % 5 else {},
        ),
        values=_values(rng, strength),
        curves=[_curve(each) for each in RECOGNIZERS],
        samples=_samples(rng, strength),
        host=records.Host(
            created="2026-11-22T06:49:10+00:00",
            backend="process",
            jobs=2,
            machine={"processor": "AMD EPYC", "system": "Linux"},
            packages={"numpy": "2.4.6", "torch": "2.13"},
            seconds={"deidentify": float(rng.gamma(2, 0.2))},
            wall_seconds=100.0,
            peak_memory_mb=900.0,
        ),
    )


def _values(rng: np.random.Generator, strength: float) -> list[Value]:
    found = []
    for name, metric in METRICS.items():
        if name in LEFT_OUT:
            continue
        part = metric.column_set
        for recognizer in RECOGNIZERS if metric.group in ("privacy", "recognition") and "roi" not in name else (None,):
            low, high = metric.low or 0.0, metric.high if metric.high is not None else 40.0
            good = metric.better != "lower"
            share = strength if metric.group == "privacy" else 1 - strength
            share = (
                0.97
                if metric.group == "recognition"
                else min(max(share * 0.85 + 0.1 * float(rng.normal()) + 0.07, 0), 1)
            )
            value = low + (high - low) * (share if good else 1 - share)
            if name in SHARES:
                value = 100 * round(value * 0.96) / 96
            half = 0.02 * (high - low) * (0.5 + float(rng.random()))
            within = records.Interval(
                low=max(value - half, low), high=min(value + half, high), level=0.95, method="bootstrap-t-bca"
            )
            spread = half * 2 if part in ("quality", "usability") else None
            found.append(Value(metric=name, recognizer=recognizer, value=value, std=spread, interval=within, n=96))
    return found


def _curve(recognizer: str) -> records.Curve:
    x = np.geomspace(0.001, 0.6, 120)
    return records.Curve(name="det", recognizer=recognizer, x=x.tolist(), y=np.clip(0.004 / x, 0, 1).tolist())


def _samples(rng: np.random.Generator, strength: float) -> list[records.SampleRow]:
    return [
        records.SampleRow(
            sample_id=f"s{index:04d}-left",
            repetition=0,
            status="done",
            survived=bool(index % 7),
            measures={"ssim": float(rng.random())},
            distances={each: float(rng.normal(0.2 + 0.25 * strength, 0.05)) for each in RECOGNIZERS},
        )
        for index in range(12)
    ]


def _replicates(row: RunRecord, rng: np.random.Generator) -> dict[tuple[str, str], Replicates]:
    found = {}
    for value in row.values:
        if value.value is None or value.interval is None:
            continue
        half = (value.interval.high - value.interval.low) / 4
        resampled, left_out = rng.normal(value.value, half, 1000), rng.normal(value.value, half / 5, IDENTITIES)
        scale = METRICS[value.metric].scale
        found[value.metric, value.recognizer or ""] = Replicates(
            value.value / scale, resampled / scale, left_out / scale, IDENTITIES
        )
    return found


def _distances(row: RunRecord, rng: np.random.Generator) -> bytes:
    identities = [f"p{index // 4:02d}" for index in range(4 * IDENTITIES)]
    count = len(identities)
    same = np.array(identities)[:, None] == np.array(identities)[None, :]
    found = {}
    for name in RECOGNIZERS:
        originals = np.where(same, rng.normal(0.24, 0.03, same.shape), rng.normal(0.46, 0.015, same.shape))
        hidden = np.where(same, rng.normal(0.38, 0.04, same.shape), rng.normal(0.465, 0.015, same.shape))
        found[name] = Distances(originals.astype(np.float32), hidden.astype(np.float32), hidden.astype(np.float32), {})
    numbers = np.arange(count, dtype=np.int32)
    pairs = PairDistances(
        tuple(f"s{index:04d}" for index in range(count)),
        tuple(identities),
        tuple(each[:2] for each in identities),
        numbers,
        numbers,
        np.zeros(count, dtype=np.int32),
        numbers,
        found,
    )
    data, _ = write(pairs)
    assert data is not None
    return data


def _scores(rng: np.random.Generator) -> bytes:
    centres = {"genuine": 0.24, "impostor": 0.46, "own": 0.38, "cross": 0.4}
    kinds = {
        f"{kind}_{index}": rng.normal(centre, 0.03, 300)
        for index in range(len(RECOGNIZERS))
        for kind, centre in centres.items()
    }
    return encode_scores(kinds)


def _preview(path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(40, 200, 160)[None, :] * np.ones((220, 1))
    first = np.stack([ramp, ramp * 0.8, ramp * 0.7], axis=2) + rng.normal(0, 12, (220, 160, 1))
    second = first.copy()
    second[60:160, 40:120] = second[60:160, 40:120].mean(axis=(0, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.concatenate([first, second], axis=1), 0, 255).astype(np.uint8)).save(
        buffer, format="JPEG"
    )
    path.write_bytes(buffer.getvalue())
