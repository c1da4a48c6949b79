"""A method applied to single pictures: everything in them that it is for, or nothing.

A picture is done when every hand or face that was looked for and seen in it is done. Where one of them fails, or is
seen and cannot be used, or none is found, there is no picture, only a `Failure`: what is not de-identified is never
handed out as if it were.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np

from ..analyzers.base import Analysis, FaceAnalysis, FindsAll, Missing
from ..analyzers.keypoint_hands import KeypointHands
from ..analyzers.precropped import Precropped
from ..benchmark.stages.guard import Crash, guarded
from ..benchmark.storage.digest import seed_from
from ..datasets.images import ImageError, read_image
from ..datasets.types import Failure, Image, Modality
from ..deidentifiers.base import MethodInfo, Request
from ..plugins.abilities import ChoosesWeights
from ..plugins.entries import Kind, Resolved, registry
from ..plugins.specs import PluginError
from ..weights.files import all_specs, weight

T = TypeVar("T")

ANALYZERS: dict[Modality, str] = {"palm": "mediapipe_hands", "face": "mtcnn"}
"""Who finds what a picture shows, unless another one is named."""
WORDS: dict[Modality, str] = {"palm": "hand", "face": "face"}
"""What a picture of each kind shows."""
NONE_THERE = frozenset({"no hand found", "no face found"})
"""What the built-in analyzers say of a picture without hands or faces; whatever else they say, something was seen."""
_WHOLE = "the whole picture taken for the palm"
_SECONDS = 600.0
"""Limit for one call of a method or an analyzer."""
_LACKING = 3
"""Exit code of errors that say what is missing on this machine: no picture can be done."""


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
        PluginError: the method or analyzer is unknown or refuses its parameters, is not for this modality, needs
            pictures of other people, or gives one hand or face of a picture alone.
        WeightsError: weights of the method or of an analyzer cannot be had.
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
        _require_weights(resolved)

    def apply(self, image: Image, name: str) -> Done | Failure:
        """The picture with everything found in it done, or why there is none.

        Args:
            image: (H, W, 3) uint8 RGB.
            name: the picture's own; together with the seed it decides what is drawn at random.

        Raises:
            WeightsError, ToolError: something is missing on this machine, so that no picture can be done.
        """
        analyses: list[tuple[Modality, Analysis]] = []
        reasons: list[str] = []
        for modality, finder in self._finders.items():
            found = _kept(lambda finder=finder: _all(finder, image))  # type: ignore[misc]
            if isinstance(found, Crash):
                return Failure(f"the analyzer failed: {found.reason}")
            bad = [each.reason for each in found if isinstance(each, Missing)]
            good = [each for each in found if not isinstance(each, Missing)]
            if seen := bad if good else [each for each in bad if each not in NONE_THERE]:
                return Failure(f"a {WORDS[modality]} could not be used: {seen[0]}")
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
        return Done(now, {each: count for each, count in counts.items() if count}, changed, self._notes(analyses))

    def _notes(self, analyses: Sequence[tuple[Modality, Analysis]]) -> tuple[str, ...]:
        said = [_WHOLE] if any(isinstance(each, Precropped) for each in self._finders.values()) else []
        said += [each.found_by for _, each in analyses if not isinstance(each, FaceAnalysis)]
        return tuple(dict.fromkeys(note for note in said if note))

    def _one(self, image: Image, analysis: Analysis, seed: int) -> Image | Failure:
        shown = image.view()
        shown.setflags(write=False)
        results: Any = _kept(lambda: self._method.deidentify([Request(shown, analysis, seed)]), seed)
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
        PluginError, WeightsError, ToolError: see `Applier`.
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
    resolved = registry().resolve(Kind.ANALYZER, analyzer or ANALYZERS[modality])
    word = WORDS[modality]
    if resolved.info.modality != modality:
        raise PluginError(
            f"{resolved.text} finds {WORDS[resolved.info.modality]}s, and {word}s are looked for, too; "
            f"say --modality {resolved.info.modality}"
        )
    finder = resolved.create()
    if not _gives_all(finder):
        raise PluginError(
            f"{resolved.text} gives one {word} of a picture alone, and every {word} has to be done; take "
            f"{ANALYZERS[modality]}, or an analyzer that has analyze_all(image)"
        )
    _require_weights(resolved)
    return finder


def _gives_all(finder: Any) -> bool:
    """Whether an analyzer gives everything that a picture shows; a picture that is a palm shows nothing else."""
    if isinstance(finder, KeypointHands):
        return type(finder).find_all is not KeypointHands.find_all
    return isinstance(finder, Precropped | FindsAll)


def _all(finder: Any, image: Image) -> list[Analysis | Missing]:
    return list(finder.analyze_all(image) if isinstance(finder, FindsAll) else finder.analyze([image]))


def _require_weights(resolved: Resolved) -> None:
    """Fetch and verify what a plug-in will read, before the first picture.

    Raises:
        WeightsError: it cannot be had.
    """
    cls, known = resolved.cls, {each.name for each in all_specs()}
    always: Sequence[str] = getattr(resolved.info, "weights", ())
    with resolved.at_work():
        names = list(cls.weight_hashes(resolved.params) if isinstance(cls, ChoosesWeights) else always)
    for name in names:
        if name in known:
            weight(name)


def _kept(call: Callable[[], T], seed: int = 0) -> T | Crash:
    """The call's result, or why there is none; what is missing on this machine is raised as it is."""
    lacking: list[Exception] = []

    def called() -> T:
        try:
            return call()
        except Exception as error:
            if getattr(error, "exit_code", None) == _LACKING:
                lacking.append(error)
            raise

    found = guarded(called, _SECONDS, seed=seed)
    if lacking and isinstance(found, Crash):
        raise lacking[0]
    return found
