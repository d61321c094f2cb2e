"""Pages through the door: one GET with its redirects, capped in bytes, hops and decompression."""

import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from services.egress import Garbled, Refused, Unreachable
from services.egress.dial import Door, Ports
from services.errors import InvalidArgument
from services.hosts import host_name

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
Permit = Callable[[httpx.URL], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one page may cost: bytes on the wire, bytes once decompressed, seconds between bytes."""

    body_bytes: int = 1024 * 1024
    decoded_bytes: int = 4 * 1024 * 1024
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """The answer at the end of the redirects.

    `body` is what could be read and decoded, `body_bytes` counts what came over the wire, and
    `body_problem` says why these are not the whole (empty: they are).
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    head: bytes
    body: bytes
    body_bytes: int
    body_problem: str

    def header(self, name: str) -> list[str]:
        """Every value of a header, in order; `name` in lower case."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a GET led: the URLs on its way, in order, and either the page at the end or what stopped it."""

    urls: tuple[str, ...]
    outcome: Page | Refused | Unreachable | Garbled


class EgressTransport(httpx.AsyncBaseTransport):
    """An httpx transport whose only way out is the door.

    It is used without an `httpx.Client`, and therefore knows no proxies, cookies, netrc or redirects.
    """

    def __init__(self, door: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext, limits: Limits) -> None:
        """Take the door, whom to trust, and what a page may cost."""
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, network_backend=door, max_connections=4, retries=0
        )
        seconds = limits.timeout_seconds
        self._timeout = {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises Refused, Unreachable and Garbled."""
        url = request.url
        with _failures():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.read(),
                    extensions={"timeout": self._timeout},
                )
            )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), request=request
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _failures():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


async def visit(
    door: Door,
    tls: ssl.SSLContext,
    limits: Limits,
    url: str,
    *,
    redirects: int = MAX_REDIRECTS,
    permit: Permit | None = None,
) -> Visit:
    """GET `url` and follow at most so many redirects, each through the door, and each if it is permitted.

    `permit` raises what keeps a URL from being asked.
    """
    urls: list[str] = []
    async with EgressTransport(door, tls, limits) as transport:
        try:
            target = _checked(url, door.ports)
            while True:
                urls.append(str(target))
                if permit:
                    await permit(target)
                request = httpx.Request(
                    "GET",
                    target,
                    headers={
                        "User-Agent": door.user_agent,
                        "Accept": "text/html,*/*;q=0.5",
                        "Accept-Encoding": "gzip",
                    },
                )
                response = await transport.handle_async_request(request)
                try:
                    location = response.headers.get("location")
                    if response.status_code not in _REDIRECTS or not location:
                        return Visit(tuple(urls), await _read(response, limits))
                finally:
                    await response.aclose()
                if len(urls) > redirects:
                    raise Refused(f"more than {redirects} redirects")
                try:
                    target = _checked(location, door.ports, base=target)
                except Refused as refusal:
                    raise Refused(f"a redirect to {location[:200]!r}: {refusal}") from refusal
        except (Refused, Unreachable, Garbled) as failure:
            return Visit(tuple(urls) or (url,), failure)


def _checked(location: str, ports: Ports, base: httpx.URL | None = None) -> httpx.URL:
    """Return an absolute http(s) URL of a public name; raises Refused. Nothing is looked up here."""
    if any(ord(character) <= 32 or character == "\\" for character in location.strip()):
        raise Refused("a URL has no spaces, backslashes or control characters")
    try:
        url = base.join(location.strip()) if base else httpx.URL(location)
    except httpx.InvalidURL as error:
        raise Refused(f"this is no URL: {error}") from error
    if url.scheme not in ("http", "https"):
        raise Refused("only http and https are followed")
    if url.port is not None:
        # The door checks this as well; but httpcore takes port 0 for the scheme's own.
        ports.dialled(url.port)
    if url.userinfo:
        raise Refused("the URL has credentials in it")
    try:
        # Not url.host, which breaks on an A-label that is none.
        host = host_name(url.raw_host.decode("ascii"))
    except InvalidArgument as error:
        raise Refused(f"the URL's host {error.violations[0].description}") from error
    return url.copy_with(host=host, fragment=None)


async def _read(response: httpx.Response, limits: Limits) -> Page:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    decoder = zlib.decompressobj(wbits=31) if encoding in ("gzip", "x-gzip") else None
    problem = (
        "" if decoder or encoding in ("", "identity") else f"encoded as {encoding!r}, which was not asked for"
    )
    parts: list[bytes] = []
    received = decoded = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if received > limits.body_bytes:
            problem = f"longer than {limits.body_bytes} bytes; the rest was not read"
            break
        if problem:
            continue
        if decoder:
            try:
                # One byte more than the cap is enough to know; the bomb's rest stays compressed.
                chunk = decoder.decompress(chunk, limits.decoded_bytes - decoded + 1)
            except zlib.error:
                problem = "encoded as gzip, but no gzip"
                continue
        decoded += len(chunk)
        if decoded > limits.decoded_bytes:
            problem = f"longer than {limits.decoded_bytes} bytes once decompressed; the rest was not read"
            break
        parts.append(chunk)
    if decoder and not problem and not decoder.eof:
        problem = "the gzip stream ends too early"
    headers = tuple((key.lower(), value) for key, value in response.headers.multi_items())
    head = b"".join(b"%b: %b\r\n" % pair for pair in response.headers.raw)
    return Page(
        str(response.request.url), response.status_code, headers, head, b"".join(parts), received, problem
    )


@contextmanager
def _failures() -> Iterator[None]:
    """Turn what httpcore raises into the words of this package."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise Unreachable("the server did not answer in time") from error
    except httpcore.ConnectError as error:
        raise Unreachable(tls_failure(error)) from error
    except httpcore.ProtocolError as error:
        raise Garbled("the server does not speak HTTP/1.1") from error
    except httpcore.NetworkError as error:
        raise Unreachable("the connection broke") from error


def tls_failure(error: BaseException) -> str:
    """Say why a TLS handshake failed, in OpenSSL's words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return f"TLS failed: {cause.reason.lower().replace('_', ' ')}"
        cause = cause.__cause__ or cause.__context__
    return "TLS failed: the server closed the connection"
