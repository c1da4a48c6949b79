"""Text from outside made harmless, once for every place that shows it.

Names, descriptions, paths, messages of exceptions and reasons come from strangers: plug-ins, files, submissions. They
may hold line breaks, colour codes, characters that turn the direction of writing, and lone surrogates, which no
encoding can write. What `plain` returns is one line of printable characters, so that it can go to a terminal, into JSON
and into any file; the escapes that a format has of its own (HTML, LaTeX, CSV, rich's markup) come on top.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_CUT = "…"
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_WITHOUT_A_TRACE = re.compile(r"[\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Fillers, joiners and selectors of a shape: nothing is seen of them, although they count as letters or marks."""


def plain(text: object, longest: int = 200) -> str:
    """A text on one line: blanks of all kinds become a space, and what cannot be seen is spelled out (`\\u202e`).

    Args:
        text: from anybody; `str()` of it is taken.
        longest: characters; what follows is replaced by an ellipsis. 0: all are kept.
    """
    whole = str(text)
    kept = whole[:longest] if longest else whole
    shown = kept if kept.isprintable() else "".join(map(_shown, kept))
    if longest and (len(whole) > longest or len(shown) > longest):
        return shown[:longest] + _CUT
    return shown


def sentence(text: object, longest: int = 300) -> str:
    """A message as one sentence: as `plain`, and without indents and double spaces."""
    whole = str(text)[: 4 * longest]
    return plain(" ".join(whole.split()), longest)


def countable(text: object, longest: int = 300) -> str:
    """A reason as one sentence that is the same wherever it is meant: as `sentence`, and without addresses in memory.

    Python shows an object that has no text of its own by where it lies, which is elsewhere each time.
    """
    return sentence(_ADDRESS.sub("", str(text)[: 8 * longest]), longest)


def can_be_seen(text: str) -> bool:
    """Whether nothing in a name is a control, turns the direction of writing, or is no character at all."""
    return not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co") for each in text)


def alike(text: str) -> str:
    """What is left of a name where case, blanks and the form of its characters do not count.

    Two names that give the same are read as one name by people: `José` with the accent in its letter or behind it,
    `Anna` and `ANNA`, and a name with a blank, or something that has no width, too many.
    """
    seen = "".join(" " if each.isspace() else "" if _is_unseen(each) else each for each in text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    return " ".join(folded.split())


def spelled(text: str) -> str:
    """A name in quotes, with what tells it from one that looks the same: accents behind their letters, odd blanks."""
    shown = (each if _speaks_for_itself(each) else _escaped(each) for each in text)
    return f"'{''.join(shown)}'"


def inert(data: Any) -> Any:
    """JSON data with all its texts, keys included, as `plain` gives them."""
    if isinstance(data, str):
        return plain(data, 0)
    if isinstance(data, dict):
        return {inert(key): inert(each) for key, each in data.items()}
    if isinstance(data, list | tuple):
        return [inert(each) for each in data]
    return data


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else _escaped(character)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf"} or bool(_WITHOUT_A_TRACE.match(character))


def _speaks_for_itself(character: str) -> bool:
    whole = unicodedata.normalize("NFKC", character) == character and not unicodedata.combining(character)
    return whole and character.isprintable() and not _is_unseen(character)
