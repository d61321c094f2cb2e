"""What happens around every RPC, in this order, the first outermost:

1. ``context``     who called which method, under which request id, until when: all else reads it
2. ``metrics``     outside of errors, so that denied and malformed calls are counted too
3. ``errors``      outside of the checks, so that every refusal is told in one form
4. ``identity``    whose token is it; sets the actor
5. ``refusals``    hands what is refused or fails from here on to the service, if it wants to note it
6. ``access``      may they; reads the method's option, and no option means no
7. ``validation``  is the request well formed; last, so that strangers learn nothing from it

`services/rpc.py` leads an RPC through them.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

import grpc
import structlog
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from protos.leadfactory.options.v1 import access_pb2
from services import connections, identity, status, telemetry
from services.errors import (
    DeadlineExceeded,
    PermissionDenied,
    ServiceError,
    Unauthenticated,
)
from services.ids import uuid7
from services.rpc import Handle, Method, Rpc, Step
from services.tokens import Principal, TokenVerifier
from services.validation import Undecodable, validate

# Below this much time left an answer could not reach the caller any more.
LEAST_USEFUL_SECONDS = 0.02
# An answer waits no longer than this for its refusal to be noted.
NOTING_SECONDS = 1.0
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Refusal:
    """A call of somebody known that came to nothing."""

    method: str
    """``package.Service/Method``."""
    request: Message | None
    """What was asked for, not validated; None for a stream of requests."""
    code: str
    """Name of the gRPC status it ends with."""
    reason: str


OnRefusal = Callable[[Refusal], Awaitable[None]]
"""Notes a refusal, as the actor whose call it was. Must decide itself which ones matter."""


def steps(
    verifier: TokenVerifier, on_refusal: OnRefusal | None = None, *, certified: bool = False
) -> list[Step]:
    """Return the steps in their order; ``certified`` if callers show certificates."""
    noting = [refusals(on_refusal)] if on_refusal is not None else []
    return [
        context,
        metrics,
        errors,
        identity_step(verifier, certified=certified),
        *noting,
        access,
        validation,
    ]


def context(method: Method, rest: Handle) -> Handle:
    """Name the call for everything inside it."""

    async def named(rpc: Rpc) -> Any:
        given = rpc.metadata.get("x-request-id", "")
        remaining = rpc.context.time_remaining()
        call = identity.Call(
            method=method.full_name,
            request_id=given if REQUEST_ID.fullmatch(given) else str(uuid7()),
            traceparent=rpc.metadata.get("traceparent", "")[:64],
            bearer=_bearer(rpc.metadata),
            deadline=None if remaining is None else time.monotonic() + remaining,
        )
        with identity.serving(call):
            return await rest(rpc)

    return named


def metrics(method: Method, rest: Handle) -> Handle:
    """Count the call, time it, and log how it ended."""
    if method.is_open:
        return rest
    labels = (method.kind, method.service, method.name)
    started, handling = telemetry.STARTED.labels(*labels), telemetry.HANDLING.labels(*labels)
    handled = cache(lambda code: telemetry.HANDLED.labels(*labels, code))

    async def measured(rpc: Rpc) -> Any:
        started.inc()
        telemetry.IN_FLIGHT.inc()
        began = time.perf_counter()
        try:
            return await rest(rpc)
        except BaseException:
            rpc.code = rpc.code if rpc.code != "OK" else "CANCELLED"
            raise
        finally:
            seconds = time.perf_counter() - began
            telemetry.IN_FLIGHT.dec()
            handling.observe(seconds)
            handled(rpc.code).inc()
            log.info(telemetry.RPC_HANDLED, code=rpc.code, milliseconds=round(seconds * 1000, 2))

    return measured


def errors(method: Method, rest: Handle) -> Handle:
    """Tell failures the AIP-193 way; what nobody foresaw is logged here and told as INTERNAL."""

    async def told(rpc: Rpc) -> Any:
        try:
            remaining = rpc.context.time_remaining()
            if remaining is not None and remaining < LEAST_USEFUL_SECONDS:
                raise DeadlineExceeded("There is no time left to answer.")
            return await rest(rpc)
        except ServiceError as error:
            rpc.code = error.code
            await _abort(rpc, status.to_status(error))
        except (grpc.aio.AbortError, grpc.aio.UsageError):
            rpc.code = "ABORTED" if rpc.code == "OK" else rpc.code
            raise
        except Exception:
            rpc.code = "INTERNAL"
            log.exception(telemetry.RPC_FAILED)
            failure = ServiceError(
                "Something unforeseen went wrong. The log names it under this request id.",
                reason="INTERNAL",
                metadata={"request_id": _request_id()},
            )
            failure.code = "INTERNAL"
            await _abort(rpc, status.to_status(failure))

    return told


def identity_step(verifier: TokenVerifier, *, certified: bool = False) -> Step:
    """Return the step that finds out who is calling; raises Unauthenticated.

    Where callers show certificates, a process's token is good only from a process that it was made for.
    """

    def step(method: Method, rest: Handle) -> Handle:
        return rest if method.is_open else partial(identified, rest)

    async def identified(rest: Handle, rpc: Rpc) -> Any:
        bearer = _bearer(rpc.metadata)
        if not bearer:
            raise Unauthenticated(
                "There is no bearer token. Send `authorization: Bearer …`.", reason="TOKEN_MISSING"
            )
        principal = await verifier.verify(bearer)
        peer = await _peer(rpc, verifier)
        if certified:
            _hold_to_certificate(rpc, principal.workload, peer)
        with identity.acting_as(_actor(rpc, principal, peer)):
            return await rest(rpc)

    return step


def refusals(note: OnRefusal) -> Step:
    """Return the step that has refusals noted before they are answered.

    Noting may take NOTING_SECONDS; then, or if it fails, the answer goes out without it and the log
    says so, because what was refused stays refused.
    """

    async def noted(method: Method, rpc: Rpc, code: str, reason: str) -> None:
        request = rpc.request if isinstance(rpc.request, Message) else None
        try:
            async with asyncio.timeout(NOTING_SECONDS):
                await note(Refusal(method.full_name, request, code, reason))
        except Exception:
            telemetry.UNNOTED.inc()
            log.exception(telemetry.REFUSAL_UNNOTED, code=code, reason=reason)

    def step(method: Method, rest: Handle) -> Handle:
        async def watched(rpc: Rpc) -> Any:
            try:
                return await rest(rpc)
            except ServiceError as error:
                await noted(method, rpc, error.code, error.reason)
                raise
            except Exception:
                await noted(method, rpc, "INTERNAL", "INTERNAL")
                raise

        return rest if method.is_open else watched

    return step


def access(method: Method, rest: Handle) -> Handle:
    """Apply the method's access option; a method without one is closed to everybody."""
    if method.is_open:
        return rest
    roles, workloads = _admitted(method.full_name)

    async def admitted(rpc: Rpc) -> Any:
        actor = identity.current_actor()
        is_process = actor.workload is not None
        if actor.workload in workloads if is_process else not actor.roles.isdisjoint(roles):
            return await rest(rpc)
        raise PermissionDenied(
            f"{'This process' if actor.workload else 'Your role'} may not call {method.full_name}.",
            reason="ACCESS_DENIED",
            metadata={"method": method.full_name},
        )

    return admitted


