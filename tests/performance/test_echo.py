"""GetLead over gRPC against an empty echo on a bare server: what identity, rules, database and logs cost.

Both servers are processes of their own on grpc.aio and uvloop, and are asked in turn by the same client of
this process. Echo returns no bytes for no bytes, without a token or an interceptor; GetLead reads a lead with
its facts for a caller whose token each call brings.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count, cycle
from pathlib import Path

import grpc

from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note
from tests.performance.echo import METHOD
from tests.performance.leads import fill_with_facts
from tests.performance.pairs import compare
from tests.performance.serving import Running, lead_service, port_of, started

ROUNDS = 20
SECONDS = 1.0
CALLERS = 16


async def calls_a_second(call: Callable[[], Awaitable[object]]) -> float:
    """Each caller calls again once it has its answer."""
    done = count()
    began = time.perf_counter()
    ends = began + SECONDS

    async def caller() -> None:
        while time.perf_counter() < ends:
            await call()
            next(done)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return next(done) / (time.perf_counter() - began)


async def test_get_lead_against_an_empty_echo(
    lead_database: TestDatabase, issuer: Issuer, tmp_path: Path, note: Note
) -> None:
    ids = cycle(await fill_with_facts(lead_database))
    metadata = [("authorization", f"Bearer {issuer.person('ada', 'viewer', exp=time.time() + 3600)}")]
    log = tmp_path / "echo.log"
    async with (
        lead_service(lead_database, issuer, tmp_path) as lead,
        started(["tests.performance.echo"], {}, log) as bare,
    ):
        echoing = Running(await port_of(log), [bare])
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{lead.port}") as to_lead,
            grpc.aio.insecure_channel(f"127.0.0.1:{echoing.port}") as to_echo,
        ):
            stub, echo = lead_pb2_grpc.LeadServiceStub(to_lead), to_echo.unary_unary(METHOD)

            def get_lead() -> Awaitable[object]:
                return stub.GetLead(pb.GetLeadRequest(id=next(ids)), metadata=metadata)

            found = await compare(
                lambda: lead.costed(lambda: calls_a_second(get_lead), SECONDS),
                lambda: echoing.costed(lambda: calls_a_second(lambda: echo(b"")), SECONDS),
                ROUNDS,
            )
    note("grpc: GetLead", found.first, "calls/s")
    note("grpc: an empty echo on a bare server", found.second, "calls/s")
    note("grpc: share of the echo's rate", found.ratio, "")
    note("grpc: CPU time of GetLead, its server and database", lead.microseconds, "µs")
    note("grpc: CPU time of the echo, its server", echoing.microseconds, "µs")
    # The promise is 0.5; a machine that does much else blurs it.
    assert found.ratio > 0.2
