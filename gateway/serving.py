"""Serves the application with uvicorn until SIGTERM or SIGINT, then lets running requests end."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway import app, backends, contract
from gateway.protocol import patient_for
from gateway.settings import GatewaySettings
from services import process, telemetry

BACKLOG = 1024
MAXIMUM_CONNECTIONS = 1000
KEEP_ALIVE_SECONDS = 30

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """A server that leaves signals to its caller, so that a wanted end is no failure of the process."""

    def __init__(self, config: uvicorn.Config, metrics_port: int) -> None:
        """Take the port of the metrics, to be logged beside the server's own."""
        super().__init__(config)
        self._metrics_port = metrics_port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and only then say so. Ends the process if the address is taken."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        process.settle()
        log.info(telemetry.PROCESS_READY, port=port, metrics_port=self._metrics_port, pid=os.getpid())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


async def serve(settings: GatewaySettings) -> None:
    """Serve until a signal comes. Raises SystemExit if the address cannot be listened on."""
    telemetry.configure(settings, "gateway")
    metrics_port = telemetry.serve_metrics(settings)
    async with backends.connect(settings, contract.image()) as opened:
        application = app.create(settings, opened)
        server = Server(_config(settings, application), metrics_port)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _stop, server, application)
        await server.serve()
    log.info(telemetry.PROCESS_STOPPED)


def _stop(server: Server, application: Starlette) -> None:
    log.info(telemetry.PROCESS_STOPPING)
    server.should_exit = True
    application.state.drain()


def _config(settings: GatewaySettings, application: object) -> uvicorn.Config:
    return uvicorn.Config(
        application,  # type: ignore[arg-type]  # uvicorn types ASGI otherwise than Starlette
        host=settings.gateway_host,
        port=settings.gateway_port,
        http=patient_for(settings.stall_seconds),
        ws="none",
        lifespan="off",
        # The chassis has set logging up, and access is logged without query strings by `observation`.
        log_config=None,
        access_log=False,
        log_level="warning",
        # The peer of the socket is who we tell services about; nobody's header overrides it.
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MAXIMUM_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.drain_seconds),
    )
