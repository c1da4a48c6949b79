"""The part of `distances.npz` that holds what attacks are scored from; absent where none was asked for.

    attack_parrots            (p,)     int32, usable sample that each image of the gallery after the method comes from
    attack_controls           (c,)     int32, usable sample that each probe of the controls stands for
    attack_learned            (2,)     int32, auxiliary people and their images
    attack_reasons            (k,)     text, `attack` or `attack/recogniser`, a tab, why it or a part did not run
    attack_variants           (t,)     text, number of the recogniser, attack, gallery, pooling and slots, parted by tabs
    attack_distances_N        (v, g)   float32, planned images x gallery of variant N: usable samples, or parrots
    attack_identity_N         (c, g)   float32, unchanged originals; columns are usable samples whatever the gallery
    attack_stranger_N         (c, g)   float32, images of people who are nobody's
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..storage.strict_zip import Refused
from ..suites import CONTROLS, IDENTITY
from .attacks import AttackResults, VariantDistances, VariantName

MAX_VARIANTS = 900

Take = Callable[[str, str, int], NDArray[Any]]
"""Takes an array out of the file: name, kind of its numbers, axes."""
Texts = Callable[[str], tuple[str, ...]]


def attack_matrices(found: AttackResults) -> dict[str, NDArray[np.float32]]:
    """Distances by name in the file."""
    listed = [each for variants in found.variants.values() for each in variants]
    matrices = {f"attack_distances_{index}": each.distances for index, each in enumerate(listed)}
    for index, each in enumerate(listed):
        matrices |= {f"attack_{name}_{index}": each.controls[name] for name in CONTROLS if name in each.controls}
    return matrices


def attack_texts(found: AttackResults) -> dict[str, tuple[str, ...]]:
    """Texts by name in the file."""
    variants = [
        "\t".join((str(index), each.name.attack, each.name.gallery, each.name.pooling, each.name.slots))
        for index, variants in enumerate(found.variants.values())
        for each in variants
    ]
    reasons = [f"{name}\t{why}" for name, why in sorted(found.reasons.items())]
    return {"attack_reasons": tuple(reasons), "attack_variants": tuple(variants)}


def attack_indexes(found: AttackResults) -> dict[str, Sequence[int]]:
    """Whole numbers by name in the file."""
    return {
        "attack_parrots": found.parrots,
        "attack_controls": found.controls,
        "attack_learned": (found.people, found.images),
    }


def read_attacks(
    names: frozenset[str], recognizers: Sequence[str], usable: int, versions: int, take: Take, texts: Texts
) -> AttackResults | None:
    """The attacks of a file, a stranger's too; None where it has none.

    Args:
        names: of the arrays in the file.
        recognizers: specifications.
        usable: how many samples are usable.
        versions: how many images were planned.
        take: takes an array out of the file.
        texts: takes texts out of the file.

    Raises:
        Refused: it contradicts itself.
    """
    if "attack_variants" not in names:
        return None
    parrots, controls = (_places(take(f"attack_{name}", "i", 1), usable) for name in ("parrots", "controls"))
    learned = take("attack_learned", "i", 1)
    reasons = dict(_parts(text, 2) for text in texts("attack_reasons"))
    told = [_parts(text, 5) for text in texts("attack_variants")]
    if len(learned) != 2 or len(told) > MAX_VARIANTS:
        raise Refused("attacks: expected two numbers of people and images, and at most " f"{MAX_VARIANTS} variants")
    found: dict[str, list[VariantDistances]] = {name: [] for name in recognizers}
    for index, (number, attack, gallery, pooling, slots) in enumerate(told):
        if not number.isdigit() or int(number) >= len(recognizers) or gallery not in ("originals", "parrot"):
            raise Refused(f"attacks: variant {index} is of no recogniser or gallery of this file")
        columns = len(parrots) if gallery == "parrot" else usable
        own = {name: f"attack_{name}_{index}" for name in CONTROLS if f"attack_{name}_{index}" in names}
        distances = _sized(take(f"attack_distances_{index}", "f", 2), versions, columns)
        matrices = {
            name: _sized(take(key, "f", 2), len(controls), usable if name == IDENTITY else columns)
            for name, key in own.items()
        }
        name = VariantName(attack, slots, gallery, pooling)
        found[recognizers[int(number)]].append(VariantDistances(name, distances, matrices))
    return AttackResults(parrots, controls, found, reasons, int(learned[0]), int(learned[1]))


def _parts(text: str, count: int) -> list[str]:
    parts = text.split("\t")
    if len(parts) != count:
        raise Refused(f"attacks: expected {count} parts, got {text[:60]!r}")
    return parts


def _places(numbers: NDArray[Any], usable: int) -> list[int]:
    found = [int(each) for each in numbers]
    if any(not 0 <= each < usable for each in found):
        raise Refused("attacks: an image is made from no usable sample")
    return found


def _sized(matrix: NDArray[Any], rows: int, columns: int) -> NDArray[np.float32]:
    if matrix.shape != (rows, columns) or np.isinf(matrix).any():
        raise Refused(f"attacks: expected finite distances of shape {(rows, columns)}, got {matrix.shape}")
    return np.asarray(matrix, np.float32)

