"""Signed notes as C2SP defines them (c2sp.org/signed-note), signed with Ed25519.

Ours, because no Python library writes and reads this format; the signing is `cryptography`'s.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ED25519 = b"\x01"
LONGEST_NOTE_CHARACTERS = 64 * 1024
MOST_SIGNATURES = 64
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class InvalidNote(Exception):
    """A text is no signed note, or nobody who is trusted signed it."""


class InvalidKey(Exception):
    """What was given as a key is none."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that it signs under."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse a name that a note cannot hold; raises InvalidKey."""
        if not _NAME.fullmatch(self.name):
            raise InvalidKey("a key's name is not empty and has neither a space nor a plus sign")

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each of its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+id+key`; raises InvalidKey."""
        # The last part is base64 and may hold plus signs of its own; a name cannot.
        name, _, rest = text.strip().partition("+")
        stated, _, encoded = rest.partition("+")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidKey("a public key looks like name+0123abcd+base64") from None
        if len(key) != 33 or key[:1] != ED25519:
            raise InvalidKey("a public key looks like name+0123abcd+base64, of an Ed25519 key")
        found = cls(name, key[1:])
        if stated != found.id.hex():
            raise InvalidKey(f"the public key's id is {found.id.hex()}, not {stated}: it is damaged")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def made(self, signature: bytes, text: str) -> bool:
        """Return whether the signature of a text is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer:
    """Signs notes with one key under one name."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """Take the name and the key; raises InvalidKey if a note cannot hold the name."""
        self._private = private
        self.key = VerifierKey(name, private.public_key().public_bytes_raw())

    @classmethod
    def from_pem(cls, name: str, path: Path) -> "Signer":
        """Read an unencrypted PEM file (PKCS 8); raises InvalidKey."""
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidKey(f"{path} is no private key in PEM: {error}") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidKey(f"{path} is no Ed25519 key")
        return cls(name, private)

    def sign(self, text: str) -> str:
        """Return a note of that text; raises InvalidNote if a note cannot hold it."""
        _check(text)
        signature = base64.b64encode(self.key.id + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.key.name} {signature}\n"


def read(note: str, keys: Sequence[VerifierKey]) -> str:
    """Return the text of a note that at least one of the keys signed; raises InvalidNote.

    Signatures of other keys are ignored; a wrong one of a known key makes the note void.
    """
    if len(note) > LONGEST_NOTE_CHARACTERS:
        raise InvalidNote("the note is too long")
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise InvalidNote("the note is not text, an empty line and signatures")
    text += "\n"
    _check(text)
    signatures = lines.removesuffix("\n").split("\n")
    if len(signatures) > MOST_SIGNATURES:
        raise InvalidNote("the note has too many signatures")
    known = {(key.name, key.id): key for key in keys}
    signed = False
    for line in signatures:
        found = _SIGNATURE.fullmatch(line)
        try:
            raw = base64.b64decode(found[2], validate=True) if found else b""
        except binascii.Error:
            raw = b""
        if found is None or len(raw) <= 4:
            raise InvalidNote("a signature of the note cannot be read")
        key = known.get((found[1], raw[:4]))
        if key is None:
            continue
        if not key.made(raw[4:], text):
            raise InvalidNote(f"the signature of {key.name} is wrong")
        signed = True
    if not signed:
        raise InvalidNote("no key that is trusted signed the note")
    return text


def _check(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InvalidNote("a note's text ends with a newline and has no other control character")
