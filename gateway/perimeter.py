"""The perimeter: which hosts this site answers to, and what browsers may do with its answers."""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth import fault
from gateway.contract import PROBES
from gateway.settings import GatewaySettings
from gateway.transcoding.transcoder import respond

# Of the console: its own files only. It may show this site's PDFs in a frame, and nobody may show it in one.
CONSOLE_POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "frame-src 'self' blob:",
        "object-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
# Of answers that are no page: should a browser take one for a page, it may do nothing.
_DATA_POLICY = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Of PDFs: viewers break under more than this, and run no script of this origin anyway.
_PDF_POLICY = b"frame-ancestors 'self'"
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


# What pages of other sites may send and read, where they are let in at all; never with the session cookie.
CROSS_ORIGIN_REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "last-event-id",
    "range",
    "request-timeout",
    "traceparent",
    "x-request-id",
)
CROSS_ORIGIN_RESPONSE_HEADERS = (
    "content-disposition",
    "content-range",
    "etag",
    "ratelimit",
    "ratelimit-policy",
    "repr-digest",
    "retry-after",
    "x-request-id",
)


def allowed_hosts(settings: GatewaySettings) -> frozenset[str] | None:
    """Return the host names this site goes by; None for any.

    On loopback a page of any site could otherwise have its own name point here and speak as this origin
    (DNS rebinding). Elsewhere the name is the ingress's business unless it is set.
    """
    public = urlsplit(settings.gateway_public_url).hostname
    if settings.is_loopback:
        return frozenset(
            {"127.0.0.1", "localhost", "::1", settings.gateway_host, *([public] if public else [])}
        )
    return frozenset({public}) if public else None


class Hosts:
    """Middleware that refuses requests for any other host."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str] | None) -> None:
        """Wrap the application; None admits every host."""
        self._app = app
        self._allowed = None if allowed is None else frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or answer 421 (RFC 9110 section 15.5.20)."""
        if scope["type"] == "http" and self._allowed is not None and scope["path"] not in PROBES:
            host = Headers(scope=scope).get("host", "")
            if _name(host) not in self._allowed:
                refusal = fault(
                    "PERMISSION_DENIED", "HOST_UNKNOWN", "This site does not go by that host name."
                )
                refusal.code = 421
                await respond(refusal, scope, send)
                return
        await self._app(scope, receive, send)


@lru_cache(256)
def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _on_content(policy: bytes, framing: bytes) -> dict[bytes, bytes]:
    return {
        b"content-security-policy": policy,
        b"x-frame-options": framing,
        b"cache-control": b"no-store",
    }


class Headings:
    """Middleware that adds the headers which keep browsers careful."""

    def __init__(self, app: ASGIApp, is_https: bool = False) -> None:
        """Wrap the application; over https, browsers are told to stay there."""
        self._app = app
        self._always = dict(_ALWAYS)
        if is_https:
            self._always[b"strict-transport-security"] = b"max-age=31536000"
        # What "not modified" says replaces what the browser keeps (RFC 9111, 3.2), and it has no type to
        # judge by: it says neither, and what holds is what came with the answer that is kept.
        self._of_data = self._always | _on_content(_DATA_POLICY, b"DENY")
        self._of_pdfs = self._always | _on_content(_PDF_POLICY, b"SAMEORIGIN")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request with the headers added that it does not set itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = dict(message["headers"])
                defaults = self._of_data
                if message["status"] == 304:
                    defaults = self._always
                elif own.get(b"content-type", b"").startswith(b"application/pdf"):
                    defaults = self._of_pdfs
                added = [pair for pair in defaults.items() if pair[0] not in own]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, headed)
