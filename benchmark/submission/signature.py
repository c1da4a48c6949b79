"""Signatures of submissions by ordinary SSH keys, in the format that `ssh-keygen -Y verify` reads (PROTOCOL.sshsig).

The manifest is signed, which names the SHA-256 of every file: a zip that was packed anew keeps its signature.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMESPACE = "deid-bench"
_MAGIC = b"SSHSIG"
_HASH = "sha512"
_KIND = "ssh-ed25519"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


class KeyProblem(ValueError):
    """A key cannot be read, or is of a kind that is not supported."""

    exit_code = 2


def sign(data: bytes, key: Path) -> bytes:
    """An armoured signature.

    Args:
        data: what is signed.
        key: an Ed25519 private key without a passphrase, as `ssh-keygen -t ed25519` makes it.

    Raises:
        KeyProblem: it is none.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = _private(key)
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    signed = _string(_KIND.encode()) + _string(private.sign(_message(data)))
    fields = [base64.b64decode(public.split()[1]), NAMESPACE.encode(), b"", _HASH.encode(), signed]
    blob = base64.b64encode(_MAGIC + struct.pack(">I", 1) + b"".join(map(_string, fields))).decode()
    lines = [blob[start : start + 70] for start in range(0, len(blob), 70)]
    return "\n".join([_BEGIN, *lines, _END, ""]).encode()


def verify(data: bytes, signature: bytes, key: Path) -> str:
    """Check a signature.

    Args:
        data: what was signed.
        signature: as `sign` or `ssh-keygen -Y sign -n deid-bench` made it; a stranger's.
        key: a public key, as in `id_ed25519.pub`.

    Returns:
        Why it does not hold, empty when it does.

    Raises:
        KeyProblem: the key cannot be read.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        line = key.read_bytes()
        public = load_ssh_public_key(line)
    except (OSError, ValueError, LookupError, UnsupportedAlgorithm) as error:
        raise KeyProblem(f"{key}: expected a public SSH key ({error})") from error
    if not isinstance(public, Ed25519PublicKey):
        raise KeyProblem(f"{key}: expected an Ed25519 key, as `ssh-keygen -t ed25519` makes it")
    try:
        owner, namespace, _reserved, algorithm, signed = _fields(signature)
        kind, raw = _strings(signed, 2)
    except ValueError as error:
        return f"the signature cannot be read ({error})"
    if (namespace.decode("latin-1"), algorithm.decode("latin-1"), kind.decode("latin-1")) != (NAMESPACE, _HASH, _KIND):
        return "the signature is of another kind"
    if owner != base64.b64decode(line.split()[1]):
        return "it is signed by another key"
    try:
        public.verify(raw, _message(data))
    except InvalidSignature:
        return "the signature is not of these contents"
    return ""


def _private(key: Path) -> Ed25519PrivateKey:
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


def _message(data: bytes) -> bytes:
    parts = (NAMESPACE.encode(), b"", _HASH.encode(), hashlib.sha512(data).digest())
    return _MAGIC + b"".join(map(_string, parts))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _fields(armoured: bytes) -> list[bytes]:
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
