"""Stored bytes on their way out: HTTP downloads spoken over gRPC (RFC 9110 sections 13 to 15).

The gateway hands a request's ``Range``, ``If-None-Match`` and ``If-Range`` down as metadata named
``http-<header>``; what it has to answer comes back as initial metadata of the same form, with
``http-status``. A caller that sends none of them, such as any gRPC client, gets the whole.
"""

import base64
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import grpc.aio
from google.api.httpbody_pb2 import HttpBody

from services.errors import DataLoss

CHUNK_BYTES = 64 * 1024

Read = Callable[[int, int], AsyncIterator[bytes]]
"""Yields ``length`` bytes from ``start`` on, cut anywhere: ``read(start, length)``."""

# One range only. More than 18 digits are no size of ours, and a range that is not understood is
# ignored (RFC 9110 section 14.2), so an endless number costs nothing.
_BYTE_RANGE = re.compile(r"bytes=[ \t]*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})[ \t]*", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"(?P<opaque>[^"]*)"')


def of(content: bytes) -> Read:
    """Return how to read bytes that are there already."""

    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        yield content[start : start + length]

    return read


@dataclass(frozen=True)
class Answer:
    """What a request gets: an HTTP status and the stretch of bytes that goes with it."""

    status: int
    start: int = 0
    length: int = 0


async def send(
    context: grpc.aio.ServicerContext[Any, Any],
    *,
    content_type: str,
    size: int,
    etag: str,
    read: Read,
    filename: str | None = None,
    content_encoding: str | None = None,
    sha256: bytes | None = None,
    inline: bool = False,
) -> AsyncIterator[HttpBody]:
    """Answer a download with the bytes asked for, in messages of at most 64 KiB.

    ``size`` is in bytes, as stored and sent. ``etag`` is the opaque part of a strong entity tag,
    without quotes: it must change whenever a byte does, so a digest of these bytes is best. ``read``
    is called at most once, and not at all if there is nothing to send. With a ``filename`` the
    bytes are an attachment of that name, or with ``inline`` are shown in the browser and saved under
    it. ``content_encoding`` names a coding that the bytes already have. ``sha256`` is over all the bytes,
    and tells whoever put ranges together whether they have the whole (RFC 9530).

    Answers through initial metadata ``http-status`` (200; 206 for one satisfiable range; 304 if the
    caller's copy is current; 416 if no byte of the range exists) and ``http-etag``,
    ``http-accept-ranges``, ``http-cache-control``, ``http-content-length``, ``http-content-range``,
    ``http-content-disposition``, ``http-content-encoding``, ``http-repr-digest``. There is at
    least one message, and the first carries the content type. Ranges count encoded bytes. Raises
    DataLoss if ``read`` does not yield exactly what was announced.
    """
    asked = _headers(context)
    answer = negotiate(
        size,
        etag,
        byte_range=asked.get("http-range"),
        if_none_match=asked.get("http-if-none-match"),
        if_range=asked.get("http-if-range"),
    )
    headers = {
        "http-status": str(answer.status),
        "http-etag": f'"{etag}"',
        "http-accept-ranges": "bytes",
        # Kept by the reader's own browser at most, and asked about before it is shown again:
        # so that no one reads without the service knowing.
        "http-cache-control": "private, no-cache",
    }
    if sha256 is not None and answer.status != 416:
        headers["http-repr-digest"] = f"sha-256=:{base64.b64encode(sha256).decode()}:"
    if answer.status in (200, 206):
        headers["http-content-length"] = str(answer.length)
        if filename is not None:
            headers["http-content-disposition"] = disposition(filename, inline=inline)
        if content_encoding is not None:
            headers["http-content-encoding"] = content_encoding
    if answer.status == 206:
        last = answer.start + answer.length - 1
        headers["http-content-range"] = f"bytes {answer.start}-{last}/{size}"
    if answer.status == 416:
        headers["http-content-range"] = f"bytes */{size}"
    await context.send_initial_metadata(tuple(headers.items()))
    if answer.length == 0:
        yield HttpBody(content_type=content_type)
        return
    async for body in _bodies(content_type, answer.length, read(answer.start, answer.length)):
        yield body


async def stream(
    context: grpc.aio.ServicerContext[Any, Any],
    *,
    content_type: str,
    pieces: AsyncIterator[bytes],
    filename: str,
) -> AsyncIterator[HttpBody]:
    """Answer a download that is made while it is sent: no size, no entity tag and no range.

    A failure before the first piece is the answer; one after it breaks the download off.
    """
    headers = {
        "http-status": "200",
        "http-cache-control": "private, no-cache",
        "http-content-disposition": disposition(filename),
    }
    begun = False
    async for piece in pieces:
        if not begun:
            await context.send_initial_metadata(tuple(headers.items()))
            begun = True
        view = memoryview(piece)
        for start in range(0, len(view), CHUNK_BYTES):
            yield HttpBody(content_type=content_type, data=bytes(view[start : start + CHUNK_BYTES]))
            content_type = ""


async def _bodies(content_type: str, length: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[HttpBody]:
    sent = 0
    async for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), CHUNK_BYTES):
            data = bytes(view[start : start + CHUNK_BYTES])
            sent += len(data)
            if sent > length:
                raise DataLoss("More bytes are stored than were announced.")
            yield HttpBody(content_type=content_type, data=data)
            content_type = ""
    if sent < length:
        raise DataLoss("Fewer bytes are stored than were announced.")


def negotiate(
    size: int,
    etag: str,
    *,
    byte_range: str | None = None,
    if_none_match: str | None = None,
    if_range: str | None = None,
) -> Answer:
    """Decide what a GET gets, in the order of RFC 9110 section 13.2.2.

    A range that is malformed, of another unit, one of several, or guarded by an ``If-Range`` that
    is not this very entity tag, is ignored: the whole is a correct answer to each.
    """
    whole = Answer(200, 0, size)
    if if_none_match is not None and _holds(if_none_match, etag):
        return Answer(304)
    if byte_range is None or size == 0:
        return whole
    if if_range is not None and if_range.strip() != f'"{etag}"':
        return whole
    match = _BYTE_RANGE.fullmatch(byte_range.strip())
    if match is None:
        return whole
    first, last = match["first"], match["last"]
    if not first:
        if not last:
            return whole
        length = min(int(last), size)
        return Answer(206, size - length, length) if length else Answer(416)
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return whole
    return Answer(206, start, end - start + 1) if start < size else Answer(416)


def disposition(filename: str, *, inline: bool = False) -> str:
    """Return a Content-Disposition (RFC 6266) that no name can break out of."""
    kind = "inline" if inline else "attachment"
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\/%' else "_" for char in filename
    )
    if plain == filename:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"


def _holds(if_none_match: str, etag: str) -> bool:
    """Compare weakly (RFC 9110 section 13.1.2): the caller's copy is current or it is not."""
    if if_none_match.strip() == "*":
        return True
    return any(match["opaque"] == etag for match in _ENTITY_TAG.finditer(if_none_match))


def _headers(context: grpc.aio.ServicerContext[Any, Any]) -> dict[str, str]:
    """Collect the text metadata; a header sent more than once is one list (RFC 9110 section 5.3)."""
    headers: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
