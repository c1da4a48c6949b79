"""Protocols: one versioned file each. A change is a new version and a new file; old versions stay runnable."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ...files import expanded
from ...suggestions import suggest
from .model import Alignment as Alignment
from .model import CropRule as CropRule
from .model import Protocol as Protocol
from .model import ProtocolError as ProtocolError
from .model import RetrievalRule as RetrievalRule
from .model import SessionRule as SessionRule
from .model import ThresholdSet as ThresholdSet
from .model import read_file

FOLDER = Path(str(resources.files(__package__)))
"""Every `NAME-VERSION.toml` in here is a protocol."""


@cache
def protocols() -> dict[str, Protocol]:
    """All protocols that come with the toolkit, by id.

    Raises:
        ProtocolError: a file is no protocol, or two have one id.
    """
    found: dict[str, Protocol] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        protocol = read_file(path, own=False)
        if protocol.id in found:
            raise ProtocolError(f"{path}: there are two protocols {protocol.id}; give this one another version")
        found[protocol.id] = protocol
    return dict(sorted(found.items()))


def get_protocol(name: str) -> Protocol:
    """The protocol of that id, or that of a user's file.

    Args:
        name: an id, or the path of a `.toml` file.

    Raises:
        ProtocolError: there is none; the message names close ones.
        PathError: the path is of a user that there is not.
    """
    if name.endswith(".toml"):
        return read_file(expanded(name))
    known = protocols()
    if name in known:
        return known[name]
    raise ProtocolError(f"there is no protocol {name!r}{suggest(name, known)}; a file of your own ends in .toml")


def newest(name: str) -> str:
    """Id of the version that new work should use: the end of the chain of `superseded_by`.

    Args:
        name: id of any version.

    Raises:
        ProtocolError: the chain names a version that there is not, or comes back to one.
    """
    chain = [name]
    while following := get_protocol(chain[-1]).superseded_by:
        if following in chain:
            raise ProtocolError(f"{' -> '.join((*chain, following))}: superseded_by goes in a circle; end it somewhere")
        chain.append(following)
    return chain[-1]


def protocol_of(name: str, digest: str, rules: Mapping[str, Any] | None = None) -> Protocol | None:
    """The protocol that a record was made under: ours, or a user's own, whose rules the record holds.

    Args:
        name: its id.
        digest: its digest.
        rules: of the record, for a user's own.

    Returns:
        None where it is not known, or the rules are not those of the digest.
    """
    known = protocols().get(name)
    if known is not None and known.digest == digest:
        return known
    if rules is None:
        return None
    try:
        own = Protocol.of(rules, f"the rules of {name}", own=True)
    except ProtocolError:
        return None
    return own if (own.id, own.digest) == (name, digest) else None
