"""Calls to other services: deadlines, retries, identity, and failures as ServiceErrors.

Inside an RPC the caller's token is forwarded, with this process's own beside it. In a worker this
process is the principal, and names the person whose work it carries out.
"""

import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from services import connections, identity, status
from services.certificates import Certificates
from services.errors import DeadlineExceeded
from services.settings import ServiceSettings

DEFAULT_DEADLINE_SECONDS = 5.0
# Kept back from what the caller allows, to answer in time that the call beyond was too slow.
RESERVED_SECONDS = 0.02
MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024

SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            # A connection that breaks may have carried the request: services ask each other only what
            # may be asked twice, to read or to record the same facts again.
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}

OPTIONS = [
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    # A failure travels as metadata, and names every wrong field.
    ("grpc.max_metadata_size", 32 * 1024),
    # A service that was restarted is found again at once, not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class WorkloadToken:
    """This process's own token, read again whenever its file changes."""

    def __init__(self, path: Path | None) -> None:
        """Name the file; without one this process has no identity."""
        self._path = path
        self._modified = -1
        self._token = ""

    def current(self) -> str:
        """Return the token, or nothing if this process has none."""
        if self._path is None:
            return ""
        modified = self._path.stat().st_mtime_ns
        if modified != self._modified:
            self._token, self._modified = self._path.read_text().strip(), modified
        return self._token


def open_channel(address: str, settings: ServiceSettings) -> grpc.aio.Channel:
    """Open a channel to ``host:port`` or ``dns:///host:port``; must run inside the event loop."""
    caller = _Caller(WorkloadToken(settings.workload_token_file))
    return connections.connect(
        address,
        Certificates.of(settings),
        OPTIONS,
        [_UnaryUnary(caller), _UnaryStream(caller), _StreamUnary(caller)],
    )


class _Caller:
    """Prepares outgoing calls."""

    def __init__(self, token: WorkloadToken) -> None:
        self._token = token

    def prepare(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        """Add deadline and metadata."""
        timeout = details.timeout if details.timeout is not None else DEFAULT_DEADLINE_SECONDS
        call = identity.current_call()
        if call is not None and call.deadline is not None:
            timeout = min(timeout, call.deadline - time.monotonic() - RESERVED_SECONDS)
            if timeout <= 0:
                raise DeadlineExceeded("There is no time left to ask another service.")
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        for key, value in self._metadata(call).items():
            metadata.add(key, value)
        return grpc.aio.ClientCallDetails(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready
        )

    def _metadata(self, call: identity.Call | None) -> dict[str, str]:
        token = self._token.current()
        metadata: dict[str, str] = {}
        if call is not None and call.bearer:
            metadata["authorization"] = f"Bearer {call.bearer}"
            if token:
                metadata["x-leadfactory-peer"] = token
        elif token:
            metadata["authorization"] = f"Bearer {token}"
            actor = identity.actor_if_any()
            if actor is not None and actor.is_person:
                # Metadata is ASCII; a subject need not be.
                metadata["x-leadfactory-on-behalf-of"] = quote(actor.subject)
        if call is not None:
            metadata["x-request-id"] = call.request_id
            if call.traceparent:
                metadata["traceparent"] = call.traceparent
        return metadata


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, caller: _Caller) -> None:
        self._caller = caller

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        return await _answer(continuation(self._caller.prepare(client_call_details), request))


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, caller: _Caller) -> None:
        self._caller = caller

    async def intercept_stream_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: grpc.aio.ClientCallDetails,
        request_iterator: AsyncIterable[Any] | Iterable[Any],
    ) -> Any:
        return await _answer(continuation(self._caller.prepare(client_call_details), request_iterator))


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, caller: _Caller) -> None:
        self._caller = caller

    async def intercept_unary_stream(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> AsyncIterator[Any]:
        call = await continuation(self._caller.prepare(client_call_details), request)
        return _replies(call)


async def _answer(call: Awaitable[Any]) -> Any:
    """Wait for the one reply, so that a failure is raised here as a ServiceError."""
    made = await call
    try:
        await made
    except grpc.aio.AioRpcError as error:
        raise status.from_rpc_error(error) from error
    return made


async def _replies(call: AsyncIterable[Any]) -> AsyncIterator[Any]:
    try:
        async for reply in call:
            yield reply
    except grpc.aio.AioRpcError as error:
        raise status.from_rpc_error(error) from error
