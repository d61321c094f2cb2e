"""Credentials: what speaks for a request, and what the services are told about its caller.

The gateway's word counts for nothing: it passes the bearer on and each service verifies it again. It
verifies too, so that a stranger's request is refused before its body is read, and refuses what another
site made a browser send with this site's cookie.
"""

import math
import re
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, cookie_parser
from starlette.types import Scope

from gateway.contract import COOKIE, ERROR_DOMAIN
from gateway.observation import request_id
from gateway.transcoding import Fault
from services.channels import WorkloadToken
from services.errors import ServiceError
from services.tokens import TokenVerifier

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_LONGEST_USER_AGENT = 256


def cookie_name(connection: HTTPConnection) -> str:
    """Return the name of the session cookie at the port that the browser asked."""
    port = connection.url.port
    return COOKIE if port is None else f"{COOKIE}_{port}"


def fault(status: str, reason: str, message: str, **headers: str) -> Fault:
    """Make a refusal of the gateway's own, in the form of all others."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": ERROR_DOMAIN,
        "metadata": {},
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status, message, details=[info], headers=named)


def from_service_error(error: ServiceError) -> Fault:
    """Tell a failure of the chassis over HTTP."""
    headers = {"www_authenticate": "Bearer"} if error.code == "UNAUTHENTICATED" else {}
    if error.retry_after is not None:
        headers["retry_after"] = str(math.ceil(error.retry_after))
    return fault(error.code, error.reason, error.message, **headers)


class SessionBearer(Protocol):
    """Sessions that are more than a token in a cookie."""

    async def bearer(self, connection: HTTPConnection) -> str | None:
        """Return the token of the request's session, or None if it has none. Raises Fault."""


class Counted(Protocol):
    """What counts requests."""

    def take(self, subject: str, scope: Scope) -> None:
        """Count one request of a subject. Raises Fault (429)."""


class Callers:
    """Says who calls, in the metadata that services believe."""

    def __init__(
        self,
        token: WorkloadToken,
        verifier: TokenVerifier,
        public_url: str = "",
        sessions: SessionBearer | None = None,
        *,
        has_links: bool = True,
        rates: Counted | None = None,
    ) -> None:
        """Take the gateway's own token, who says whom a token speaks for, and the origin that browsers see.

        An empty ``public_url`` means that they see the address itself. Without ``has_links`` no cookie is
        believed to be a token by itself.
        """
        self._token = token
        self._verifier = verifier
        self._public_url = public_url
        self._sessions = sessions
        self._has_links = has_links
        self._rates = rates

    async def metadata(self, scope: Scope) -> list[tuple[str, str | bytes]]:
        """Return the metadata of one call. Raises Fault for a request that may not be passed on."""
        connection = HTTPConnection(scope)
        bearer = await self.bearer(connection)
        try:
            principal = await self._verifier.verify(bearer)
        except ServiceError as error:
            raise from_service_error(error) from error
        if self._rates is not None:
            self._rates.take(principal.subject, scope)
        headers = connection.headers
        pairs = [
            ("authorization", f"Bearer {bearer}"),
            ("x-request-id", request_id(scope)),
            ("x-leadfactory-client-user-agent", _printable(headers.get("user-agent", ""))),
        ]
        if own := self._own_token():
            pairs.append(("x-leadfactory-peer", own))
        if connection.client:
            # The socket's peer: a header that says otherwise is the client's own word.
            pairs.append(("x-leadfactory-client-ip", connection.client.host))
        traceparent = headers.get("traceparent", "")
        if _TRACEPARENT.fullmatch(traceparent):
            pairs.append(("traceparent", traceparent))
        return [*pairs]

    async def bearer(self, connection: HTTPConnection) -> str:
        """Return the token that comes with the request. Raises Fault if there is none to be used."""
        given = connection.headers.get("authorization")
        if given is not None:
            found = _BEARER.fullmatch(given.strip())
            if not found:
                raise unauthenticated("The Authorization header must be 'Bearer <token>'.")
            return found[1]
        token = await self._sessions.bearer(connection) if self._sessions is not None else None
        if token is None and self._has_links:
            token = cookie_parser(connection.headers.get("cookie", "")).get(cookie_name(connection), "")
        if not token:
            raise unauthenticated(
                "Send 'Authorization: Bearer <token>', or sign in. On one machine `make token` and"
                " `make login` give you either."
            )
        self.require_same_origin(connection)
        # Whatever the cookie holds goes into a header: nothing but a token may.
        if not _BEARER.fullmatch(f"bearer {token}"):
            raise unauthenticated("The session cookie holds no token; log in again.")
        return token

    def require_same_origin(self, connection: HTTPConnection) -> None:
        """Refuse an unsafe request that a page of another site made the browser send. Raises Fault (403)."""
        if connection.scope["method"] in SAFE_METHODS:
            return
        site = connection.headers.get("sec-fetch-site")
        origin = connection.headers.get("origin", "")
        if site == "same-origin" or (site is None and self._is_own(origin, connection)):
            return
        raise fault(
            "PERMISSION_DENIED",
            "CROSS_ORIGIN",
            "The session cookie may change things from this site's own pages only; send a bearer token.",
        )

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Browsers reach this site over TLS."""
        return (urlsplit(self._public_url).scheme or connection.url.scheme) == "https"

    def _is_own(self, origin: str, connection: HTTPConnection) -> bool:
        own = self._public_url or f"{connection.url.scheme}://{connection.headers.get('host', '')}"
        return bool(origin) and origin == own

    def _own_token(self) -> str:
        try:
            return self._token.current()
        except OSError:
            raise fault(
                "UNAVAILABLE",
                "WORKLOAD_TOKEN_MISSING",
                "The gateway has no token of its own yet.",
                retry_after="1",
            ) from None


def unauthenticated(message: str) -> Fault:
    """Make a 401."""
    return fault(
        "UNAUTHENTICATED", "CREDENTIAL_MISSING", message, www_authenticate='Bearer realm="leadfactory"'
    )


def _printable(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text[:_LONGEST_USER_AGENT])
