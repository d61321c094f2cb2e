"""Start a process, keep it going until it is told to stop, and stop without losing a call.

Every process has a gRPC server: one that only works in the background answers for its health there.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import grpc
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services import telemetry
from services.certificates import Certificates
from services.connections import listen
from services.pacing import pause
from services.settings import ServiceSettings

READINESS = "readiness"
CHECK_SECONDS = 2.0
# Asked more often until it first can, so that a start is seen at once.
UNREADY_CHECK_SECONDS = 0.25
CHECK_TIMEOUT_SECONDS = 2.0
FIRST_RESTART_SECONDS = 0.1
LONGEST_RESTART_SECONDS = 5.0

Check = Callable[[], Awaitable[None]]
"""Raises if this process cannot do its work now."""
Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set; started again if it raises."""

log = structlog.get_logger(__name__)


def run(main: Awaitable[None]) -> None:
    """Run a process's main coroutine on uvloop."""

    async def awaited() -> None:
        await main

    with suppress(KeyboardInterrupt):
        uvloop.run(awaited())


def settle() -> None:
    """Leave what starting up has made out of garbage collections: it stays, and each would go through it."""
    gc.collect()
    gc.freeze()


async def live(
    settings: ServiceSettings,
    *,
    process: str,
    server: grpc.aio.Server | None = None,
    loops: Sequence[Loop] = (),
    ready: Check,
) -> None:
    """Offer what the server has, and run loops, until SIGTERM or SIGINT; then drain.

    Health answers for ``""`` while the process lives and for ``"readiness"`` while ``ready`` does
    not raise. On a signal readiness is withdrawn first, then running calls get ``drain_seconds`` to
    end, then the loops do.
    """
    telemetry.configure(settings, process)
    metrics_port = telemetry.serve_metrics(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = server or grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    port = listen(server, f"{settings.grpc_host}:{settings.grpc_port}", Certificates.of(settings))
    await server.start()
    probed = await _answer_probes(settings, status)
    settle()
    log.info(telemetry.PROCESS_READY, port=port, metrics_port=metrics_port, pid=os.getpid())
    running = [asyncio.create_task(_keep(loop, stop)) for loop in loops]
    watcher = asyncio.create_task(_watch(ready, status, stop))
    await stop.wait()
    log.info(telemetry.PROCESS_STOPPING)
    await status.enter_graceful_shutdown()
    await server.stop(settings.drain_seconds)
    if probed is not None:
        await probed.stop(0)
    late = (await asyncio.wait(running, timeout=settings.drain_seconds))[1] if running else set()
    for task in (*late, watcher):
        task.cancel()
    await asyncio.gather(*late, watcher, return_exceptions=True)
    log.info(telemetry.PROCESS_STOPPED)


async def _answer_probes(
    settings: ServiceSettings, status: health.aio.HealthServicer
) -> grpc.aio.Server | None:
    """Offer health, and nothing else, to probes that have no certificate to show, if it is set."""
    if settings.health_port is None:
        return None
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    port = listen(server, f"{settings.grpc_host}:{settings.health_port}", None)
    await server.start()
    log.info(telemetry.HEALTH_READY, port=port)
    return server


async def _watch(ready: Check, status: health.aio.HealthServicer, stop: asyncio.Event) -> None:
    """Ask again and again whether the process can work, and publish the answer."""
    while not stop.is_set():
        try:
            await asyncio.wait_for(ready(), CHECK_TIMEOUT_SECONDS)
            answer, seconds = health_pb2.HealthCheckResponse.SERVING, CHECK_SECONDS
        except Exception as error:
            log.warning(telemetry.PROCESS_UNREADY, reason=str(error) or type(error).__name__)
            answer, seconds = health_pb2.HealthCheckResponse.NOT_SERVING, UNREADY_CHECK_SECONDS
        await status.set(READINESS, answer)
        await pause(stop, seconds)


async def _keep(loop: Loop, stop: asyncio.Event) -> None:
    """Run a loop, again and again if it breaks, with a pause that grows while it keeps breaking."""
    seconds = FIRST_RESTART_SECONDS
    while not stop.is_set():
        try:
            await loop(stop)
            return
        except Exception:
            log.exception(telemetry.LOOP_FAILED, loop=getattr(loop, "__qualname__", repr(loop)))
        await pause(stop, seconds)
        seconds = min(seconds * 2, LONGEST_RESTART_SECONDS)
