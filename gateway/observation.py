"""What is seen of every request: an id, a metric by route template, and one log line.

Neither holds a query string, a header's value or a path that no route took: tokens may stand in any of them.
"""

import re
import time

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.contract import PROBES
from gateway.transcoding.transcoder import ROUTE
from services.ids import uuid7

HTTP_HANDLED = "http.handled"
# What a request is counted under where the transcoder did not choose a route.
PAGE = "leadfactory.page"
_REQUEST_ID = "leadfactory.request_id"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

DURATION = Histogram(
    "http_server_request_duration_seconds",
    "How long requests took, to the last byte of the response.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

log = structlog.get_logger(__name__)


def request_id(scope: Scope) -> str:
    """Return the id that this request has in the logs of every process."""
    found: str = scope[_REQUEST_ID]
    return found


class Observation:
    """Middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        scope[_REQUEST_ID] = given if _SANE_ID.fullmatch(given) else str(uuid7())
        began = time.perf_counter()
        # 499: the client went away before there was an answer.
        status = 499

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                named = (b"x-request-id", scope[_REQUEST_ID].encode("ascii"))
                message["headers"] = [*message["headers"], named]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            status = 500
            raise
        finally:
            _note(scope, status, time.perf_counter() - began)


def _note(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    route = scope.get(ROUTE) or scope.get(PAGE) or "unmatched"
    DURATION.labels(method, route, str(status)).observe(seconds)
    # A probe asks every few seconds and is of interest to nobody until it fails.
    note = log.debug if route in PROBES and status < 400 else log.info
    note(
        HTTP_HANDLED,
        http_method=method,
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 2),
        request_id=scope[_REQUEST_ID],
    )
