"""What `deid-bench verify` found out about a record, kept beside it as `verification.json`.

A stamp holds for one `run.json`, byte for byte. It is written on the machine where the submission was verified and is
never taken from a submission. Without a signature it is worth as much as the folder it lies in, since whoever can write
there can write a stamp. Signed by the key of who verified, it can travel: it counts for whoever trusts that key, and
for nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ...files import sha256_of
from ..storage.store import save_file
from .signature import LONGEST as LONGEST_SIGNATURE
from .signature import Signer, sign, signer_of

STAMP_NAME = "verification.json"
STAMP_SIGNATURE_NAME = "verification.json.sig"
"""By SSH key, as `ssh-keygen -Y sign -n deid-bench-stamp` makes it."""
STAMP_NAMESPACE = "deid-bench-stamp"
"""Who signs a submission, which anybody may, does not sign a stamp by it."""
Status = Literal["verified", "recomputed", "self-reported"]
_FORMAT = 4
_LONGEST = 2**24
_LONGEST_TEXT = 10_000
_DAMAGED = "it is no stamp, or a damaged one"
_DRAWN_FROM = "*.npz"
"""Files beside a record that reports draw from."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far a record can be trusted."""

    status: Status
    """`verified`: its numbers were computed anew from its distances, and images of it were made anew and are equal;
    `recomputed`: the first of these; `self-reported`: neither."""
    checked: str
    """What was checked, in a sentence or two; of a stamp that does not count, why."""
    when: str
    """UTC time, ISO 8601."""
    unchecked: list[str] = field(default_factory=list)
    """Numbers that nobody has computed anew, as `metric` or `metric recognizer`: they are the submitter's words."""
    digest: str = ""
    """Of the record."""
    drawn: list[str] = field(default_factory=list)
    """Images made anew, with what came of it."""
    toolkit: str = ""
    """deid-bench version that verified."""
    by: str = ""
    """Whose trusted key has signed it; empty for a stamp of this very folder."""
    submitter: str = ""
    """Who submits it, in the submission's own words."""
    words: list[str] = field(default_factory=list)
    """Parts of the record beside its numbers that nobody has checked: dotted names of fields, which stand for all below
    them, some with a restriction in brackets."""
    void: str = ""
    """Why what lies beside the record does not count; the rest is then that of no stamp."""

    @property
    def shown(self) -> str:
        """As boards show it: what somebody else has found out never goes without the name."""
        return f"{self.status} by {self.by}" if self.by else self.status


def write_stamp(stamp: Stamp, record_path: Path, key: Path | None = None) -> Path:
    """Put a stamp beside a `run.json`, bound to its bytes and to the files beside it that reports draw from.

    Args:
        stamp: the stamp.
        record_path: the `run.json`.
        key: private SSH key to sign it with.

    Raises:
        StoreError: the folder cannot be written.
        KeyProblem: it cannot be signed with that key.
    """
    path, content = record_path.with_name(STAMP_NAME), asdict(stamp)
    del content["by"], content["void"]
    bound = {"record_sha256": sha256_of(record_path), "files": _beside(record_path)}
    data = (json.dumps({"format": _FORMAT, **bound, **content}, indent=1, ensure_ascii=True) + "\n").encode()
    signature = path.with_name(STAMP_SIGNATURE_NAME)
    if key is None:
        signature.unlink(missing_ok=True)
    else:
        save_file(signature, sign(data, key, STAMP_NAMESPACE))
    save_file(path, data)
    return path


def load_stamp(record_path: Path, trusted: Sequence[Signer] = ()) -> Stamp | None:
    """The stamp of a `run.json`; None where none lies beside it.

    Args:
        record_path: the `run.json`.
        trusted: keys whose stamps count. With any, stamps that nobody has signed do not: they came along with the
            records. Without, signed ones do not.

    Returns:
        A stamp that does not count is `self-reported`, with the reason in `void`.
    """
    path = record_path.with_name(STAMP_NAME)
    try:
        if not path.exists():
            return None
        data, signature = _read(path, _LONGEST), _read(path.with_name(STAMP_SIGNATURE_NAME), LONGEST_SIGNATURE)
        found = _DAMAGED if data is None else _stamp(data)
        if isinstance(found, str) or data is None:
            return _void(str(found))
        stamp, bound = found
        problem = ""
        if bound.get("record_sha256") != sha256_of(record_path):
            problem = "it is of another record, or this was changed"
        elif bound.get("files") != _beside(record_path):
            problem = "files beside the record are not those that it names"
    except OSError as error:
        return _void(f"it cannot be read ({error.strerror or error})")
    if signature is None:
        problem = "nobody has signed it" if trusted else problem
        return _void(problem) if problem else stamp
    signer = signer_of(data, signature, trusted, STAMP_NAMESPACE) if trusted else "it is signed, and no key is trusted"
    if isinstance(signer, str) or problem:
        return _void(problem or str(signer))
    return replace(stamp, by=signer.name)


def _void(why: str) -> Stamp:
    return Stamp("self-reported", f"A stamp lies beside the record that does not count: {why}.", "", void=why)


def _read(path: Path, longest: int) -> bytes | None:
    """The file's bytes; None when there is none, or a longer one than stamps have."""
    if not path.is_file() or path.stat().st_size > longest:
        return None
    return path.read_bytes()


def _stamp(content: bytes) -> tuple[Stamp, dict[str, Any]] | str:
    """A stamp and what it is bound to; where it makes no sense, why."""
    try:
        data: Any = json.loads(content.decode("utf-8"))
        if not isinstance(data, dict) or data["status"] not in get_args(Status):
            return _DAMAGED
        if data["format"] != _FORMAT:
            return f"it is of layout {str(data['format'])[:20]}, not {_FORMAT}: verify the submission again"
        checked, when, digest, toolkit = (data[name] for name in ("checked", "when", "digest", "toolkit"))
        lists = [data[name] for name in ("unchecked", "drawn", "words")]
        submitter = data["submitter"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _DAMAGED
    if not all(isinstance(each, list) for each in lists):
        return _DAMAGED
    texts = [checked, when, digest, toolkit, submitter, *(text for some in lists for text in some)]
    if not all(isinstance(each, str) and len(each) <= _LONGEST_TEXT for each in texts):
        return _DAMAGED
    unchecked, drawn, words = lists
    stamp = Stamp(data["status"], checked, when, unchecked, digest, drawn, toolkit, submitter=submitter, words=words)
    return stamp, data


def _beside(record_path: Path) -> dict[str, str]:
    return {each.name: sha256_of(each) for each in sorted(record_path.parent.glob(_DRAWN_FROM)) if each.is_file()}
