"""Responses: what of a service's answer HTTP may show, and how it is sent."""

from collections.abc import Sequence
from typing import Any

from isal import igzip
from starlette.datastructures import Headers
from starlette.types import Send

from gateway.transcoding.requests import qualities

Pairs = list[tuple[str, str]]

# What a service may set through initial metadata named `http-<header>`.
RESPONSE_HEADERS = frozenset(
    {
        "accept-ranges",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "etag",
        "last-modified",
        "location",
        "repr-digest",
        "vary",
    }
)
# These describe bytes that the service itself made; JSON is made here.
_BYTES_ONLY = frozenset(
    {
        "accept-ranges",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-range",
        "repr-digest",
    }
)
_STATUSES = frozenset({200, 201, 202, 204, 206, 304, 416})
_BODYLESS = frozenset({204, 304})


# Less than this a packet holds anyway.
_WORTH_COMPRESSING_BYTES = 1024


def compressed(headers: Pairs, body: bytes, asked: Headers) -> tuple[Pairs, bytes]:
    """Compress a JSON body for who accepts gzip (RFC 9110 section 12.5.3), where that is worth it.

    Not what bears an ETag: a strong one stands for these very bytes, and a weak one could not be sent back as
    `If-Match`.
    """
    if len(body) < _WORTH_COMPRESSING_BYTES or any(name == "etag" for name, _ in headers):
        return headers, body
    wanted = qualities(asked.get("accept-encoding", ""))
    if not wanted.get("gzip", wanted.get("*", 0.0)) > 0:
        return [*headers, ("vary", "accept-encoding")], body
    coded = [*headers, ("vary", "accept-encoding"), ("content-encoding", "gzip")]
    return coded, igzip.compress(body, compresslevel=1, mtime=0)


class Response:
    """The HTTP response, sent in one piece or in many."""

    def __init__(self, send: Send, head: bool) -> None:
        """Take where to send it; with `head`, nothing but status and headers."""
        self._send = send
        self._head = head
        self._bodyless = head
        self.is_complete = False

    async def whole(self, status: int, content_type: str, headers: Pairs, body: bytes) -> None:
        """Send all of it."""
        if status not in _BODYLESS and not any(name == "content-length" for name, _ in headers):
            headers = [*headers, ("content-length", str(len(body)))]
        await self.begin(status, content_type, headers)
        if not self.is_complete:
            self.is_complete = True
            await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def begin(self, status: int, content_type: str, headers: Pairs) -> None:
        """Send status and headers; a status that has no body ends it here."""
        self._bodyless = self._head or status in _BODYLESS
        if status not in _BODYLESS and content_type:
            headers = [("content-type", content_type), *headers]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        if self._bodyless:
            await self.end()

    async def more(self, body: bytes) -> None:
        """Send some of the body; does nothing behind the end."""
        if body and not self.is_complete:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """End it; does nothing the second time."""
        if not self.is_complete:
            self.is_complete = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def status_and_headers(initial: Sequence[tuple[str, Any]] | None, raw: bool) -> tuple[int, Pairs]:
    """Read status and headers from initial metadata; what is not expected there is left out."""
    status = 200
    headers: Pairs = []
    for key, value in initial or ():
        name = key.removeprefix("http-")
        if name == key or not isinstance(value, str):
            continue
        if name == "status":
            status = int(value) if value.isdecimal() and int(value) in _STATUSES else status
        elif name in RESPONSE_HEADERS and (raw or name not in _BYTES_ONLY):
            headers.append((name, value))
    return status, headers
