"""Promise: what is due goes and says so, what is held stays, and of what went the header still tells."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc
import pytest

from lineage_service import retention, usage
from lineage_service.domain import (
    AccessFilter,
    Action,
    Content,
    Keeping,
    Lineage,
    LineageFilter,
    LineageStores,
    Order,
    Policy,
    Reader,
    Word,
)
from lineage_service.memory import MemoryLineageStores
from lineage_service.repository import PostgresLineageStore
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.database import Database, UnitsOfWork
from services.errors import FailedPrecondition
from services.ids import uuid7
from tests.lineage_service.builders import ADA, Sent, a_report, an_access, received
from tests.lineage_service.conftest import Lineage as Service

NOW = datetime.now(UTC)
OLD, YOUNG = NOW - timedelta(days=100), NOW - timedelta(days=10)
WORKER = Reader("system:lineage-worker", "lineage-worker", None, "", "", "retention")
POLICY = Policy({Keeping.RAW_INPUTS: 90, Keeping.LOGS: 30, Keeping.AUDIT_DETAILS: 30})


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the store is; empty for memory."""
    return request.getfixturevalue("lineage_database").url if request.param == "postgres" else ""


@pytest.fixture
async def stores(url: str) -> AsyncIterator[LineageStores]:
    if not url:
        yield MemoryLineageStores()
        return
    database = Database(url, name="test")
    yield UnitsOfWork(database, PostgresLineageStore)
    await database.close()


async def add(stores: LineageStores, at: datetime, *pieces: bytes, **facts: Any) -> Sent:
    sent = a_report(*pieces, **facts)
    async with received(sent) as payload, stores.write() as store:
        lineage = Lineage(sent.facts, payload.log_gzip_size, payload.inputs_gzip_sha256, at)
        await store.add_if_absent(lineage, payload)
    return sent


async def apply(stores: LineageStores, policy: Policy = POLICY) -> dict[Keeping, int]:
    return await retention.apply(stores, policy, WORKER, clock=lambda: NOW)


async def left(stores: LineageStores, sent: Sent) -> set[Content]:
    """What there still is of a lineage; its record must agree."""
    async with stores.read() as store:
        lineage = await store.by_id(sent.facts.lineage_id)
        assert lineage is not None
        assert lineage.facts == sent.facts
        found = {each for each in Content if await store.piece(sent.facts.lineage_id, each, 1) is not None}
    assert found == set(Content) - set(lineage.expired)
    return found


async def test_what_is_due_goes_and_the_rest_stays(stores: LineageStores) -> None:
    old, young = await add(stores, OLD), await add(stores, YOUNG)
    counted = await retention.preview(stores, POLICY, clock=lambda: NOW)
    assert await apply(stores) == {Keeping.RAW_INPUTS: 1, Keeping.LOGS: 1}
    assert (counted[Keeping.RAW_INPUTS].count, counted[Keeping.LOGS].count) == (1, 1)
    assert counted[Keeping.RAW_INPUTS].bytes == len(old.parts[0])
    assert await left(stores, old) == set()
    assert await left(stores, young) == set(Content)
    assert await apply(stores) == {}


async def test_each_kind_has_its_own_time_and_some_have_none(stores: LineageStores) -> None:
    sent = await add(stores, OLD)
    assert await apply(stores, Policy({Keeping.RAW_INPUTS: 0, Keeping.LOGS: 99})) == {Keeping.LOGS: 1}
    assert await left(stores, sent) == {Content.INPUTS}


async def test_a_log_takes_its_words_with_it(stores: LineageStores) -> None:
    await add(stores, OLD)
    wanted = LineageFilter(words=(Word("step"),))
    async with stores.read() as store:
        assert len((await store.page(wanted, 9, None, Order())).lineages) == 1
    await apply(stores)
    async with stores.read() as store:
        assert (await store.page(wanted, 9, None, Order())).lineages == ()
        (kept,) = (await store.page(LineageFilter(), 9, None, Order())).lineages
    assert set(kept.expired) == set(Content)


