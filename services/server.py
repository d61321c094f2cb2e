"""Start a process, serve until it is told to stop, and stop without losing a call."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import grpc
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services import interceptors, telemetry
from services.settings import ServiceSettings
from services.tokens import TokenVerifier

READINESS = "readiness"
CHECK_SECONDS = 2.0
CHECK_TIMEOUT_SECONDS = 2.0
LONGEST_RESTART_SECONDS = 5.0
MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024

OPTIONS = [
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 32 * 1024),
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),
]

Check = Callable[[], Awaitable[None]]
"""Raises if this process cannot do its work now."""
Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set; started again if it raises."""

log = structlog.get_logger(__name__)


class Service(NamedTuple):
    """What a process offers over gRPC."""

    descriptor: ServiceDescriptor
    add: Callable[[Any, Any], None]
    """The generated ``add_…Servicer_to_server``."""
    servicer: Any


def run(main: Awaitable[None]) -> None:
    """Run a process's main coroutine on uvloop."""

    async def awaited() -> None:
        await main

    with suppress(KeyboardInterrupt):
        uvloop.run(awaited())


async def serve(
    settings: ServiceSettings,
    *,
    process: str,
    services: Sequence[Service] = (),
    loops: Sequence[Loop] = (),
    ready: Check,
) -> None:
    """Offer services and run loops until SIGTERM or SIGINT, then drain.

    Health answers for ``""`` while the process lives and for ``"readiness"`` while ``ready`` does
    not raise. On a signal readiness is withdrawn first, then running calls get
    ``drain_seconds`` to end, then the loops are waited for.
    """
    telemetry.configure(settings, process)
    metrics_port = telemetry.serve_metrics(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(settings, services) as (server, status, port):
        log.info(telemetry.PROCESS_READY, port=port, metrics_port=metrics_port, pid=os.getpid())
        running = [asyncio.create_task(_keep(loop, stop)) for loop in loops]
        watcher = asyncio.create_task(_watch(ready, status, stop))
        await stop.wait()
        log.info(telemetry.PROCESS_STOPPING)
        await status.enter_graceful_shutdown()
        await server.stop(settings.drain_seconds)
        _, late = await asyncio.wait(running, timeout=settings.drain_seconds) if running else ((), ())
        for task in (*late, watcher):
            task.cancel()
        await asyncio.gather(*late, watcher, return_exceptions=True)
    log.info(telemetry.PROCESS_STOPPED)


@asynccontextmanager
async def listening(
    settings: ServiceSettings, services: Sequence[Service]
) -> AsyncIterator[tuple[grpc.aio.Server, health.aio.HealthServicer, int]]:
    """Listen with the full list of interceptors; gives the server, its health and its port."""
    server = grpc.aio.server(
        interceptors=[interceptors.Interceptor(interceptors.steps(TokenVerifier.from_settings(settings)))],
        options=OPTIONS,
        maximum_concurrent_rpcs=settings.maximum_concurrent_rpcs,
    )
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    for service in services:
        service.add(service.servicer, server)
    reflection.enable_server_reflection(
        [
            *(service.descriptor.full_name for service in services),
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
        ],
        server,
    )
    port = server.add_insecure_port(f"{settings.grpc_host}:{settings.grpc_port}")
    await server.start()
    try:
        yield server, status, port
    finally:
        await server.stop(0)


async def _watch(ready: Check, status: health.aio.HealthServicer, stop: asyncio.Event) -> None:
    """Ask every two seconds whether the process can work, and publish the answer."""
    while not stop.is_set():
        try:
            await asyncio.wait_for(ready(), CHECK_TIMEOUT_SECONDS)
            answer = health_pb2.HealthCheckResponse.SERVING
        except Exception as error:
            log.warning("process.unready", reason=str(error) or type(error).__name__)
            answer = health_pb2.HealthCheckResponse.NOT_SERVING
        await status.set(READINESS, answer)
        # Asked more often until it first can, so that a start is seen at once.
        pause = CHECK_SECONDS if answer == health_pb2.HealthCheckResponse.SERVING else 0.25
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


async def _keep(loop: Loop, stop: asyncio.Event) -> None:
    """Run a loop, again and again if it breaks, with a pause that grows while it keeps breaking."""
    pause = 0.1
    while not stop.is_set():
        try:
            await loop(stop)
            return
        except Exception:
            log.exception(telemetry.LOOP_FAILED, loop=getattr(loop, "__qualname__", repr(loop)))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, LONGEST_RESTART_SECONDS)
