"""Promise: an OpenLineage receiver is told of each record, in words that their own client knows."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.generated.base import EventType
from openlineage.client.serde import Serde

from lineage_service.pushing import Pusher
from lineage_service.pushing import Receiver as Told
from lineage_service.repository.pushes import PostgresPushStore
from lineage_service.settings import WorkerSettings
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.database import Database, UnitsOfWork
from services.egress.addresses import networks
from services.egress.post import Reach, Slot
from services.egress.resolver import Resolver
from services.settings import InvalidSettings
from tests.fixtures.receiver import Receiver, Reply
from tests.lineage_service.builders import Sent, a_report
from tests.lineage_service.conftest import Lineage
from tests.lineage_service.test_openlineage import check_whole

LOOPBACK = Reach(allowed=networks("127.0.0.0/8"))
Make = Callable[..., Pusher]


@pytest.fixture
async def make(lineage: Lineage, receiver: Receiver) -> AsyncIterator[Make]:
    database = Database(lineage.database.url, name="test")

    def made(url: str = receiver.url, reach: Reach = LOOPBACK, **patience: timedelta) -> Pusher:
        slot = Slot(Resolver((("127.0.0.1", 1),), timeout_seconds=0.2), reach)
        told = Told(url, slot, ssl.create_default_context(), "secret") if url else None
        return Pusher(UnitsOfWork(database, PostgresPushStore), told, timeout_seconds=5, **patience)

    yield made
    await database.close()


async def waiting(lineage: Lineage) -> list[asyncpg.Record]:
    return await lineage.rows("SELECT * FROM openlineage_pushes")


async def hasten(lineage: Lineage) -> None:
    await lineage.rows("UPDATE openlineage_pushes SET next_attempt_at = now(), leased_until = NULL")


async def record(lineage: Lineage, sent: Sent) -> None:
    status = pb.Lineage.COMPLETED if sent.facts.pdf_sha256 else pb.Lineage.FAILED
    messages = [sent.header(status=status), *sent.messages()[1:]]
    await lineage.stub.RecordLineage(iter(messages), metadata=lineage.process("report-worker"))


def in_their_words(event: dict[str, Any]) -> RunEvent:
    """Build the event from OpenLineage's own classes, which check what they are given."""
    return RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        eventType=EventType(event["eventType"]),
        run=Run(**event["run"]),
        job=Job(**event["job"]),
        inputs=[InputDataset(**each) for each in event["inputs"]],
        outputs=[OutputDataset(**each) for each in event["outputs"]],
    )


async def test_each_record_is_told_once_and_as_it_can_be_read(
    lineage: Lineage, receiver: Receiver, make: Make
) -> None:
    pusher = make()
    await pusher.subscribe()
    sent = [a_report(), a_report(pdf_sha256=b""), a_report()]
    for each in sent:
        await record(lineage, each)
    await record(lineage, sent[0])  # the same again is no other record
    assert await pusher.push_due() == 3
    assert await pusher.push_due() == 0
    assert await waiting(lineage) == []
    told = {json.loads(each.body)["run"]["runId"]: each for each in receiver.received}
    assert len(receiver.received) == len(told) == 3
    for each in sent:
        request = told[str(each.facts.report_id)]
        assert (request.method, request.path) == ("POST", "/hook")
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == "Bearer secret"
        event = json.loads(request.body)
        check_whole(event)
        reply = await lineage.stub.GetOpenLineage(
            pb.GetOpenLineageRequest(lineage_id=str(each.facts.lineage_id)),
            metadata=lineage.person("ada", "viewer"),
        )
        assert json.loads(reply.data) == event
        # Their classes name the newest schema, and add facets that are empty; all else is as we said it.
        theirs = json.loads(Serde.to_json(in_their_words(event)))
        for dataset in (*theirs["inputs"], *theirs["outputs"]):
            assert (dataset.pop("inputFacets", {}), dataset.pop("outputFacets", {})) == ({}, {})
        assert {**theirs, "schemaURL": event["schemaURL"]} == event
        assert RunState[event["eventType"]].value == event["eventType"]


