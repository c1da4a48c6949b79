"""Signatures by SSH keys: ours hold for OpenSSH, its hold for us, and no other key or content passes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssh_keys import keys

from deid_bench.benchmark.submission.signature import KeyProblem, sign, verify


def test_a_signature_holds_for_its_key_and_contents_alone(tmp_path: Path) -> None:
    private, public = keys(tmp_path / "a")
    _, other = keys(tmp_path / "b")
    made = sign(b"manifest", private)
    assert verify(b"manifest", made, public) == ""
    assert "not of these contents" in verify(b"Manifest", made, public)
    assert "another key" in verify(b"manifest", made, other)
    with pytest.raises(KeyProblem, match="private SSH key"):
        sign(b"manifest", public)
    with pytest.raises(KeyProblem, match="public SSH key"):
        verify(b"manifest", made, private)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return keys(tmp_path_factory.mktemp("keys"))


@given(st.data())
def test_a_damaged_signature_is_refused_in_words(pair: tuple[Path, Path], data: st.DataObject) -> None:
    made = bytearray(sign(b"manifest", pair[0]))
    place = data.draw(st.integers(0, len(made) - 1))
    before = made[place]
    made[place] = data.draw(st.integers(0, 255).filter(lambda each: each != before))
    if bytes([made[place]]).isspace() and bytes([before]).isspace():
        return
    assert verify(b"manifest", bytes(made), pair[1])


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_openssh_accepts_ours(tmp_path: Path) -> None:
    private, public = keys(tmp_path / "a")
    (tmp_path / "sig").write_bytes(sign(b"manifest", private))
    (tmp_path / "allowed").write_text(f"me@here {public.read_text()}")
    command = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "me@here", "-n", "deid-bench"]
    done = subprocess.run([*command, "-s", str(tmp_path / "sig")], input=b"manifest", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
