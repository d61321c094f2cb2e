"""Logging in and out: by a one-time link that becomes a cookie, or at the OpenID provider.

Whoever may write to the login directory makes links: a file named by the SHA-256 of a token, holding a
bearer. The token itself is nowhere on disk, and a link works once, even with two gateways on one directory.
"""

import asyncio
import hashlib
import re
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from gateway import pages
from gateway.auth import Callers, cookie_name, from_service_error
from gateway.transcoding import Fault
from services.errors import ServiceError
from services.tokens import Principal, TokenVerifier

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")
LINK_SECONDS = 3600


class Links:
    """The directory of one-time logins."""

    def __init__(self, directory: Path | None) -> None:
        """Take the directory; without one there are no links."""
        self._directory = directory

    def take(self, token: str) -> str:
        """Return the bearer behind a link and make the link useless; empty for a used or unknown one."""
        if self._directory is None or not _TOKEN.fullmatch(token):
            return ""
        link = self._directory / hashlib.sha256(token.encode()).hexdigest()
        # Two may try at once, but only one of them can rename it away.
        taken = link.with_name(f"{link.name}.{uuid.uuid4().hex}.taken")
        try:
            link.rename(taken)
        except OSError:
            return ""
        try:
            fresh = taken.stat().st_mtime > time.time() - LINK_SECONDS
            return taken.read_text().strip() if fresh else ""
        except OSError:
            # Made by another account; the same to whoever came with it as a used one.
            return ""
        finally:
            taken.unlink(missing_ok=True)


class Provider(Protocol):
    """Signing in somewhere else."""

    async def begin(self, request: Request) -> Response:
        """Send the browser there."""

    async def finish(self, request: Request) -> Response:
        """Take what the browser brings back."""

    async def leave(self, request: Request) -> Response:
        """End the session here, and say where it is to be ended there."""


class Login:
    """The endpoints /login, /logout and /session."""

    def __init__(
        self, links: Links, verifier: TokenVerifier, callers: Callers, provider: Provider | None = None
    ) -> None:
        """Take where links are, who says whether a bearer is genuine, and where else people sign in."""
        self._links = links
        self._verifier = verifier
        self._callers = callers
        self._provider = provider

    async def login(self, request: Request) -> Response:
        """Exchange a one-time link for the cookie and go to the console; without a link, go and sign in."""
        if request.method == "HEAD" or "prefetch" in request.headers.get("sec-purpose", ""):
            # Looking is not using: a preview must not spend the link.
            return Response(status_code=503, headers={"cache-control": "no-store"})
        if self._provider is not None and "token" not in request.query_params:
            return await self._provider.begin(request)
        bearer = await asyncio.to_thread(self._links.take, request.query_params.get("token", ""))
        try:
            principal = await self._verifier.verify(bearer) if bearer else None
        except ServiceError:
            principal = None
        if principal is None:
            # The link may be one that this browser itself has used.
            return RedirectResponse("/", 303) if await self._is_logged_in(request) else pages.link_is_used()
        response = RedirectResponse("/", 303, headers={"cache-control": "no-store"})
        response.set_cookie(
            cookie_name(request),
            bearer,
            max_age=max(0, int(principal.expires_at - time.time())),
            path="/",
            secure=self._callers.is_secure(request),
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(self, request: Request) -> Response:
        """Take a browser back from the provider."""
        if self._provider is None:
            raise HTTPException(404)
        return await self._provider.finish(request)

    async def options(self, _: Request) -> Response:
        """Say where a browser signs in; nowhere, if links are the only way."""
        return JSONResponse({"sign_in": None if self._provider is None else "/login"})

    async def logout(self, request: Request) -> Response:
        """Make the browser forget the cookies, and the provider the session."""
        self._callers.require_same_origin(request)
        response = (
            Response(status_code=204) if self._provider is None else await self._provider.leave(request)
        )
        response.delete_cookie(
            cookie_name(request),
            path="/",
            secure=self._callers.is_secure(request),
            httponly=True,
            samesite="lax",
        )
        return response

    async def show(self, request: Request) -> Response:
        """Say who is logged in and until when."""
        principal = await self._principal(request)
        expires_at = datetime.fromtimestamp(principal.expires_at, UTC)
        return JSONResponse(
            {
                "subject": principal.subject,
                "roles": sorted(principal.roles),
                "expires_at": expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            }
        )

    async def _principal(self, request: Request) -> Principal:
        try:
            return await self._verifier.verify(await self._callers.bearer(request))
        except ServiceError as error:
            raise from_service_error(error) from error

    async def _is_logged_in(self, request: Request) -> bool:
        try:
            await self._principal(request)
        except Fault:
            return False
        return True
