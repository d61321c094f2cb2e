"""Promise: nobody asks so often, and nothing goes on so much at once, that others have to wait for it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx

from gateway import contract
from gateway.limits import RENDERS, Rates, Rooms, kind_of
from gateway.responses import Additions
from gateway.transcoding import Fault
from gateway.transcoding.bindings import bindings
from tests.fixtures.identity import Issuer
from tests.gateway.conftest import OpenGateway, Services, new
from tests.gateway.test_process import started

LEADS = "leadfactory.lead.v1.ListLeadsResponse"


async def headers_of(work: Callable[[Any], Any]) -> dict[str, str]:
    """Do something within a request; return what it adds to the response."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with suppress(Fault):
            work(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    await Additions(app)({"type": "http"}, None, send)  # type: ignore[arg-type]  # nothing is received
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def test_a_subject_asks_as_often_as_it_may_and_is_told_what_is_left() -> None:
    now = 0.0
    rates = Rates(per_second=2, burst=3, clock=lambda: now)
    left = [(await headers_of(lambda scope: rates.take("ada", scope)))["ratelimit"] for _ in range(4)]
    assert left == ['"subject";r=2;t=1', '"subject";r=1;t=1', '"subject";r=0;t=2', '"subject";r=0;t=2']
    # Another one has all of theirs.
    assert (await headers_of(lambda scope: rates.take("bob", scope)))["ratelimit"].endswith("r=2;t=1")
    now = 0.5
    assert (await headers_of(lambda scope: rates.take("ada", scope)))["ratelimit"] == '"subject";r=0;t=2'
    now = 1000.0
    assert (await headers_of(lambda scope: rates.take("ada", scope)))["ratelimit"] == '"subject";r=2;t=1'


async def test_who_asks_too_often_gets_a_429_that_says_when_to_come_back(
    open_gateway: OpenGateway, services: Services, operator: dict[str, str], issuer: Issuer
) -> None:
    services.answers["ListLeads"] = lambda *_: new(LEADS)
    async with open_gateway(requests_per_second=0.01, requests_at_once=2) as client:
        replies = [await client.get("/api/leads", headers=operator) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert replies[0].headers["ratelimit-policy"] == '"subject";q=2;w=200'
        assert int(replies[2].headers["retry-after"]) in range(90, 101)
        error = replies[2].json()["error"]
        assert (error["status"], error["details"][0]["reason"]) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert len(services.requests) == 2
        # With another token one is still the same, and somebody else is not.
        again = {"authorization": f"Bearer {issuer.person('ada', 'viewer')}"}
        assert (await client.get("/api/leads", headers=again)).status_code == 429
        other = {"authorization": f"Bearer {issuer.person('bob', 'viewer')}"}
        assert (await client.get("/api/leads", headers=other)).status_code == 200
        # A stranger has no share in anybody's.
        assert (await client.get("/api/leads")).status_code == 401


async def test_reads_that_hang_leave_room_for_writes_and_are_few(
    open_gateway: OpenGateway, services: Services, operator: dict[str, str]
) -> None:
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(*_: Any) -> Any:
        begun.release()
        await go_on.wait()
        return new(LEADS)

    services.answers["ListLeads"] = slow
    services.answers["CreateLead"] = lambda *_: new("leadfactory.lead.v1.Lead")
    async with open_gateway(concurrent_reads=2, queue_seconds=0.2) as client:
        client.headers.update(operator)
        asking = [asyncio.create_task(client.get("/api/leads")) for _ in range(2)]
        for _ in asking:
            await begun.acquire()
        # Two more may wait, and everybody behind them is refused at once.
        late = await asyncio.gather(*(client.get("/api/leads") for _ in range(4)))
        assert {(reply.status_code, reply.headers["retry-after"]) for reply in late} == {(503, "1")}
        assert late[0].json()["error"]["details"][0]["reason"] == "TOO_BUSY"
        assert (await client.post("/api/leads", json={"email": "a@b.example"})).status_code == 200
        go_on.set()
        assert {(await each).status_code for each in asking} == {200}
        assert (await client.get("/api/leads")).status_code == 200
    assert len(services.requests) == 4


async def test_a_call_that_waited_goes_on_when_there_is_room_and_one_that_is_given_up_takes_none() -> None:
    (read,) = (each for each in bindings(contract.image()) if each.rpc.name == "GetLead")
    rooms = Rooms({"read": 1}, wait_seconds=30)
    order: list[str] = []

    async def call(name: str, go_on: asyncio.Event) -> None:
        async with rooms.admission(read):
            order.append(name)
            await go_on.wait()

    first, second = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(call("first", first))]
    await asyncio.sleep(0)
    given_up = asyncio.create_task(call("given up", second))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    tasks.append(asyncio.create_task(call("second", second)))
    await asyncio.sleep(0)
    assert order == ["first"]
    first.set()
    second.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "second"]


def test_every_call_is_of_one_kind() -> None:
    kinds = {each.rpc.name: kind_of(each) for each in bindings(contract.image())}
    assert set(kinds.values()) == {"read", "write", "render", "stream"}
    assert set(kinds) >= RENDERS
    assert (kinds["GetLead"], kinds["CreateLead"]) == ("read", "write")
    assert kinds["WatchLeads"] == kinds["ImportLeads"] == kinds["DownloadReport"] == "stream"


async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(
    services: Services, issuer: Issuer
) -> None:
    ended = asyncio.Event()

    async def endless(*_: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield new("google.api.HttpBody", content_type="application/pdf", data=bytes(64 * 1024))
        finally:
            ended.set()

    services.answers["DownloadReport"] = endless
    async with started(services, issuer, stall_seconds="0.3") as process:
        with socket.create_connection(("127.0.0.1", process.port)) as client:
            head = f"authorization: Bearer {issuer.person('ada', 'viewer')}\r\nhost: 127.0.0.1\r\n\r\n"
            path = "/api/reports/0190a0f0-0000-7000-8000-000000000000/pdf"
            client.sendall(f"GET {path} HTTP/1.1\r\n{head}".encode())
            # Nothing is read: the service is told that nobody listens any more.
            async with asyncio.timeout(20):
                await ended.wait()
        async with httpx.AsyncClient() as other:
            assert (await other.get(f"http://127.0.0.1:{process.port}/healthz")).status_code == 200
