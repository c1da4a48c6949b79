"""Signatures of submissions by ordinary SSH keys, in the format that `ssh-keygen -Y verify` reads (PROTOCOL.sshsig).

Of a submission the manifest is signed, which names the SHA-256 of every file: a zip that was packed anew keeps its
signature. Stamps (`stamp`) are signed in a namespace of their own.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...characters import plain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMESPACE = "deid-bench"
"""Of submissions."""
LONGEST = 10_000
"""Bytes; a signature has some 300."""
_MAGIC = b"SSHSIG"
_HASH = "sha512"
_KIND = "ssh-ed25519"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


class KeyProblem(ValueError):
    """A key cannot be read, or is of a kind that is not supported."""

    exit_code = 2


def sign(data: bytes, key: Path, namespace: str = NAMESPACE) -> bytes:
    """An armoured signature.

    Args:
        data: what is signed.
        key: an Ed25519 private key without a passphrase, as `ssh-keygen -t ed25519` makes it.
        namespace: what it is signed for, so that a signature for one thing is none for another.

    Raises:
        KeyProblem: it is none.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = private_key(key)
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    signed = _string(_KIND.encode()) + _string(private.sign(_message(data, namespace)))
    fields = [base64.b64decode(public.split()[1]), namespace.encode(), b"", _HASH.encode(), signed]
    blob = base64.b64encode(_MAGIC + struct.pack(">I", 1) + b"".join(map(_string, fields))).decode()
    lines = [blob[start : start + 70] for start in range(0, len(blob), 70)]
    return "\n".join([_BEGIN, *lines, _END, ""]).encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who may have signed: a public key and what it is called."""

    name: str
    """The key's comment; its owner in a file of allowed signers, its fingerprint where there is neither."""
    blob: bytes
    """The key as OpenSSH writes it."""


def read_signers(path: Path) -> list[Signer]:
    """The keys of a file: `id_ed25519.pub`, several such lines, or a file of allowed signers without options.

    Raises:
        KeyProblem: it cannot be read, or holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise KeyProblem(f"{path}: expected a public SSH key ({error})") from error
    found = [_signer(line, path) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not found:
        raise KeyProblem(f"{path}: expected a public SSH key, got an empty file")
    return found


def _signer(line: str, path: Path) -> Signer:
    words = line.split()
    place = words.index(_KIND) if _KIND in words else -1
    if place not in (0, 1) or len(words) < place + 2:
        raise KeyProblem(
            f"{path}: expected a public SSH key (Ed25519, as `ssh-keygen -t ed25519` makes it), with nothing but its "
            f"owner before it, got {plain(line, 60)!r}"
        )
    try:
        blob = base64.b64decode(words[place + 1], validate=True)
        kind, raw = _strings(blob, 2)
    except ValueError as error:
        raise KeyProblem(f"{path}: expected a public SSH key ({error})") from error
    if kind != _KIND.encode() or len(raw) != 32:
        raise KeyProblem(f"{path}: expected an Ed25519 key, as `ssh-keygen -t ed25519` makes it")
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    name = " ".join(words[place + 2 :]) or (words[0] if place else f"SHA256:{fingerprint}")
    return Signer(plain(name, 80), blob)


def signer_of(data: bytes, signature: bytes, signers: Sequence[Signer], namespace: str = NAMESPACE) -> Signer | str:
    """Who of them has signed, or why none has.

    Args:
        data: what was signed.
        signature: as `sign` or `ssh-keygen -Y sign -n NAMESPACE` made it; a stranger's.
        signers: whose signature counts.
        namespace: what the signature is for; one for something else does not count.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        owner, said, _reserved, algorithm, signed = _fields(signature)
        kind, raw = _strings(signed, 2)
    except ValueError as error:
        return f"the signature cannot be read ({error})"
    if (said.decode("latin-1"), algorithm.decode("latin-1"), kind.decode("latin-1")) != (namespace, _HASH, _KIND):
        return "the signature is of another kind"
    signer = next((each for each in signers if each.blob == owner), None)
    if signer is None:
        return "it is signed by another key"
    try:
        Ed25519PublicKey.from_public_bytes(_strings(signer.blob, 2)[1]).verify(raw, _message(data, namespace))
    except InvalidSignature:
        return "the signature is not of these contents"
    return signer


def verify(data: bytes, signature: bytes, key: Path) -> str:
    """Check the signature of a submission.

    Args:
        data: what was signed.
        signature: as `sign` or `ssh-keygen -Y sign -n deid-bench` made it; a stranger's.
        key: a public key, as in `id_ed25519.pub`.

    Returns:
        Why it does not hold, empty when it does.

    Raises:
        KeyProblem: the key cannot be read.
    """
    found = signer_of(data, signature, read_signers(key))
    return found if isinstance(found, str) else ""


def private_key(key: Path) -> Ed25519PrivateKey:
    """The key to sign with.

    Raises:
        KeyProblem: it is no Ed25519 private key without a passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        found = load_ssh_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError, LookupError, UnsupportedAlgorithm) as error:
        raise KeyProblem(f"{key}: expected a private SSH key without a passphrase ({error})") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise KeyProblem(f"{key}: expected an Ed25519 key, as `ssh-keygen -t ed25519` makes it")
    return found


def _message(data: bytes, namespace: str) -> bytes:
    parts = (namespace.encode(), b"", _HASH.encode(), hashlib.sha512(data).digest())
    return _MAGIC + b"".join(map(_string, parts))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _fields(armoured: bytes) -> list[bytes]:
    if len(armoured) > LONGEST:
        raise ValueError(f"expected at most {LONGEST} bytes, got {len(armoured)}")
    lines = armoured.decode("ascii").split()  # the words of both marks are no base64 lines
    body = "".join(lines[3:-3])
    if " ".join(lines[:3]) != _BEGIN or " ".join(lines[-3:]) != _END:
        raise ValueError("no SSH signature")
    blob = base64.b64decode(body, validate=True)
    if blob[:10] != _MAGIC + struct.pack(">I", 1):
        raise ValueError("another version")
    return _strings(blob[10:], 5)


def _strings(data: bytes, count: int) -> list[bytes]:
    found = []
    for _ in range(count):
        if len(data) < 4:
            raise ValueError("cut short")
        size = int.from_bytes(data[:4], "big")
        if size > len(data) - 4:
            raise ValueError("cut short")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    if data:
        raise ValueError("something follows")
    return found
