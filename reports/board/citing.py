"""What to cite and where it is: BibTeX of all that a row stands on, and the addresses that citations name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

from ...benchmark.records.record import Plugin, RunRecord
from ..paper.latex import escape

_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+\.[A-Za-z]{2,}(?:/[A-Za-z0-9._~/%+=?&#-]*)?")
_ARXIV = re.compile(r"arXiv:\s?(\d{4}\.\d{4,5})", re.IGNORECASE)
_DOI = re.compile(r"\b(10\.\d{4,9}/[A-Za-z0-9._/()-]+)")
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b(?!\.\d)")
_CODE = re.compile(r"https://(?:[a-z]+\.)?(?:github|gitlab|codeberg|bitbucket|huggingface)\.")
_PARTS = re.compile(r"; (?=[A-Z@])")
"""Several works in one citation."""


def links(plugin: Plugin) -> list[tuple[str, str]]:
    """`paper` or `code` and the address, of all that a citation names; addresses are https and nothing else."""
    text = plugin.citation
    found = [("code" if _CODE.match(each) else "paper", each.rstrip(".")) for each in _ADDRESS.findall(text)]
    found += [("paper", f"https://arxiv.org/abs/{each}") for each in _ARXIV.findall(text)]
    found += [("paper", f"https://doi.org/{each.rstrip('.)')}") for each in _DOI.findall(_ADDRESS.sub("", text))]
    return list(dict.fromkeys(found))


def bibtex(record: RunRecord) -> str:
    """Entries for all that the row stands on, every key once; a citation that is BibTeX already is taken as it is.

    A citation in words is one `@misc` for each work that it names: the words in `note`, with year, arXiv number and
    DOI where they say them, so that nothing is made up.
    """
    parts: Iterable[tuple[str, Plugin]] = [
        ("method", record.method),
        ("dataset", record.dataset),
        ("detector", record.analyzer),
        *(("recogniser", each) for each in record.recognizers),
    ]
    year = record.host.created[:4] if record.host.created[:4].isdigit() else ""
    own = {
        "author": "{The deid-bench developers}",
        "title": "{deid-bench}: a toolkit and leaderboard for biometric de-identification, "
        f"version {_text(record.toolkit)}",
        "year": year,
        "note": _text(f"protocol {record.protocol.id}, digest {record.protocol.digest[:16]}"),
    }
    entries = {"deid-bench": own}
    ready = []
    for kind, plugin in parts:
        if plugin.citation.lstrip().startswith("@"):
            ready.append(plugin.citation.strip())
            continue
        for words in _PARTS.split(plugin.citation):
            if words.strip() and not any(each.get("note") == _text(words) for each in entries.values()):
                entries[_key(plugin.name, entries)] = _fields(words.strip(), kind, plugin)
    return "\n".join([*(_entry(key, fields) for key, fields in entries.items()), *dict.fromkeys(ready)])


def _fields(words: str, kind: str, plugin: Plugin) -> dict[str, str]:
    years = _YEAR.findall(words)
    arxiv, doi = _ARXIV.search(words), _DOI.search(_ADDRESS.sub("", words))
    fields = {"title": f"{{{_text(plugin.name)}}} ({kind})", "note": _text(words), "year": years[-1] if years else ""}
    if arxiv:
        fields |= {"eprint": arxiv[1], "archiveprefix": "arXiv"}
    return fields | ({"doi": doi[1].rstrip(".)")} if doi else {})


def _key(name: str, taken: Iterable[str]) -> str:
    """Letters, digits and hyphens; numbered where there is one already, as BibTeX refuses a key that comes twice."""
    base = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")[:40] or "unnamed"
    there = {each.lower() for each in taken}
    names = (base if number == 1 else f"{base}-{number}" for number in count(1))
    return next(each for each in names if each.lower() not in there)


def _text(text: str) -> str:
    """Plain text for a field. BibTeX counts braces whatever stands before them, so that a lone one needs a name."""
    written, depth = escape(text), 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
    if depth == 0:
        return written
    return written.replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")


def _entry(key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{text}}}" for name, text in fields.items() if text]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"
