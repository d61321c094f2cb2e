"""Promise: who watches leads learns of every change once, in one order, whatever breaks in between."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest
from sqlalchemy import insert, text, update

from lead_service import watching
from lead_service.changes import ChangePosition
from lead_service.facts import EnrichmentStatus
from lead_service.tables import LeadRow
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.database import Database
from services.ids import uuid7
from tests.fixtures.identity import Issuer
from tests.lead_service.watching.conftest import KIND, Client, began, lead_row, news


async def test_each_change_is_told_with_the_lead_as_it_is(client: Client) -> None:
    call = client.watch()
    await began(call)
    made = await client.create("ada@example.com")
    renamed = await client.stub.UpdateLead(
        pb.UpdateLeadRequest(id=made.id, lead=pb.Lead(name="Ada"), update_mask={"paths": ["name"]}),
        metadata=client.metadata,
    )
    (created, updated) = await news(call, 2)
    assert (created.kind, updated.kind, updated.lead) == (KIND.CREATED, KIND.UPDATED, renamed)
    gone = await client.stub.DeleteLead(pb.DeleteLeadRequest(id=made.id), metadata=client.metadata)
    (deleted,) = await news(call, 1)
    assert (deleted.kind, deleted.lead) == (KIND.DELETED, gone)
    back = await client.stub.UndeleteLead(pb.UndeleteLeadRequest(id=made.id), metadata=client.metadata)
    (undeleted,) = await news(call, 1)
    assert (undeleted.kind, undeleted.lead) == (KIND.UNDELETED, back)


async def test_what_was_removed_for_good_is_told_by_its_id(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.create("ada@example.com")
    call = client.watch()
    await began(call)
    async with owner.transaction():
        context = '{"user_id": "root", "roles": [], "user_agent": "", "request_id": "", "method": ""}'
        await owner.execute("SELECT set_config('leadfactory.context', $1, true)", context)
        await owner.execute("DELETE FROM leads WHERE id = $1", made.id)
    (event,) = await news(call, 1)
    assert (event.kind, event.lead) == (KIND.DELETED, pb.Lead(id=made.id))


async def test_a_watch_resumed_anywhere_goes_on_with_the_next_change(client: Client) -> None:
    call = client.watch()
    tokens = [await began(call)]
    for number in range(6):
        await client.create(f"{number}@example.com")
    events = await news(call, 6)
    tokens += [event.resume_token for event in events]
    call.cancel()
    for place, token in enumerate(tokens[:-1]):
        again = client.watch(resume_token=token)
        assert await began(again) == token
        assert await news(again, 6 - place) == events[place:]
        again.cancel()


async def test_nothing_is_missed_or_told_twice_among_writers_and_broken_streams(
    client: Client, database: Database, owner: asyncpg.Connection
) -> None:
    ids = [lead_row() for _ in range(4)]
    async with database.write() as session:
        await session.execute(insert(LeadRow), ids)
    begin = client.watch()
    token = await began(begin)
    begin.cancel()

    async def write(number: int) -> None:
        for turn in range(12):
            async with database.write() as session:
                name = {"name": f"{number}/{turn}", "version": LeadRow.version + 1}
                chosen = ids[(number + turn) % len(ids)]["id"]
                await session.execute(update(LeadRow).where(LeadRow.id == chosen).values(**name))
                # Transactions overlap, and commit in another order than they began.
                await session.execute(text("SELECT pg_sleep(:s)"), {"s": number % 5 * 0.004})
                await session.execute(insert(LeadRow), [lead_row()])

    writing = asyncio.gather(*(write(number) for number in range(16)))
    told: list[str] = []
    wanted = 16 * 12 * 2
    async with asyncio.timeout(60):
        while len(told) < wanted:
            call = client.watch(resume_token=token)
            for _ in range(37):
                if len(told) == wanted:
                    break
                event = await call.read()
                if event.kind != KIND.HEARTBEAT:
                    told.append(event.resume_token)
                token = event.resume_token
            call.cancel()
    await writing
    entries = await owner.fetch(
        "SELECT transaction_id, id FROM lead_audit WHERE transaction_id >= $1 ORDER BY 1, 2",
        ChangePosition.parse(told[0]).transaction_id,
    )
    assert told == [str(ChangePosition(each["transaction_id"], each["id"])) for each in entries]


@pytest.mark.parametrize(
    ("wanted", "emails"),
    [
        ({"is_manual": True}, ["m@example.com"]),
        ({"domain": "EXAMPLE.org"}, ["o@example.org"]),
        ({"enrichment_status": pb.Lead.PENDING}, ["m@example.com", "o@example.org"]),
        ({"enrichment_status": pb.Lead.FAILED}, []),
        ({"ids": [str(uuid7())]}, []),
    ],
)
async def test_only_what_is_wanted_is_told(client: Client, wanted: dict[str, Any], emails: list[str]) -> None:
    call = client.watch(**wanted)
    token = await began(call)
    for email, is_manual in (("m@example.com", True), ("o@example.org", False)):
        await client.create(email, is_manual=is_manual)
    assert [event.lead.email for event in await news(call, len(emails))] == emails
    again = client.watch(resume_token=token, **wanted)
    assert [event.lead.email for event in await news(again, len(emails))] == emails


async def test_a_lead_that_leaves_what_is_wanted_is_told_once_more(
    client: Client, database: Database
) -> None:
    made = await client.create("ada@example.com")
    calls = [
        client.watch(enrichment_status=pb.Lead.EnrichmentStatus.Value(status))
        for status in (EnrichmentStatus.PENDING, EnrichmentStatus.IN_PROGRESS)
    ]
    for call in calls:
        await began(call)
    async with database.write() as session:
        await session.execute(update(LeadRow).values(enrichment_status="IN_PROGRESS", enrichment_attempts=1))
    for call in calls:
        (event,) = await news(call, 1)
        assert (event.lead.id, event.lead.enrichment_status) == (made.id, pb.Lead.IN_PROGRESS)


async def test_silence_is_broken_by_heartbeats_and_a_stream_ends_by_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(watching, "STREAM_SECONDS", 1.0)
    call = client.watch(ids=[str(uuid7())])
    first = await began(call)
    await client.create("ada@example.com")
    beats = []
    while (event := await call.read()) is not grpc.aio.EOF:
        beats.append(event)
    assert await call.code() is grpc.StatusCode.OK
    assert {event.kind for event in beats} == {KIND.HEARTBEAT}
    # What was not wanted need not be read again.
    assert ChangePosition.parse(beats[-1].resume_token) > ChangePosition.parse(first)


async def test_a_token_from_a_future_that_never_was_is_refused(client: Client) -> None:
    call = client.watch(resume_token=str(ChangePosition(2**40, uuid7())))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await news(call, 1)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_a_viewer_is_told_that_a_lead_was_deleted_and_nothing_of_it(
    client: Client, issuer: Issuer
) -> None:
    viewer = [("authorization", f"Bearer {issuer.person('vera', 'viewer')}")]
    watched = client.stub.WatchLeads(pb.WatchLeadsRequest(), metadata=viewer)
    beside = client.watch()
    token = await began(watched)
    await began(beside)
    lead = await client.create("ada@example.com", name="Ada")
    assert [each.lead.email for each in await news(watched, 1)] == [lead.email]
    gone = await client.stub.DeleteLead(pb.DeleteLeadRequest(id=lead.id), metadata=client.metadata)
    (told,) = await news(watched, 1)
    assert (told.kind, told.lead) == (KIND.DELETED, pb.Lead(id=lead.id))
    _, shown = await news(beside, 2)
    assert (shown.lead.email, shown.lead.delete_time) == (lead.email, gone.delete_time)
    # What it was before is not told afterwards, either.
    again = client.stub.WatchLeads(pb.WatchLeadsRequest(resume_token=token), metadata=viewer)
    assert [each.lead for each in await news(again, 2)] == [pb.Lead(id=lead.id)] * 2
    for call in (watched, beside, again):
        call.cancel()
