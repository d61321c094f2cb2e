"""Requests as they come off the wire: body, content type, deadline, and what of their headers goes on."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from gateway.transcoding.errors import Faults
from gateway.transcoding.options import Options
from gateway.transcoding.scalars import InvalidField

_GRPC_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_REQUEST_TIMEOUT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
_JSON = re.compile(r"application/(?:[a-z0-9.!#$&^_-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Form, preconditions and range of a download, which only the service can judge (RFC 9110 sections 12 to 14).
DOWNLOAD_HEADERS = ("accept", "if-none-match", "range", "if-range")
_LONGEST_HEADER = 1024
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*$", re.IGNORECASE)
_DISCARDED_BYTES = 32 * 1024 * 1024
_DISCARD_SECONDS = 5.0


class Disconnected(Exception):
    """The client went away; nobody reads an answer."""


def raw_path(scope: Scope) -> str:
    """Return the path as sent, still percent-encoded, below where the application is mounted."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1").removeprefix(scope.get("root_path", ""))


def query(scope: Scope) -> list[tuple[str, str]]:
    """Return the query's pairs in order. Raises InvalidField if it is not percent-encoded UTF-8."""
    try:
        text = scope["query_string"].decode("ascii")
        if _STRAY_PERCENT.search(text):
            raise InvalidField(
                "", "a '%' in the query is not followed by two hexadecimal digits", "INVALID_QUERY"
            )
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise InvalidField("", "The query is not UTF-8 in percent-encoding", "INVALID_QUERY") from None


async def body(receive: Receive, headers: Headers, options: Options, faults: Faults) -> bytes:
    """Read the whole body. Raises Fault (408 too slow, 413 too large) and Disconnected."""
    try:
        async with asyncio.timeout(options.body_timeout):
            return await _whole(receive, headers, options.maximum_body_bytes, faults)
    except TimeoutError:
        raise faults.too_slow(options.body_timeout) from None


async def _whole(receive: Receive, headers: Headers, limit: int, faults: Faults) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        if "expect" not in headers:
            await discard(receive)
        raise faults.too_large(limit)
    read = []
    size = 0
    async for part in parts(receive):
        size += len(part)
        if size > limit:
            await discard(receive)
            raise faults.too_large(limit)
        read.append(part)
    return b"".join(read)


async def parts(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises Disconnected."""
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Disconnected
        yield event.get("body", b"")
        more = event.get("more_body", False)


async def discard(receive: Receive, most: int = _DISCARDED_BYTES, seconds: float = _DISCARD_SECONDS) -> None:
    """Let the client finish sending, within reason: closing on it would lose the answer on its way."""
    left = most
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for part in parts(receive):
                left -= len(part)
                if left < 0:
                    return


def require_json(headers: Headers, faults: Faults) -> None:
    """Raise Fault (415) unless the body says that it is JSON, in UTF-8 and without a content coding."""
    given = headers.get("content-type", "")
    if not _JSON.fullmatch(given) or headers.get("content-encoding", "identity") != "identity":
        raise faults.wrong_content_type(given)


def qualities(header: str) -> dict[str, float]:
    """Return what an `Accept` or `Accept-Encoding` names, in lower case, and how much it is liked."""
    found = {}
    for each in header.split(","):
        quality = _QUALITY.search(each)
        found[each.partition(";")[0].strip().lower()] = float(quality[1]) if quality else 1.0
    return found


def timeout(headers: Headers, longest: float) -> float:
    """Return the seconds that a call may take: the client may only shorten them. Raises InvalidField."""
    seconds = longest
    if (text := headers.get("grpc-timeout")) is not None:
        found = _GRPC_TIMEOUT.fullmatch(text)
        if not found:
            raise InvalidField(
                "Grpc-Timeout", "must be digits and one of H M S m u n, such as 500m", "INVALID_HEADER"
            )
        seconds = min(seconds, int(found[1]) * _SECONDS[found[2]])
    if (text := headers.get("request-timeout")) is not None:
        if not _REQUEST_TIMEOUT.fullmatch(text):
            raise InvalidField(
                "Request-Timeout", "must be a number of seconds, such as 2.5", "INVALID_HEADER"
            )
        seconds = min(seconds, float(text))
    return seconds


def metadata(headers: Headers, allowed: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what goes on to the service: allowed headers only, under the metadata key of each."""
    for name, key in allowed.items():
        value = headers.get(name)
        if value and len(value) <= _LONGEST_HEADER and value.isascii() and value.isprintable():
            yield key, value