def validation(method: Method, rest: Handle) -> Handle:
    """Have every request message checked against the rules in its proto before it is used."""

    async def one(rpc: Rpc) -> Any:
        validate(rpc.request)
        return await rest(rpc)

    async def each(rpc: Rpc) -> Any:
        rpc.request = _checked(rpc.request)
        return await rest(rpc)

    if method.is_open:
        return rest
    return each if method.streams_in else one


async def _checked(requests: AsyncIterable[Message | Undecodable]) -> AsyncIterator[Message | Undecodable]:
    async for request in requests:
        validate(request)
        yield request


async def _abort(rpc: Rpc, failure: status_pb2.Status) -> None:
    details = rpc_status.to_status(failure)
    await rpc.context.abort(details.code, details.details, details.trailing_metadata)


def _bearer(metadata: dict[str, str]) -> str:
    scheme, _, token = metadata.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _peer(rpc: Rpc, verifier: TokenVerifier) -> str | None:
    """Return the process that forwards this call, if it proves who it is."""
    token = rpc.metadata.get("x-leadfactory-peer")
    return (await verifier.verify(token)).workload if token else None


def _hold_to_certificate(rpc: Rpc, *processes: str | None) -> None:
    """Raise Unauthenticated if a process is named that the connection's certificate does not name."""
    for process in filter(None, processes):
        if process not in connections.names(rpc.context.auth_context()):
            raise Unauthenticated(
                f"The certificate of this connection does not name {process}.", reason="CERTIFICATE_MISMATCH"
            )


def _actor(rpc: Rpc, principal: Principal, peer: str | None) -> identity.Actor:
    subject = principal.subject
    if principal.workload is not None:
        person = unquote(rpc.metadata.get("x-leadfactory-on-behalf-of", ""))
        if person and not person.startswith("system:") and person.isprintable():
            subject = person[:256]
    if peer == "gateway":
        ip = rpc.metadata.get("x-leadfactory-client-ip", "")
        user_agent = rpc.metadata.get("x-leadfactory-client-user-agent", "")
    else:
        ip, user_agent = _address(rpc.context.peer()), rpc.metadata.get("user-agent", "")
    return identity.Actor(subject, principal.roles, principal.workload, ip, user_agent[:512])


def _address(peer: str | None) -> str:
    """Read the address out of gRPC's ``ipv4:1.2.3.4:5`` or ``ipv6:%5B::1%5D:5``."""
    family, _, rest = (peer or "").partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")


def _admitted(method: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the roles and the workloads that a method's access option admits; without one, nobody."""
    service, _, name = method.partition("/")
    descriptor = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    rule: access_pb2.Access = descriptor.GetOptions().Extensions[access_pb2.access]
    roles = frozenset(access_pb2.Access.Role.Name(role).lower() for role in rule.roles)
    return roles, frozenset(rule.workloads)


def _request_id() -> str:
    call = identity.current_call()
    return call.request_id if call is not None else ""
