"""Stamps that travel: signed by who verified, they count for whoever trusts that key, and forged ones for nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from ssh_keys import keys

from deid_bench.benchmark.submission.signature import KeyProblem, Signer, read_signers, sign
from deid_bench.benchmark.submission.stamp import (
    STAMP_NAME,
    STAMP_SIGNATURE_NAME,
    Stamp,
    load_stamp,
    write_stamp,
)
from deid_bench.cli import main


@dataclass(frozen=True)
class Signed:
    """A folder with a record that Ada has verified."""

    record: Path
    key: Path
    ada: list[Signer]
    mallory: list[Signer]
    mallorys_key: Path

    @property
    def stamp(self) -> Path:
        return self.record.with_name(STAMP_NAME)


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    record = tmp_path / "folder" / "run.json"
    record.parent.mkdir()
    record.write_text('{"rr": 8.3}')
    record.with_name("scores.npz").write_bytes(b"scores")
    key, public = keys(tmp_path / "ada", "ada@example.org")
    other_key, other = keys(tmp_path / "mallory", "ada@example.org")
    write_stamp(Stamp("verified", "everything", "2026-11-29T08:00:00+00:00"), record, key)
    return Signed(record, key, read_signers(public), read_signers(other), other_key)


def test_a_signed_stamp_counts_for_whoever_trusts_its_key(signed: Signed) -> None:
    found = load_stamp(signed.record, signed.ada)
    assert found is not None
    assert (found.status, found.by, found.shown) == ("verified", "ada@example.org", "verified by ada@example.org")
    both = load_stamp(signed.record, [*signed.mallory, *signed.ada])
    assert both == found


def _edit(signed: Signed, **fields: object) -> int:
    return signed.stamp.write_text(json.dumps({**json.loads(signed.stamp.read_text()), **fields}))


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (lambda one: _edit(one, checked="all of it"), "not of these contents"),
        (lambda one: _edit(one, when="2027-01-01T00:00:00+00:00"), "not of these contents"),
        (lambda one: _edit(one, by="somebody@else"), "not of these contents"),
        (lambda one: one.record.write_text('{"rr": 100}'), "another record"),
        (
            lambda one: (one.record.write_text("{}"), _edit(one, record_sha256=sha256(b"{}").hexdigest())),
            "not of these contents",
        ),
        (lambda one: one.record.with_name("scores.npz").write_bytes(b"Scores"), "files beside"),
        (lambda one: one.record.with_name("scores.npz").unlink(), "files beside"),
        (lambda one: one.record.with_name("replicates.npz").write_bytes(b""), "files beside"),
        (lambda one: one.record.with_name(STAMP_SIGNATURE_NAME).unlink(), "nobody has signed"),
        (lambda one: one.record.with_name(STAMP_SIGNATURE_NAME).write_text("x"), "cannot be read"),
        (lambda one: write_stamp(Stamp("verified", "", ""), one.record, one.mallorys_key), "another key"),
        (lambda one: write_stamp(Stamp("verified", "", ""), one.record), "nobody has signed"),
        (
            # Who signs a submission does not sign a stamp by it, whatever the submission holds.
            lambda one: one.record.with_name(STAMP_SIGNATURE_NAME).write_bytes(sign(one.stamp.read_bytes(), one.key)),
            "another kind",
        ),
    ],
)  # fmt: skip
def test_no_forged_stamp_counts(signed: Signed, forge: Callable[[Signed], object], why: str) -> None:
    forge(signed)
    found = load_stamp(signed.record, signed.ada)
    assert found is not None
    assert (found.status, found.by) == ("self-reported", "")
    assert why in found.checked


def test_a_signed_stamp_counts_for_nobody_else(signed: Signed, tmp_path: Path) -> None:
    for trusted in ([], signed.mallory):
        found = load_stamp(signed.record, trusted)
        assert found is not None
        assert found.shown == "self-reported"
    elsewhere = tmp_path / "elsewhere" / "run.json"
    elsewhere.parent.mkdir()
    elsewhere.write_text('{"rr": 100}')
    for name in (STAMP_NAME, STAMP_SIGNATURE_NAME):
        elsewhere.with_name(name).write_bytes(signed.record.with_name(name).read_bytes())
    found = load_stamp(elsewhere, signed.ada)
    assert found is not None
    assert "another record" in found.checked


@pytest.mark.parametrize("text", ["", "ssh-rsa AAAA me", "ssh-ed25519", "ssh-ed25519 !!!! me", "ssh-ed25519 AAAA me"])
def test_keys_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.pub").write_text(text)
    with pytest.raises(KeyProblem, match="expected"):
        read_signers(tmp_path / "key.pub")


def test_files_of_allowed_signers_are_read_without_options_alone(tmp_path: Path) -> None:
    _, public = keys(tmp_path / "a", "")
    line = public.read_text().strip()
    allowed = tmp_path / "allowed"
    allowed.write_text(f"# who may\n\nada@example.org {line}\n{line} Ada L.\n{line}\n")
    names = [each.name for each in read_signers(allowed)]
    assert names[:2] == ["ada@example.org", "Ada L."]
    assert names[2].startswith("SHA256:")
    allowed.write_text(f'ada@example.org valid-before="20200101" {line}\n')
    with pytest.raises(KeyProblem, match="nothing but its owner"):
        read_signers(allowed)


def test_boards_and_sites_show_who_has_verified(signed: Signed, tmp_path: Path) -> None:
    """From the command line: without the key the row is self-reported, with it `verified` stands beside a name."""
    results, public = signed.record.parent, tmp_path / "ada" / "key.pub"
    signed.record.write_bytes((Path(__file__).parent / "golden" / "run-1-blurring.json").read_bytes())
    write_stamp(Stamp("verified", "everything", "2026-11-29T08:00:00+00:00"), signed.record, signed.key)

    def status(*options: str) -> str:
        assert main(["site", str(results), "-o", str(tmp_path / "site"), *options]) == 0
        assert main(["board", str(results), "-o", str(tmp_path / "board.html"), *options]) == 0
        (row,) = json.loads((tmp_path / "site" / "records.json").read_text())["records"]
        assert row["status"] in (tmp_path / "board.html").read_text()
        return str(row["status"])

    assert status() == "self-reported"
    assert status("--trust", str(public)) == "verified by ada@example.org"
    assert status("--trust", str(tmp_path / "mallory" / "key.pub")) == "self-reported"
    assert main(["board", str(results), "-o", str(tmp_path / "x.html"), "--trust", str(signed.record)]) == 2
