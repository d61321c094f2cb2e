"""The application: the API of all services, the console, and what operators ask for."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from gateway import contract, docs, pages
from gateway.auth import Callers, fault
from gateway.backends import Backends
from gateway.limits import Rates, Rooms
from gateway.login import Links, Login
from gateway.observation import PAGE, Observation
from gateway.perimeter import (
    CROSS_ORIGIN_REQUEST_HEADERS,
    CROSS_ORIGIN_RESPONSE_HEADERS,
    Headings,
    Hosts,
    allowed_hosts,
)
from gateway.responses import Additions
from gateway.settings import GatewaySettings
from gateway.transcoding import Fault, Options, Transcoder
from gateway.transcoding.streams import EVENTS
from services.channels import WorkloadToken
from services.tokens import TokenVerifier

if TYPE_CHECKING:
    from gateway.oidc.endpoints import SignIn

Endpoint = Callable[[Request], Awaitable[Response]]


def create(settings: GatewaySettings, backends: Backends, console: Path = pages.DIST) -> Starlette:
    """Put the application together; must run inside the event loop that the channels belong to.

    Its ``state.drain`` ends streams that would go on for minutes.
    """
    verifier = TokenVerifier.from_settings(settings)
    sign_in = _provider(settings, verifier) if settings.oidc_client_id else None
    callers = Callers(
        WorkloadToken(settings.workload_token_file),
        verifier,
        settings.gateway_public_url,
        sign_in.sessions if sign_in else None,
        has_links=sign_in is None or settings.login_directory is not None,
        rates=Rates(settings.requests_per_second, settings.requests_at_once),
    )
    login = Login(Links(settings.login_directory), verifier, callers, sign_in)
    transcoder = Transcoder(
        contract.image(),
        backends.by_service(),
        Options(
            error_domain=contract.ERROR_DOMAIN,
            maximum_body_bytes=settings.maximum_body_bytes,
            maximum_upload_bytes=settings.maximum_upload_bytes,
            upload_idle_timeout=settings.upload_idle_seconds,
            upload_timeout=settings.upload_timeout_seconds,
            metadata=callers.metadata,
            admission=Rooms.from_settings(settings).admission,
            unary_timeout=settings.unary_timeout_seconds,
            stream_timeout=settings.stream_timeout_seconds,
            usual_stream=EVENTS,
        ),
    )
    document = contract.document()
    api = orjson.dumps(document)
    application = Starlette(
        routes=[
            _page("/healthz", _alive),
            _page("/readyz", _readiness(backends)),
            _page("/openapi.json", _cached(api, "application/json")),
            _page("/docs", _cached(docs.render(document), "text/html; charset=utf-8", docs.POLICY)),
            _page("/login", login.login),
            _page("/login/callback", login.callback),
            _page("/login/options", login.options),
            _page("/logout", login.logout, "POST"),
            _page("/session", login.show),
            # Not a Mount, which would take the prefix off and send slashes around.
            Route("/api/{rest:path}", sign_in.bounded(transcoder) if sign_in else transcoder, methods=None),
            Mount("/", pages.Console(console)),
        ],
        middleware=[
            Middleware(Observation),
            Middleware(Additions),
            Middleware(Headings, is_https=settings.gateway_public_url.startswith("https://")),
            Middleware(Hosts, allowed=allowed_hosts(settings)),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.gateway_cors_origins,
                allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
                allow_headers=CROSS_ORIGIN_REQUEST_HEADERS,
                expose_headers=CROSS_ORIGIN_RESPONSE_HEADERS,
            ),
        ],
        exception_handlers={Fault: _refuse, HTTPException: _not_here, Exception: _broken},
    )
    application.state.drain = transcoder.drain
    return application


def _provider(settings: GatewaySettings, verifier: TokenVerifier) -> "SignIn":
    # It brings an HTTP client, which is much to carry for a gateway that nobody signs in at.
    from gateway.oidc.endpoints import SignIn

    return SignIn.from_settings(settings, verifier)


def _page(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
    async def named(request: Request) -> Response:
        request.scope[PAGE] = path
        return await endpoint(request)

    return Route(path, named, methods=[method])


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _readiness(backends: Backends) -> Endpoint:
    async def ready(_: Request) -> Response:
        unready = await backends.unready()
        status = "ready" if not unready else "not ready"
        return JSONResponse({"status": status, "unready": unready}, 503 if unready else 200)

    return ready


def _cached(content: bytes, content_type: str, policy: str = "") -> Endpoint:
    headers = {"etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "cache-control": "no-cache"}
    if policy:
        headers["content-security-policy"] = policy

    async def page(request: Request) -> Response:
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=content_type)

    return page


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Fault)
    return Response(error.body(), error.code, error.headers, "application/json")


async def _not_here(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        told = fault("UNIMPLEMENTED", "METHOD_NOT_ALLOWED", "This path does not take that method.")
    else:
        told = fault("NOT_FOUND", "PATH_UNKNOWN", "There is nothing at this path; /docs lists what there is.")
    told.code = error.status_code
    return Response(told.body(), told.code, error.headers, "application/json")


async def _broken(_: Request, __: Exception) -> Response:
    told = fault("INTERNAL", "INTERNAL", "The gateway failed; its log says how, by the request id.")
    return Response(told.body(), told.code, media_type="application/json")
