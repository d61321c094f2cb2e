"""Promise: the access audit cannot be changed unseen, misses no reading, and says how each ended."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import pairwise
from typing import Any

import asyncpg
import grpc
import pytest

from lineage_service.domain import MIB
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.lineage_service.builders import a_report
from tests.lineage_service.conftest import Lineage

ADD = (
    "INSERT INTO lineage_accesses (id, lineage_id, action, subject, roles, user_agent, request_id, method,"
    " created_at, details, code, sent_bytes) VALUES ($1, $2, $3, 'eve', '{}', '', '', '', now(), $4, 'OK', 0)"
)


@pytest.fixture
async def app(lineage_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the application."""
    connection = await asyncpg.connect(lineage_database.url)
    yield connection
    await connection.close()


async def read(lineage: Lineage, recorded: pb.Lineage, *roles: str) -> None:
    """Read everything there is of a lineage."""
    metadata = lineage.person("ada", *(roles or ("operator",)))
    await lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=recorded.report_generation_id), metadata=metadata
    )
    lineage_id = recorded.lineage_id
    log = lineage.stub.GetLineageLogs(pb.GetLineageLogsRequest(lineage_id=lineage_id), metadata=metadata)
    assert [body async for body in log]
    inputs = lineage.stub.DownloadRawInputs(
        pb.DownloadRawInputsRequest(lineage_id=lineage_id), metadata=metadata
    )
    assert [body async for body in inputs]


async def listed(lineage: Lineage, name: str = "-", **request: Any) -> pb.ListLineageAccessesResponse:
    reply: pb.ListLineageAccessesResponse = await lineage.stub.ListLineageAccesses(
        pb.ListLineageAccessesRequest(lineage_id=name, **request),
        metadata=lineage.person("otto", "auditor"),
    )
    return reply


async def settled(lineage: Lineage, count: int) -> list[asyncpg.Record]:
    """The outcomes, once there are so many."""
    for _ in range(200):
        rows = await lineage.rows("SELECT * FROM lineage_accesses WHERE of_id IS NOT NULL ORDER BY id")
        if len(rows) >= count:
            return rows
        await asyncio.sleep(0.05)
    raise AssertionError("the outcomes were not noted")


async def test_entries_of_a_lineage_form_a_chain_that_can_be_recomputed(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report())
    await read(lineage, recorded)
    await settled(lineage, 2)
    rows = await lineage.rows(
        "SELECT *, convert_from(canonical, 'UTF8') AS said FROM lineage_accesses ORDER BY version"
    )
    assert [row["version"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["action"] for row in rows] == ["RECORD", "VIEW", "LOGS", "OUTCOME", "DOWNLOAD", "OUTCOME"]
    before = None
    for row in rows:
        assert row["entry_hash"] == sha256(row["canonical"]).digest()
        assert row["previous_hash"] == before
        said = json.loads(row["said"])
        assert (said["previous_hash"] or "") == (before.hex() if before else "")
        recorded_it = row["version"] == 1
        assert said["subject"] == row["subject"] == ("system:report-worker" if recorded_it else "ada")
        assert said["roles"] == ([] if recorded_it else ["operator"])
        assert said["details"] == sha256((row["salt"] + row["details"]).encode()).hexdigest()
        before = row["entry_hash"]


async def test_what_an_application_says_of_number_and_hash_is_not_believed(app: asyncpg.Connection) -> None:
    lineage_id = uuid7()
    named = ADD.replace("code,", "code, version, entry_hash, previous_hash, canonical, transaction_id,")
    forged = named.replace("'OK',", "'OK', 99, '\\x00', '\\x01', '\\x02', 1,")
    for _ in range(2):
        await app.execute(forged, uuid7(), lineage_id, "VIEW", "{}")
    rows = await app.fetch("SELECT * FROM lineage_accesses ORDER BY version")
    assert [row["version"] for row in rows] == [1, 2]
    assert rows[1]["previous_hash"] == rows[0]["entry_hash"] == sha256(rows[0]["canonical"]).digest()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lineage_accesses SET subject = 'bob'",
        "UPDATE lineage_accesses SET details = '{\"size\": 1}'",
        "UPDATE lineage_accesses SET version = 7",
        "DELETE FROM lineage_accesses",
        "TRUNCATE lineage_accesses",
        "INSERT INTO lineage_accesses TABLE lineage_accesses ON CONFLICT (id) DO UPDATE SET subject = 'x'",
        "DO $$ BEGIN SET session_replication_role = replica; DELETE FROM lineage_accesses; END $$",
        "UPDATE lineage_records SET created_by = 'bob'",
        "DELETE FROM lineage_records",
        "TRUNCATE lineage_records CASCADE",
    ],
)
async def test_a_superuser_too_has_to_break_a_trigger_first(lineage: Lineage, statement: str) -> None:
    recorded = await lineage.record(a_report())
    await lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=recorded.report_generation_id),
        metadata=lineage.person("ada", "viewer"),
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="what is recorded stays"):
        await lineage.rows(statement)


