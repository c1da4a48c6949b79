"""What `deid-bench data` prints about registered datasets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..benchmark.planning.loaded_dataset import LoadedDataset
from ..benchmark.records.record import Dataset
from ..datasets.base import DatasetError
from ..datasets.layouts.registered import LayoutDataset
from ..datasets.layouts.registration_audit import Survey, quick_changes
from ..datasets.layouts.registrations import Registration, find_registration
from ..datasets.passed_over import in_words


def passed_line(dataset: LoadedDataset | Dataset) -> str:
    """One line about what of a dataset is not used; empty where everything is."""
    return f"{dataset.spec}: passed over {in_words(dataset.passed_over)}" if dataset.passed_over else ""


def dataset_lines(datasets: Iterable[LoadedDataset]) -> Iterator[str]:
    """What has to be said about datasets beside their numbers: what is passed over, and what is odd; each once."""
    seen: set[str] = set()
    for each in datasets:
        for line in (passed_line(each), *(f"{each.spec}: {note}" for note in each.notes)):
            if line and line not in seen:
                seen.add(line)
                yield line


def survey_data(name: str, root: Path, found: Survey, archives: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A survey as plain data."""
    return {
        "dataset": name,
        "root": str(root),
        "parts": {
            part: {
                **asdict(each.record),
                "published": asdict(each.published),
                "differences": list(each.differences),
                "short": dict(each.short),
                "one_handed": list(each.one_handed),
                "absent": list(each.absent),
                "unknown": list(each.unknown),
            }
            for part, each in found.parts.items()
        },
        "extra": list(found.extra),
        "unreadable": dict(found.unreadable),
        "twins": [list(pair) for pair in found.twins],
        "copies": [list(pair) for pair in found.copies],
        "ignored": dict(found.ignored),
        "archives": {name: dict(each) for name, each in archives.items()},
    }


def survey_lines(
    dataset: LayoutDataset, found: Survey, archives: Mapping[str, Mapping[str, str]], shown: int
) -> Iterator[str]:
    """A survey as text; of long lists the first `shown` entries."""
    for part, each in found.parts.items():
        record = each.record
        yield f"{part:<14} {record.images} images of {record.identities} identities, {record.subjects} subjects"
        yield f"{'':<14} digest {record.manifest[:16]}"
        note = f" ({each.published.note})" if each.published.note else ""
        for text in each.differences:
            yield f"{'':<14} differs: {text}{note}"
        yield from _listed("fewer images than there should be", [f"{n}: {c}" for n, c in each.short.items()], shown)
        yield from _listed("one hand only", each.one_handed, shown)
        yield from _listed("not there", each.absent, shown)
        yield from _listed("not in the owners' list", each.unknown, shown)
    yield from _listed("extra files", found.extra, shown)
    yield from _listed("unreadable", [f"{name}: {why}" for name, why in found.unreadable.items()], shown)
    yield from _listed("same file under two identities", [" = ".join(pair) for pair in found.twins], shown)
    yield from _listed("same file twice", [" = ".join(pair) for pair in found.copies], shown)
    for why, count in sorted(found.ignored.items()):
        yield f"{'passed over':<14} {count} {why}"
    for name, digests in archives.items():
        yield f"{'archive':<14} {name}: MD5 as published, SHA-256 {digests['sha256']}"
    for text in dataset.layout.errata:
        yield f"{'known':<14} {text}"


def _listed(title: str, entries: Iterable[str], shown: int) -> Iterator[str]:
    rows = list(entries)
    if not rows:
        return
    yield f"{title}: {len(rows)}"
    for each in rows[:shown]:
        yield f"  {each}"
    if len(rows) > shown:
        yield f"  … and {len(rows) - shown} more (--json has all)"


def status_rows() -> list[dict[str, Any]]:
    """One row a dataset: name, state and what else is known."""
    from ..plugins.entries import Kind, PluginError, registry

    rows = []
    for name, entry in registry().entries(Kind.DATASET).items():
        try:
            rows.append({"name": name, **_status(entry.load())})
        except (PluginError, DatasetError) as error:
            state = "broken" if isinstance(error, PluginError) else "damaged"
            rows.append({"name": name, "state": state, "text": str(error)})
    return rows


def _status(cls: type[Any]) -> dict[str, Any]:
    if not issubclass(cls, LayoutDataset):
        needs_path = cls.info.name == "folder"
        return {"state": "yours" if needs_path else "ready", "text": "folder:path=…" if needs_path else "built in"}
    known = find_registration(cls.info.name)
    if known is None:
        ready = cls.ready_without()
        if ready:
            return {"state": "ready", "text": ready}
        return {"state": "not registered", "text": cls.layout.how_to_get}
    changes = quick_changes(known.root, known.files)
    row = {
        "root": str(known.root),
        "date": known.date,
        "parts": {part: asdict(each) for part, each in known.parts.items()},
        "published": {part: asdict(each.published) for part, each in cls.layout.parts.items() if part in known.parts},
        "changed": len(changes.changed),
        "missing": len(changes.missing),
    }
    if not known.root.is_dir():
        return row | {"state": "changed", "text": f"{known.root} is gone"}
    if changes:
        text = f"{len(changes.changed)} files of another size or time, {len(changes.missing)} missing in {known.root}"
        text += f"; see deid-bench data verify {cls.info.name}"
        return row | {"state": "changed", "text": text}
    return row | {"state": "registered", "text": f"{_counts(cls, known)} in {known.root}"}


def _counts(cls: type[LayoutDataset], known: Registration) -> str:
    texts = []
    for part, each in known.parts.items():
        wanted = cls.layout.parts[part].published.images if part in cls.layout.parts else None
        of = f" of {wanted}" if wanted else ""
        texts.append(f"{part} {each.images}{of} images, {each.identities} identities, digest {each.manifest[:12]}")
    return "; ".join(texts)
