"""Licences of tools made by others that a user has to accept once before the tool runs (floor 0).

Only tools whose terms bind the user more than a notice would (non-commercial, share the source) stand here. An answer
is kept as a small file in the cache folder; it holds the digest of the terms, so that other terms are asked for anew.

Environment:
    DEID_BENCH_ACCEPT_LICENCES: names separated by commas, accepted for this process only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .files import write_atomically
from .weights.files import cache_dir

VARIABLE = "DEID_BENCH_ACCEPT_LICENCES"


class LicenceError(RuntimeError):
    """Terms are not accepted, or the answer cannot be kept; the message says what to run."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms of one tool."""

    name: str
    """Of the tool, as it is typed."""
    title: str
    """What it is about, one line without a full stop."""
    summary: str
    """The part that binds most, for error messages; a few words."""
    terms: tuple[str, ...]
    """One entry for every part with a licence of its own."""

    @property
    def sha256(self) -> str:
        """Digest of the terms as shown."""
        return hashlib.sha256("\n".join((self.title, *self.terms)).encode()).hexdigest()


_WILOR = Licence(
    name="wilor",
    title="WiLoR (hand reconstruction) by way of WiLoR-mini, with the MANO hand model and a YOLO detector",
    summary="non-commercial use only; the detector's code is AGPL-3.0",
    terms=(
        "WiLoR, code and weights: CC BY-NC-ND 4.0. No commercial use, no sharing of altered versions, name the authors "
        "(Potamias et al., CVPR 2025). https://github.com/rolpotamias/WiLoR",
        "MANO hand model: its own licence, non-commercial scientific research only. Its owners ask every user to "
        "register and agree at https://mano.is.tue.mpg.de",
        "Ultralytics YOLO: AGPL-3.0. Who offers software with it to others, over a network too, publishes that "
        "software's source under the AGPL or buys another licence. https://www.ultralytics.com/license",
        "WiLoR-mini, the package that joins them: published without a licence of its own. "
        "https://github.com/warmshao/WiLoR-mini",
    ),
)

_DLIB68 = Licence(
    name="dlib68",
    title="dlib's predictor of 68 face landmarks (shape_predictor_68_face_landmarks.dat)",
    summary="its training data (iBUG 300-W) excludes commercial use",
    terms=(
        "The file itself is distributed under CC0-1.0, dlib under the Boost licence.",
        "It was trained on the iBUG 300-W data set, whose licence excludes commercial use. For use in a commercial "
        "product dlib's author sends you to Imperial College London, the data set's owner. "
        "https://github.com/davisking/dlib-models",
        "landmarks=mesh (Apache-2.0) gives the same 68 points without these terms, those of the jaw approximately.",
    ),
)

LICENCES: Mapping[str, Licence] = {each.name: each for each in (_WILOR, _DLIB68)}
"""By name."""


def licence(name: str) -> Licence:
    """The terms of a tool.

    Raises:
        LicenceError: there are none under this name.
    """
    try:
        return LICENCES[name]
    except KeyError:
        raise LicenceError(
            f"There is no licence to accept for {name!r}. Known: {', '.join(sorted(LICENCES))}."
        ) from None


def answer_file(name: str) -> Path:
    """Where the answer for a tool is kept (not created here)."""
    return cache_dir().parent / "licences" / f"{licence(name).name}.json"


def accepted(name: str) -> bool:
    """True when the terms as they stand now were accepted: on this machine before, or for this process."""
    wanted = licence(name)
    if wanted.name in {each.strip() for each in os.environ.get(VARIABLE, "").split(",")}:
        return True
    try:
        answer = json.loads(answer_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(answer, dict) and answer.get("sha256") == wanted.sha256


def accept(name: str) -> Path:
    """Remember that the user accepted the terms; returns the file that says so.

    Raises:
        LicenceError: unknown name, or the cache folder cannot be written.
    """
    wanted, target = licence(name), answer_file(name)
    answer = {"name": wanted.name, "sha256": wanted.sha256, "accepted": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        write_atomically(target, json.dumps({**answer, "terms": wanted.terms}, indent=1).encode())
    except OSError as error:
        raise LicenceError(
            f"Cannot write {target}: {error}. Set DEID_BENCH_CACHE to another folder, or {VARIABLE}={name}."
        ) from error
    return target


def require(name: str) -> None:
    """Do nothing when the terms are accepted.

    Raises:
        LicenceError: they are not; the message says what to run.
    """
    if accepted(name):
        return
    raise LicenceError(
        f"{name} has terms that you have to accept once: {licence(name).summary}. "
        f"Read and accept them: deid-bench licence accept {name} (in scripts: {VARIABLE}={name})"
    )
