"""Sealing: what a browser carries for us and can neither read nor change (AES-256-GCM)."""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Seal:
    """Seals with the first key of a file and opens with any: one key a line, each 32 bytes in base64.

    The file is read again whenever it changes. To change keys, put a new one on top, and remove the old one
    when whatever it sealed is out of date. While the file cannot be read the keys last read stay.
    """

    def __init__(self, path: Path) -> None:
        """Read the keys. Raises OSError or ValueError if there is none to be had."""
        self._path = path
        self._modified = -1
        self._keys: list[AESGCM] = []
        self._refresh()

    def close(self, plain: bytes, purpose: str) -> str:
        """Return sealed bytes as text that a cookie may hold; they open for the same purpose only."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._current()[0].encrypt(nonce, plain, purpose.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, purpose: str) -> bytes | None:
        """Return what was sealed for this purpose, or None for anything else."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        for key in self._current():
            try:
                return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
            except (InvalidTag, ValueError):
                continue
        return None

    def _current(self) -> list[AESGCM]:
        try:
            if self._path.stat().st_mtime_ns != self._modified:
                self._refresh()
        except (OSError, ValueError):
            # A file that is just being replaced, or was replaced by something else: it is looked at again.
            pass
        return self._keys

    def _refresh(self) -> None:
        modified = self._path.stat().st_mtime_ns
        keys = [_key(line) for line in self._path.read_text().split()]
        if not keys:
            raise ValueError(f"{self._path} holds no key")
        self._keys, self._modified = keys, modified


def _key(line: str) -> AESGCM:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError("each line must be 32 random bytes in base64, as `openssl rand -base64 32` prints")
    return AESGCM(key)
