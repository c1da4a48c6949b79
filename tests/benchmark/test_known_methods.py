"""Methods whose privacy is known, under the attackers of the basic suite: one falls to who learns, one to nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.benchmark.planning import cells
from deid_bench.benchmark.planning.auxiliary import AuxiliaryPeople
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.records.attacks import AttackRow
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.records.value import Value
from deid_bench.benchmark.run import Execution, run
from deid_bench.datasets.images import write_png
from deid_bench.recognizers.base import RecognizerInfo

PEOPLE, IMAGES, LEARNED = 8, 3, 12
GROUPS = 2


class Brightness:
    """Compares pixels of the palm as they are, so that it sees which colour a picture was given."""

    info = RecognizerInfo("brightness", "1", "palm", "Compares pixels", "CC0-1.0", "")

    def align(self, image: NDArray[Any], analysis: Any) -> NDArray[Any]:
        """A rectangle that lies in the palm's polygon, as the toy analyzer has it."""
        x0, y0, x1, y1 = analysis.box.astype(int)
        rows = y0 + np.linspace(0.05, 0.7, 20) * (y1 - y0)
        columns = x0 + np.linspace(0.05, 0.6, 20) * (x1 - x0)
        return np.ascontiguousarray(image[rows.astype(int)][:, columns.astype(int)])

    def embed(self, crops: Any) -> NDArray[Any]:
        return np.stack([crop.mean(axis=2).ravel() for crop in crops]).astype(np.float64) / 255

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.abs(a[:, None] - b[None]).mean(axis=2), np.float32)


class Texture(Brightness):
    """Correlates them."""

    info = RecognizerInfo("texture", "1", "palm", "Correlates pixels", "CC0-1.0", "")

    def embed(self, crops: Any) -> NDArray[Any]:
        vectors = super().embed(crops)
        vectors -= vectors.mean(axis=1, keepdims=True)
        return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9))

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(((1 - a @ b.T) / 2).clip(0, 1), np.float32)


def draw(folder: Path, people: int) -> None:
    """Pictures in place of those that `toy-hands` draws: squares from dark to bright, each with its own texture."""
    folder.mkdir(parents=True)
    order = np.random.default_rng(8).permutation(people)
    for person in range(people):
        texture = np.random.default_rng([5, people, person]).integers(-28, 29, (16, 16))
        level = 70 + 150 * order[person] / (people - 1)
        for number in range(IMAGES):
            noise = np.random.default_rng([6, people, person, number]).normal(0, 8, (64, 64))
            image = np.zeros((112, 96, 3), np.uint8)
            square = np.clip(level + np.kron(texture, np.ones((4, 4))) + noise, 35, 255)
            image[24:88, 16:80] = square.astype(np.uint8)[..., None]
            (folder / f"{person:02d}_{number}.png").write_bytes(write_png(image))


@pytest.fixture
def attacked(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RunRecord]:
    """A run of a method on people of all brightnesses, before attackers who learned on others."""
    for name, people in (("hands", PEOPLE), ("strangers", PEOPLE + LEARNED)):
        draw(tmp_path / name, people)

    def learned_on(*_: Any) -> AuxiliaryPeople:
        spec = f"toy-hands:folder={tmp_path / 'strangers'},identities={PEOPLE + LEARNED},samples={IMAGES}"
        # The first ones bear the names of those who are evaluated.
        return AuxiliaryPeople(tuple(load_dataset(spec, 0, 1, None).samples[PEOPLE * IMAGES :]), "toy people")

    monkeypatch.setattr(cells, "rendered_people", learned_on)

    def record(method: str, recognizer: type) -> RunRecord:
        dataset, names = f"identities={PEOPLE},samples={IMAGES}", (f"{__file__}:{recognizer.__name__}",)
        options = toy_options(method, dataset=dataset, attacks="basic", recognizers=names)
        (outcome,) = run(options, Execution(out=tmp_path / "out", backend="serial"))
        return outcome.record

    return record


def row_of(record: RunRecord, attack: str) -> AttackRow:
    return present(present(record.attacks).row(attack, record.recognizers[0].spec))


def rank1(row: AttackRow) -> Value:
    return present(row.value("rank1_without_source"))


@pytest.mark.slow
def test_groups_hold_one_in_k_against_every_attack(attacked: Callable[..., RunRecord]) -> None:
    record = attacked(f"k_same:groups={GROUPS}", Brightness)
    bound = 100 * GROUPS / PEOPLE
    rows = [each for each in present(record.attacks).rows if each.status != "not run"]
    assert {each.attack for each in rows} >= {"A0", "A1", "A2a", "A4"}
    for row in rows:
        assert present(rank1(row).interval).low <= bound, row
        if len(row.slots) == 1:  # one attacker for everybody: he can name one person of each group at most
            assert present(rank1(row).value) <= bound + 1e-9, row
    # It is no method that gives nothing away: the group can be seen, and the bound is reached.
    assert max(present(rank1(row_of(record, each)).value) for each in ("A0", "A1")) > 0.75 * bound
    worst = present(record.value("rank1_worst", record.recognizers[0].spec))
    assert present(worst.interval).low <= bound


@pytest.mark.slow
def test_a_permutation_hides_from_who_does_nothing_and_falls_to_who_learns(
    attacked: Callable[..., RunRecord],
) -> None:
    record = attacked("pixel_permutation", Texture)
    ignorant, learner = rank1(row_of(record, "A0")), row_of(record, "A2a")
    assert present(ignorant.interval).low <= 100 / PEOPLE
    assert present(ignorant.value) < 40
    assert learner.status == "counts", learner.reason
    assert all("lda" in each for each in learner.slots)
    # On unchanged images the plain recogniser finds at least so many.
    (originals,) = (each for each in learner.controls if each.name == "identity")
    assert originals.low > 60
    assert present(rank1(learner).value) >= originals.low
    worst = present(record.value("rank1_worst", record.recognizers[0].spec))
    assert present(worst.value) >= originals.low
    assert present(worst.interval).low > present(ignorant.interval).high
