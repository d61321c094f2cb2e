"""Bytes that lineage keeps: canonical JSON, and gzip around it.

The digest of a report's inputs is over the canonical JSON (RFC 8785); gzip is only the envelope. It
is written with ISA-L, whose level 3 is as small as zlib's level 6 in less than half the time. The
same input gives the same envelope on the same machine, but nothing relies on that: what is stored
is what is hashed and sent.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator
from math import ceil
from typing import Any

import rfc8785
from isal import igzip

from services.errors import DataLoss, ResourceExhausted

PART_LIMIT_BYTES = 2 * 1024 * 1024
LEVEL = 3


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value; raises ValueError for NaN and the infinities."""
    return rfc8785.dumps(value)


def parse(data: bytes) -> Any:
    """Return the value of canonical JSON, whose numbers are all doubles (RFC 8785 section 3.2.2.3)."""
    return json.loads(data, parse_int=float)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def compress(data: bytes | memoryview) -> bytes:
    """Return one gzip member (RFC 1952) without a time in its header."""
    return igzip.compress(data, LEVEL, mtime=0)


def expand(data: bytes, limit: int) -> bytes:
    """Return what gzip members unpack to, one after the other.

    Raises ``DataLoss`` if they are damaged, and ``ResourceExhausted`` for more than ``limit`` bytes.
    """
    whole = bytearray()
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            whole += member.decompress(data, limit + 1 - len(whole))
        except zlib.error as error:
            raise DataLoss("What was stored is damaged.", reason="INPUTS_DAMAGED") from error
        if len(whole) > limit:
            raise ResourceExhausted(f"The inputs have more than {limit:,} bytes.", reason="INPUTS_TOO_LARGE")
        if not member.eof:
            raise DataLoss("What was stored is cut short.", reason="INPUTS_DAMAGED")
        data = member.unused_data
    return bytes(whole)


def members(data: bytes, limit: int = PART_LIMIT_BYTES) -> list[bytes]:
    """Return gzip members of at most ``limit`` bytes each that, one after the other, unpack to ``data``.

    Nothing is left out: what does not fit into one member goes on in the next. ``limit`` must leave
    room for an envelope (about 100 bytes) and a byte of data.
    """
    whole = compress(data)
    if len(whole) <= limit:
        return [whole]
    # Even slices by the overall ratio; a slice that compresses worse than the rest is cut again.
    count = ceil(len(whole) / limit)
    return [each for piece in _cut(memoryview(data), count) for each in _fit(piece, limit)]


def _fit(data: memoryview, limit: int) -> Iterator[bytes]:
    member = compress(data)
    if len(member) <= limit:
        yield member
        return
    for piece in _cut(data, 2):
        yield from _fit(piece, limit)


def _cut(data: memoryview, count: int) -> Iterator[memoryview]:
    size = ceil(len(data) / count)
    for start in range(0, len(data), size):
        yield data[start : start + size]
