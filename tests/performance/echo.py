"""Servers to measure GetLead's against: one that does nothing, and two that do a part of what it does.

`python -m tests.performance.echo bare | chassis | fetch`. Each says its port as services do. `bare` returns
the bytes that it is given, on a server of gRPC's own. `fetch` reads a lead before, over a connection of
the driver's own pool, and returns nothing of it. `chassis` answers GetLead with an empty lead, behind all
that is around a service's methods.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import uvloop
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from lead_service.lead_rows import WHOLE
from lead_service.settings import ServerSettings
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services.server import Service
from services.server import serve as serve_behind_the_chassis

METHOD = "/bench.Echo/Echo"


async def echo(request: bytes, _: object) -> bytes:
    """Return the request."""
    return request


async def fetching() -> Callable[[bytes, object], Awaitable[bytes]]:
    """Return what reads the lead whose id it is given."""
    size = int(os.environ["LEAD_DATABASE_CONNECTIONS"])

    async def nothing(_: object) -> None:
        """Leave a connection as it is: to read changes nothing of it."""

    pool = await asyncpg.create_pool(
        os.environ["LEAD_DATABASE_URL"],
        min_size=size,
        max_size=size,
        reset=nothing,
        server_settings={"application_name": "echo"},
    )
    statement = str(WHOLE.compile(dialect=PGDialect_asyncpg()))  # type: ignore[no-untyped-call]

    async def fetch(request: bytes, _: object) -> bytes:
        async with pool.acquire() as connection:
            assert await connection.fetch(statement, UUID(request.decode()))
        return b""

    return fetch


async def serve(answer: Callable[[bytes, object], Awaitable[bytes]]) -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    _, service, name = METHOD.split("/")
    handler = grpc.method_handlers_generic_handler(
        service, {name: grpc.unary_unary_rpc_method_handler(answer)}
    )
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"event": "process.ready", "port": port}), flush=True)
    await asyncio.Event().wait()


class Echo(lead_pb2_grpc.LeadServiceServicer):
    """Knows no lead."""

    async def GetLead(self, request: pb.GetLeadRequest, context: Any) -> pb.Lead:
        """Answer at once."""
        return pb.Lead()


async def always() -> None:
    """Be ready."""


async def main(kind: str) -> None:
    """Be the server of that kind."""
    if kind == "chassis":
        leads = Service(
            pb.DESCRIPTOR.services_by_name["LeadService"],
            lead_pb2_grpc.add_LeadServiceServicer_to_server,
            Echo(),  # type: ignore[abstract]
        )
        await serve_behind_the_chassis(ServerSettings.load(), process="echo", services=[leads], ready=always)
    else:
        await serve(await fetching() if kind == "fetch" else echo)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