@pytest.mark.parametrize(
    "wrong", [{"run": {"runId": "seven"}}, {"eventTime": "noon"}, {"eventType": "DONE"}, {"inputs": [{}]}]
)
async def test_their_classes_refuse_what_is_no_event(lineage: Lineage, wrong: dict[str, Any]) -> None:
    sent = a_report()
    await lineage.record(sent)
    reply = await lineage.stub.GetOpenLineage(
        pb.GetOpenLineageRequest(lineage_id=str(sent.facts.lineage_id)),
        metadata=lineage.person("ada", "viewer"),
    )
    with pytest.raises((ValueError, TypeError)):
        in_their_words(json.loads(reply.data) | wrong)


async def test_without_a_receiver_nothing_waits_for_one(lineage: Lineage, make: Make) -> None:
    await lineage.record(a_report())
    assert await waiting(lineage) == []
    await make().subscribe()
    await lineage.record(a_report())
    assert len(await waiting(lineage)) == 1
    await make(url="").run(asyncio.Event())
    assert await waiting(lineage) == []
    await lineage.record(a_report())
    assert await waiting(lineage) == []


async def test_what_fails_is_told_later(lineage: Lineage, receiver: Receiver, make: Make) -> None:
    pusher = make()
    await pusher.subscribe()
    await lineage.record(a_report())
    receiver.replies = [Reply(503, body=b"later"), Reply(307, {"Location": receiver.url}), Reply(201)]
    for error in ("answered 503: later", "answered 307: "):
        assert await pusher.push_due() == 0
        (row,) = await waiting(lineage)
        assert row["error"] == error
        await hasten(lineage)
    assert await pusher.push_due() == 1
    assert len({each.body for each in receiver.received}) == 1


async def test_what_is_tried_for_too_long_is_given_up(
    lineage: Lineage, receiver: Receiver, make: Make
) -> None:
    pusher = make(patience=timedelta(0))
    await pusher.subscribe()
    await lineage.record(a_report())
    receiver.replies = [Reply(400)]
    assert await pusher.push_due() == 0
    assert await waiting(lineage) == []


async def test_a_push_that_nobody_ended_is_taken_over(
    lineage: Lineage, receiver: Receiver, make: Make
) -> None:
    await make().subscribe()
    await lineage.record(a_report())
    database = Database(lineage.database.url, name="killed")
    async with UnitsOfWork(database, PostgresPushStore).write() as store:
        (held,) = await store.claim(4, timedelta(seconds=60))
    assert await make().push_due() == 0
    await hasten(lineage)
    assert await make().push_due() == 1
    async with UnitsOfWork(database, PostgresPushStore).write() as store:
        assert not await store.end(held)
        assert not await store.postpone(held, timedelta(0), "late")
    await database.close()
    assert len(receiver.received) == 1


async def test_a_private_receiver_is_refused_unless_its_network_is_allowed(
    lineage: Lineage, receiver: Receiver, make: Make
) -> None:
    pusher = make(reach=Reach())
    await pusher.subscribe()
    await lineage.record(a_report())
    assert await pusher.push_due() == 0
    (row,) = await waiting(lineage)
    assert row["error"] == "127.0.0.1 is not a public address: loopback, RFC 1122"
    assert receiver.received == []


@pytest.mark.parametrize("url", ["http://marquez.example.com/", "https://10.0.0.1/", "marquez"])
def test_a_receiver_that_cannot_be_reached_ends_the_process_with_one_line(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_DATABASE_URL", "postgresql://")
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    with pytest.raises(InvalidSettings, match="OPENLINEAGE_URL"):
        WorkerSettings.load()
    monkeypatch.setenv("OPENLINEAGE_URL", "http://10.0.0.1:5000/api/v1/lineage")
    monkeypatch.setenv("OPENLINEAGE_ALLOWED_NETWORKS", "10.0.0.0/8")
    assert WorkerSettings.load().reach.allowed == networks("10.0.0.0/8")
