"""Files whose digests a record states, and that go with its evidence."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.evidence.entries import Damage

LARGEST_UNFOLDED_BYTES = 1024 * 1024 * 1024
GZIP = ".gz"
_DIGEST = "_sha256"
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, and what the record calls its SHA-256."""

    name: str
    digest: str
    meaning: str = ""
    """In plain words, for who opens the evidence; it is not read back."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What a file comes to, in hexadecimal."""

    whole: str
    unfolded: str | None
    """Over what the gzip members hold; None if it is not gzip, or more than can be believed."""


def digest(name: str, pieces: Iterable[bytes]) -> Digests:
    """Digest a file, unfolded too if it is called gzip."""
    whole, unfolding = hashlib.sha256(), _Unfolding()
    for piece in pieces:
        whole.update(piece)
        if name.endswith(GZIP):
            unfolding.add(piece)
    return Digests(whole.hexdigest(), unfolding.hexdigest())


def check(
    stated: Mapping[str, str],
    attachments: Sequence[Attachment],
    found: Mapping[str, Digests],
    removed: Sequence[str],
) -> Iterator[Damage]:
    """Hold files against the digests that a record states, in hexadecimal by name.

    Each digest needs its file, but for those whose names begin with what was `removed`: so nobody can take
    a file away together with its mention.
    """
    missing = set(stated)
    for each in attachments:
        digests, expected = found.get(each.name), stated.get(each.digest)
        missing.discard(each.digest)
        if digests is None:
            yield Damage(each.name, "it is missing")
        elif expected is None:
            yield Damage(each.name, f"nothing proves it: the record states no {each.digest}")
        elif digests.whole != expected:
            yield Damage(each.name, f"it is not what was recorded: its SHA-256 is not {each.digest}")
            missing -= {name for name in missing if _stem(each.digest).startswith(_stem(name))}
        elif digests.unfolded is not None:
            missing -= {name for name in missing if stated[name] == digests.unfolded}
    for name in sorted(missing):
        if not any(name.startswith(each) for each in removed):
            yield Damage(name, "no file has this digest, and no entry says that one was removed")


def stated(record: Mapping[str, object]) -> dict[str, str]:
    """Return the digests that a record states of files; bytes are written as PostgreSQL does."""
    texts = {name: str(value).removeprefix("\\x") for name, value in record.items() if name.endswith(_DIGEST)}
    return {name: text for name, text in texts.items() if text}


def _stem(name: str) -> str:
    return name.removesuffix(_DIGEST)


class _Unfolding:
    """SHA-256 of what gzip members hold, one after the other."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._member = zlib.decompressobj(wbits=31)
        self._size = 0
        self._begun = False
        self._broken = False

    def add(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self._begun = True
        while data and not self._broken:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            self._unfold(data)
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def hexdigest(self) -> str | None:
        """Return the digest; None if the members are cut off, damaged or too large."""
        while self._begun and not self._broken and not self._member.eof and self._unfold(b""):
            pass
        return self._digest.hexdigest() if self._member.eof and not self._broken else None

    def _unfold(self, data: bytes) -> bool:
        try:
            unfolded = self._member.decompress(data, _CHUNK_BYTES)
        except zlib.error:
            self._broken = True
            return False
        self._digest.update(unfolded)
        self._size += len(unfolded)
        self._broken = self._size > LARGEST_UNFOLDED_BYTES
        return bool(unfolded)
