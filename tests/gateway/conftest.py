"""The gateway over the real contract: a gRPC server on a free port that plays all three services."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from gateway.transcoding.codec import class_of
from tests.fixtures.identity import Issuer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def new(name: str, **values: Any) -> Any:
    kind = contract.image().message(name)
    assert kind is not None
    return class_of(kind)(**values)


class Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers the RPCs that a test has an answer for, and remembers the metadata it was called with."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Any, Any], Any]] = {}
        self.requests: list[Any] = []
        self.metadata: dict[str, str] = {}
        self.health = health.aio.HealthServicer()
        self.address = ""

    def service(self, details: Any) -> Any:
        service, _, name = details.method.lstrip("/").partition("/")
        answer = self.answers.get(name)
        if answer is None:
            return None
        rpc = contract.image().pool.FindServiceByName(service).methods_by_name[name]
        codings = {
            "request_deserializer": class_of(rpc.input_type).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }

        def note(request: Any, context: Any) -> None:
            self.requests.append(request)
            self.metadata = dict(context.invocation_metadata())

        async def unary(request: Any, context: Any) -> Any:
            note(request, context)
            result = answer(request, context)
            return await result if asyncio.iscoroutine(result) else result

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            note(request, context)
            async for each in answer(request, context):
                yield each

        if rpc.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **codings)
        return grpc.unary_unary_rpc_method_handler(unary, **codings)


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    server = grpc.aio.server()
    services = Services()
    server.add_generic_rpc_handlers([services])
    health_pb2_grpc.add_HealthServicer_to_server(services.health, server)
    await services.health.set("readiness", SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    services.address = f"127.0.0.1:{port}"
    await server.start()
    yield services
    await server.stop(0)


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    directory = tmp_path / "login"
    directory.mkdir()
    return directory


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A built console."""
    directory = tmp_path / "dist"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html><title>Console</title>")
    (directory / "icon.svg").write_text("<svg/>")
    (directory / "assets" / "index-4f2a.js").write_text("console.log()")
    return directory


OpenGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def open_gateway(services: Services, issuer: Issuer, logins: Path, dist: Path) -> OpenGateway:
    """Return a context manager that gives a client of the whole application."""

    @asynccontextmanager
    async def opened(*, console: Path = dist, **overrides: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = settings_of(services, issuer, logins, **overrides)
        async with backends.connect(settings, contract.image()) as channels:
            transport = httpx.ASGITransport(
                app=app.create(settings, channels, console),
                client=("192.0.2.7", 1),
                raise_app_exceptions=False,
            )
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                yield client

    return opened


def settings_of(services: Services, issuer: Issuer, logins: Path, **overrides: Any) -> GatewaySettings:
    addresses = {f"{context}_service_address": services.address for context in ("lead", "report", "lineage")}
    given = {**issuer.settings("gateway"), **addresses, "login_directory": logins, **overrides}
    return GatewaySettings(**given)


@pytest.fixture
async def client(open_gateway: OpenGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with open_gateway() as client:
        yield client


@pytest.fixture
def operator(issuer: Issuer) -> dict[str, str]:
    """The header of a person who may do things."""
    return {"authorization": f"Bearer {issuer.person('ada', 'operator')}"}