async def test_more_than_a_batch_goes_in_batches(
    stores: LineageStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        await add(stores, OLD, b"%d" % number)
    assert (await apply(stores))[Keeping.RAW_INPUTS] == 5


async def test_a_dry_run_counts_and_removes_nothing(stores: LineageStores) -> None:
    sent = await add(stores, OLD)
    assert await apply(stores, Policy(POLICY.days, dry_run=True)) == {}
    assert await left(stores, sent) == set(Content)


async def test_what_is_held_stays_until_it_is_released(stores: LineageStores) -> None:
    held, other = await add(stores, OLD), await add(stores, OLD)
    lead_id = held.facts.lead_id
    first = await retention.hold(stores, lead_id, "lawsuit", ADA, clock=lambda: NOW)
    again = await retention.hold(stores, lead_id, "another", ADA, clock=lambda: NOW + timedelta(days=1))
    assert first == again
    assert (await retention.preview(stores, POLICY, clock=lambda: NOW))[Keeping.LOGS].held == 1
    await apply(stores)
    assert (await left(stores, held), await left(stores, other)) == (set(Content), set())
    with pytest.raises(FailedPrecondition, match="held"):
        await retention.erase(stores, lead_id, WORKER, clock=lambda: NOW)
    assert await retention.holds(stores) == [first]
    await retention.release(stores, lead_id, "settled", ADA, clock=lambda: NOW)
    await retention.release(stores, lead_id, "settled", ADA, clock=lambda: NOW)
    await apply(stores)
    assert await left(stores, held) == set()
    async with stores.read() as store:
        for action in (Action.HOLD, Action.RELEASE):
            entries = await store.accesses(AccessFilter(action=action), 9, None)
            assert [each.access.details["lead_id"] for each in entries.entries] == [str(lead_id)]


async def test_an_erasure_takes_everything_of_a_lead_at_any_age_and_nothing_of_others(
    stores: LineageStores,
) -> None:
    lead_id = uuid7()
    mine = [await add(stores, at, lead_id=lead_id) for at in (OLD, NOW)]
    other = await add(stores, OLD)
    assert await retention.erase(stores, lead_id, WORKER, clock=lambda: NOW) == 2
    assert await retention.erase(stores, lead_id, WORKER, clock=lambda: NOW) == 0
    assert [await left(stores, each) for each in mine] == [set(), set()]
    assert await left(stores, other) == set(Content)


async def test_each_removal_is_an_entry_that_counts_for_no_reading(stores: LineageStores) -> None:
    sent = await add(stores, OLD)
    await apply(stores)
    async with stores.read() as store:
        entries = (await store.accesses(AccessFilter(lineage_id=sent.facts.lineage_id), 9, None)).entries
        lineage = await store.by_id(sent.facts.lineage_id)
    assert {each.access.action for each in entries} == {Action.EXPIRE}
    assert {each.access.details["content"] for each in entries} == {"inputs", "log"}
    assert {each.access.reader.subject for each in entries} == {"system:lineage-worker"}
    assert lineage is not None
    assert lineage.readings.count == 0


async def test_the_audit_forgets_what_was_asked_and_keeps_who_asked(stores: LineageStores) -> None:
    sent = a_report()
    async with stores.write() as store:
        for at in (OLD, NOW):
            await store.note(an_access(sent, Action.SEARCH, at, lineage_id=None, details={"filter": "x"}))
    assert await apply(stores) == {Keeping.AUDIT_DETAILS: 1}
    async with stores.read() as store:
        told, *entries = (await store.accesses(AccessFilter(), 9, None)).entries
    assert (told.access.action, told.access.forgotten_before) == (Action.FORGET, NOW - timedelta(days=30))
    assert [(each.access.reader.subject, each.access.details) for each in entries] == [
        ("ada", {"filter": "x"}),
        ("ada", {}),
    ]


async def test_storage_is_told_by_month_template_and_lead(stores: LineageStores) -> None:
    lead_id = uuid7()
    sent = [
        await add(stores, datetime(2026, 1, 31, 23, 59, tzinfo=UTC), b"a" * 100, lead_id=lead_id),
        await add(stores, datetime(2026, 2, 1, tzinfo=UTC), b"b", b"c", lead_id=lead_id),
        await add(stores, datetime(2026, 2, 2, tzinfo=UTC), template_version_id="t@2.0.0"),
    ]
    sizes = [sum(map(len, each.parts)) + len(each.log) for each in sent]
    found = await usage.storage(stores)
    assert [(share.name, share.records, share.bytes) for share in found.by_month] == [
        ("2026-02", 2, sizes[1] + sizes[2]),
        ("2026-01", 1, sizes[0]),
    ]
    assert {share.name: share.bytes for share in found.by_template} == {
        "website_audit@1.0.0": sizes[0] + sizes[1],
        "t@2.0.0": sizes[2],
    }
    assert [(share.name, share.records) for share in found.by_lead if share.records == 2] == [
        (str(lead_id), 2)
    ]
    assert [share.bytes for share in found.by_lead] == sorted(
        (share.bytes for share in found.by_lead), reverse=True
    )
    assert {share.name for share in found.disk} >= {"inputs", "logs", "records"}
    await apply(stores, Policy({Keeping.LOGS: 1}))
    smaller = await usage.storage(stores)
    assert sum(share.bytes for share in smaller.by_month) == sum(sizes) - sum(len(each.log) for each in sent)


async def test_recorded_reports_are_listed_in_order_and_counted(stores: LineageStores) -> None:
    sent = [await add(stores, NOW, b"%d" % number) for number in range(5)]
    ids = sorted(each.facts.report_id for each in sent)
    # A generation that failed is recorded, and no completed report.
    await add(stores, NOW, pdf_sha256=b"")
    async with stores.read() as store:
        assert await store.reports(None, 3) == (ids[:3], 5)
        assert await store.reports(ids[2], 3) == (ids[3:], 5)
        assert await store.reports(ids[4], 3) == ([], 5)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM lineage_expire('inputs', now(), NULL, 10)",
        "SELECT lineage_forget_details(now(), 10)",
        "DELETE FROM lineage_expiries",
        "INSERT INTO lineage_expiries SELECT lineage_id, 'log', now() FROM lineage_records",
        "DELETE FROM lineage_parts",
        "DELETE FROM lineage_log_words",
        "UPDATE lineage_accesses SET details = '{}'",
    ],
)
async def test_the_application_cannot_go_round_the_rules(lineage: Service, statement: str) -> None:
    await lineage.record(a_report())
    connection = await asyncpg.connect(lineage.database.url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_whoever_is_told_that_a_lead_is_held_can_rely_on_it(lineage: Service) -> None:
    """Hold and removal at once: if the payload went, it went before the hold was acknowledged."""
    database = Database(lineage.database.url, name="test", pool_size=10)
    stores = UnitsOfWork(database, PostgresLineageStore)
    for _ in range(10):
        sent = await add(stores, OLD)
        removing = asyncio.create_task(apply(stores))
        await retention.hold(stores, sent.facts.lead_id, "lawsuit", ADA, clock=lambda: NOW)
        seen = await left(stores, sent)
        await removing
        assert await left(stores, sent) == seen
    await database.close()


async def test_what_has_gone_is_told_as_gone(lineage: Service) -> None:
    sent = a_report()
    recorded = await lineage.record(sent)
    worker = lineage.process("report-worker")
    lead = str(sent.facts.lead_id)
    erased = await lineage.stub.EraseLeadPayloads(pb.EraseLeadPayloadsRequest(lead_id=lead), metadata=worker)
    assert erased.erased == 1
    metadata = lineage.person("ada", "admin")
    viewed = await lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=recorded.report_generation_id), metadata=metadata
    )
    assert viewed.HasField("raw_inputs_expired_at")
    assert viewed.HasField("logs_expired_at")
    assert viewed.inputs_sha256 == recorded.inputs_sha256
    for call in (
        lineage.stub.GetLineageLogs(
            pb.GetLineageLogsRequest(lineage_id=recorded.lineage_id), metadata=metadata
        ),
        lineage.stub.DownloadRawInputs(
            pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id), metadata=metadata
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match="was removed on") as failure:
            assert [body async for body in call]
        assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_policy_holds_and_storage_are_told_to_those_who_may_know(lineage: Service) -> None:
    sent = a_report()
    await lineage.record(sent)
    admin = lineage.person("ada", "admin")
    lead = str(sent.facts.lead_id)
    held = await lineage.stub.SetLegalHold(
        pb.SetLegalHoldRequest(lead_id=lead, held=True, reason="lawsuit"), metadata=admin
    )
    assert (held.held, held.reason, held.held_by) == (True, "lawsuit", "ada")
    preview = await lineage.stub.PreviewRetention(pb.PreviewRetentionRequest(), metadata=admin)
    assert [each.lead_id for each in preview.holds] == [lead]
    released = await lineage.stub.SetLegalHold(pb.SetLegalHoldRequest(lead_id=lead), metadata=admin)
    assert released.held is False
    stored = await lineage.stub.GetStorage(pb.GetStorageRequest(), metadata=admin)
    assert [share.records for share in stored.by_lead] == [1]
    reports = await lineage.stub.ListRecordedReports(
        pb.ListRecordedReportsRequest(), metadata=lineage.process("report")
    )
    assert (list(reports.report_ids), reports.total) == ([str(sent.facts.report_id)], 1)
    for call in (
        lineage.stub.SetLegalHold(
            pb.SetLegalHoldRequest(lead_id=lead, held=True), metadata=lineage.person("eve", "operator")
        ),
        lineage.stub.PreviewRetention(
            pb.PreviewRetentionRequest(), metadata=lineage.person("eve", "operator")
        ),
        lineage.stub.GetStorage(pb.GetStorageRequest(), metadata=lineage.person("eve", "viewer")),
        lineage.stub.ListRecordedReports(pb.ListRecordedReportsRequest(), metadata=admin),
        lineage.stub.EraseLeadPayloads(pb.EraseLeadPayloadsRequest(lead_id=lead), metadata=admin),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call
        assert failure.value.code() is grpc.StatusCode.PERMISSION_DENIED
