"""A method applied to single pictures: everything in them that it is for, or nothing.

A picture is done when every hand or face that was looked for and found in it is done. Where one of them fails, or none
is found, there is no picture, only a `Failure`: what is not de-identified is never handed out as if it were.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..analyzers.base import Analysis, FaceAnalysis, Missing
from ..benchmark.stages.guard import Crash, guarded
from ..benchmark.storage.digest import seed_from
from ..datasets.images import ImageError, read_image
from ..datasets.types import Failure, Image, Modality
from ..deidentifiers.base import MethodInfo, Request
from ..plugins.entries import Kind, registry
from ..plugins.specs import PluginError

ANALYZERS: dict[Modality, str] = {"palm": "mediapipe_hands", "face": "mtcnn"}
"""Who finds what a picture shows, unless another one is named."""
WORDS: dict[Modality, str] = {"palm": "hand", "face": "face"}
"""What a picture of each kind shows."""
_SECONDS = 600.0
"""Limit for one call of a method or an analyzer."""


@dataclass(frozen=True, slots=True)
class Done:
    """One picture after a method."""

    image: Image
    found: dict[Modality, int]
    """How many of each were found, and done."""
    changed: float
    """Share of the pixels that are not what they were, 0..1."""
    notes: tuple[str, ...]
    """How what was found was found, where that was not at once."""


class Applier:
    """A method with the analyzers that it needs, for any number of pictures.

    Args:
        method: specification as on the command line, `blurring:sigma=0.1`.
        modality: `palm` or `face`; None: everything that the method is for.
        analyzer: specification of another analyzer than the built-in one, for its modality.
        seed: that all others come from; None draws a secret one, so that nobody can repeat what was done.

    Raises:
        PluginError: the method or analyzer is unknown or refuses its parameters, is not for this modality, or needs
            pictures of other people.
    """

    def __init__(
        self, method: str, modality: Modality | None = None, analyzer: str = "", seed: int | None = None
    ) -> None:
        resolved = registry().resolve(Kind.DEIDENTIFIER, method)
        info: MethodInfo = resolved.info
        if info.needs:
            raise PluginError(
                f"{resolved.text} needs pictures of other people ({', '.join(info.needs)}), which only a dataset has; "
                "take another method, or deid-bench run"
            )
        if modality is not None and modality not in get_args(Modality):
            raise PluginError(f"expected the modality palm or face, got {modality!r}")
        if modality is not None and modality not in info.modality:
            raise PluginError(f"{resolved.text} is for {' and '.join(info.modality)}, not for {modality}")
        self.text: str = resolved.text
        self.modalities: tuple[Modality, ...] = info.modality if modality is None else (modality,)
        self.seed = secrets.randbits(63) if seed is None else seed
        self._digest = resolved.source
        self._finders = {each: _finder(each, analyzer) for each in self.modalities}
        self._method = resolved.create()

    def apply(self, image: Image, name: str) -> Done | Failure:
        """The picture with everything found in it done, or why there is none.

        Args:
            image: (H, W, 3) uint8 RGB.
            name: the picture's own; together with the seed it decides what is drawn at random.
        """
        analyses: list[tuple[Modality, Analysis]] = []
        reasons: list[str] = []
        for modality, finder in self._finders.items():
            found = guarded(lambda finder=finder: _all(finder, image), _SECONDS)  # type: ignore[misc]
            if isinstance(found, Crash):
                return Failure(f"the analyzer failed: {found.reason}")
            bad = [each.reason for each in found if isinstance(each, Missing)]
            good = [each for each in found if not isinstance(each, Missing)]
            if good and bad:
                return Failure(f"a {WORDS[modality]} could not be used: {bad[0]}")
            reasons += bad
            analyses += [(modality, each) for each in good]
        if not analyses:
            return Failure("; ".join(dict.fromkeys(reasons)) or "nothing found")
        now = image.copy()
        for number, (modality, analysis) in enumerate(analyses):
            made = self._one(now, analysis, seed_from(self.seed, self._digest, name, number))
            if isinstance(made, Failure):
                return Failure(f"{WORDS[modality]} {number + 1} of {len(analyses)}: {made.reason}")
            now = made
        counts = {each: sum(modality == each for modality, _ in analyses) for each in self.modalities}
        changed = float((now != image).any(axis=2).mean())
        return Done(now, {each: count for each, count in counts.items() if count}, changed, _notes(analyses))

    def _one(self, image: Image, analysis: Analysis, seed: int) -> Image | Failure:
        shown = image.view()
        shown.setflags(write=False)
        results: Any = guarded(lambda: self._method.deidentify([Request(shown, analysis, seed)]), _SECONDS, seed=seed)
        if isinstance(results, Crash):
            return Failure(f"the method failed: {results.reason}")
        if not isinstance(results, list | tuple) or len(results) != 1:
            return Failure("the method did not give one result for one picture")
        (result,) = results
        if isinstance(result, Failure):
            return result
        if not isinstance(result, np.ndarray) or result.shape != image.shape or result.dtype != np.uint8:
            return Failure("the method gave something else than a picture of the same size")
        return result


def deidentify(
    images: Sequence[Image | str | Path],
    method: str,
    *,
    modality: Modality | None = None,
    analyzer: str = "",
    seed: int | None = None,
) -> list[Image | Failure]:
    """Apply a method to pictures: everything that it is for and that is found in them.

        from deid_bench import deidentify
        made = deidentify(["hand.jpg"], "palm_diffusion")

    Args:
        images: (H, W, 3) uint8 RGB arrays, or files.
        method: specification, as on the command line.
        modality: `palm` or `face`; None: everything that the method is for.
        analyzer: specification of another analyzer than the built-in one.
        seed: that all others come from; None draws a secret one.

    Returns:
        One per image, in order: an array of the same shape, upright, or a `Failure` with the reason. An image in which
        nothing is found is a failure.

    Raises:
        PluginError: see `Applier`.
    """
    applier = Applier(method, modality, analyzer, seed)
    made: list[Image | Failure] = []
    for number, each in enumerate(images):
        name = str(number)
        if isinstance(each, str | Path):
            name = Path(each).name
            try:
                each = read_image(each)
            except ImageError as error:
                made.append(Failure(str(error)))
                continue
        elif not isinstance(each, np.ndarray) or each.ndim != 3 or each.shape[2] != 3 or each.dtype != np.uint8:
            made.append(Failure("expected an (H, W, 3) uint8 RGB array or a file"))
            continue
        done = applier.apply(each, name)
        made.append(done if isinstance(done, Failure) else done.image)
    return made


def _finder(modality: Modality, analyzer: str) -> Any:
    if not analyzer:
        return registry().resolve(Kind.ANALYZER, ANALYZERS[modality]).create()
    resolved = registry().resolve(Kind.ANALYZER, analyzer)
    if resolved.info.modality != modality:
        raise PluginError(
            f"{resolved.text} finds {WORDS[resolved.info.modality]}s, and {WORDS[modality]}s are looked for, too; "
            f"say --modality {resolved.info.modality}"
        )
    return resolved.create()


def _all(finder: Any, image: Image) -> list[Analysis | Missing]:
    """Everything that the analyzer finds; one thing where it knows no more."""
    every = getattr(finder, "analyze_all", None)
    return list(finder.analyze([image]) if every is None else every(image))


def _notes(analyses: Sequence[tuple[Modality, Analysis]]) -> tuple[str, ...]:
    said = [each.found_by for _, each in analyses if not isinstance(each, FaceAnalysis)]
    return tuple(dict.fromkeys(note for note in said if note))