async def test_details_can_be_erased_and_no_hash_breaks(
    app: asyncpg.Connection, lineage_database: TestDatabase
) -> None:
    await app.execute(ADD, uuid7(), None, "SEARCH", '{"filter": {"words": ["ada"]}}')
    owner = await asyncpg.connect(lineage_database.owner_url)
    await owner.execute("UPDATE lineage_accesses SET details = '{}', salt = ''")
    await owner.close()
    (row,) = await app.fetch("SELECT * FROM lineage_accesses")
    assert (row["details"], row["salt"]) == ("{}", "")
    assert row["entry_hash"] == sha256(row["canonical"]).digest()


async def test_a_hundred_entries_at_once_are_one_chain(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report())
    await asyncio.gather(*(read(lineage, recorded) for _ in range(20)))
    await settled(lineage, 40)
    rows = await lineage.rows(
        "SELECT version, previous_hash, entry_hash FROM lineage_accesses ORDER BY version"
    )
    assert [row["version"] for row in rows] == list(range(1, 102))
    assert all(later["previous_hash"] == earlier["entry_hash"] for earlier, later in pairwise(rows))
    (counts,) = await lineage.rows("SELECT * FROM lineage_access_counts")
    assert (counts["entries"], counts["access_count"]) == (101, 60)


async def test_the_end_of_a_reading_is_noted_with_what_was_sent(lineage: Lineage) -> None:
    sent = a_report(b"inputs")
    recorded = await lineage.record(sent)
    await read(lineage, recorded)
    logs, inputs = await settled(lineage, 2)
    assert (logs["code"], logs["sent_bytes"]) == ("OK", len(sent.log))
    assert (inputs["code"], inputs["sent_bytes"]) == ("OK", len(sent.parts[0]))
    (ended,) = (await listed(lineage, recorded.lineage_id, action="DOWNLOAD")).accesses
    assert (ended.outcome, ended.sent_bytes) == ("OK", len(sent.parts[0]))
    assert ended.HasField("ended_at")


async def test_a_reader_who_leaves_is_noted_as_one(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report(*(random.Random(7).randbytes(2 * MIB - 1000) for _ in range(4))))
    reading = lineage.stub.DownloadRawInputs(
        pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id),
        metadata=lineage.person("ada", "operator"),
    )
    await reading.read()
    reading.cancel()
    (row,) = await settled(lineage, 1)
    assert row["code"] == "CANCELLED"
    assert row["sent_bytes"] < 8 * MIB


async def test_bytes_that_are_damaged_are_noted_as_lost(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report(b"one", b"two"))
    await lineage.rows("ALTER TABLE lineage_parts DROP CONSTRAINT ck_lineage_parts_sha256")
    await lineage.rows("UPDATE lineage_parts SET content = set_byte(content, 20, 1) WHERE number = 2")
    with pytest.raises(grpc.aio.AioRpcError):
        await read(lineage, recorded)
    _, row = await settled(lineage, 2)
    assert row["code"] == "DATA_LOSS"
    assert 0 < row["sent_bytes"] < 100


async def test_the_audit_is_read_by_auditors_page_by_page_and_that_is_an_entry_too(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report())
    await read(lineage, recorded)
    first = await listed(lineage, recorded.lineage_id, page_size=2)
    assert [each.action for each in first.accesses] == [pb.LineageAccess.DOWNLOAD, pb.LineageAccess.LOGS]
    assert first.accesses[0].user_id == "ada"
    assert first.accesses[0].ip_address == "192.0.2.7"
    second = await listed(lineage, recorded.lineage_id, page_size=3, page_token=first.next_page_token)
    assert [each.action for each in second.accesses] == [pb.LineageAccess.VIEW, pb.LineageAccess.RECORD]
    assert [each.version for each in second.accesses] == [2, 1]
    latest = (await listed(lineage)).accesses[0]
    assert (latest.user_id, latest.action) == ("otto", pb.LineageAccess.AUDIT)
    assert latest.lineage_id == recorded.lineage_id
    viewed = await lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=recorded.report_generation_id),
        metadata=lineage.person("ada", "viewer"),
    )
    assert viewed.access_count == 4


@pytest.mark.parametrize(
    ("name", "request_", "field"),
    [
        ("seven", {}, "lineage_id"),
        ("-", {"action": 99}, "action"),
        ("-", {"page_token": "x"}, "page_token"),
        ("-", {"created_before": {"seconds": -(10**15)}}, "created_before"),
    ],
)
async def test_a_bad_question_names_its_field(
    lineage: Lineage, name: str, request_: dict[str, Any], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await listed(lineage, name, **request_)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(failure.value.details()).startswith(field)


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_the_audit_is_not_for_everybody(lineage: Lineage, role: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await lineage.stub.ListLineageAccesses(
            pb.ListLineageAccessesRequest(lineage_id="-"), metadata=lineage.person("eve", role)
        )
    assert failure.value.code() is grpc.StatusCode.PERMISSION_DENIED
