"""Secrets and signatures, as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PREFIX = "whsec_"
SECRET_BYTES = 32


class Unreadable(Exception):
    """The secret was encrypted under a key that is not among those of WEBHOOK_KEY."""


class Vault:
    """Keeps secrets encrypted: unlike a password, a secret that signs cannot be kept as a hash."""

    def __init__(self, keys: str) -> None:
        """Take Fernet keys, separated by commas; the first encrypts, all decrypt. Raises ValueError."""
        self._fernet = MultiFernet([Fernet(each.strip()) for each in keys.split(",")])

    def seal(self, secret: bytes) -> bytes:
        """Encrypt a secret."""
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt a secret; raises Unreadable."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise Unreadable("its secret cannot be decrypted with this WEBHOOK_KEY") from None


def new_secret() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Return a secret as receivers are given it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(message_id: str, at: datetime, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """Return the headers that let a receiver check a message with any one of these keys."""
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    signatures = ("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }
