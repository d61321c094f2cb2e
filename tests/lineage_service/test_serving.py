"""Promise: over real gRPC and a real database, lineage is recorded once and never read unseen."""

import asyncio
import gzip
import random
from ipaddress import ip_address
from uuid import UUID

import grpc
import pytest
from google.protobuf.message import Message

from lineage_service.domain import MIB
from lineage_service.lineage import CONFLICTS
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from tests.lineage_service.builders import INPUTS, a_report
from tests.lineage_service.conftest import Lineage

NOBODY = "00000000-0000-7000-8000-000000000000"


async def refused(call: "grpc.aio.Call | asyncio.Future[object]") -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call  # type: ignore[misc]
    code: grpc.StatusCode = failure.value.code()
    return code


async def test_what_was_recorded_is_read_back_byte_for_byte(lineage: Lineage) -> None:
    noise = random.Random(7)
    pieces = [noise.randbytes(2 * MIB - 1000) for _ in range(3)]
    sent = a_report(*pieces, log=noise.randbytes(3 * MIB))
    recorded = await lineage.record(sent)
    ada = lineage.person("ada", "operator")

    viewed = await lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=recorded.report_generation_id), metadata=ada
    )
    assert viewed.parts == recorded.parts
    assert viewed.created_at == recorded.created_at
    inputs = b"".join(
        [
            body.data
            async for body in lineage.stub.DownloadRawInputs(
                pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id), metadata=ada
            )
        ]
    )
    assert inputs == b"".join(sent.parts)
    assert gzip.decompress(inputs) == b"".join(pieces)
    log = b"".join(
        [
            body.data
            async for body in lineage.stub.GetLineageLogs(
                pb.GetLineageLogsRequest(lineage_id=recorded.lineage_id), metadata=ada
            )
        ]
    )
    assert log == sent.log
    assert await lineage.accesses() == [
        ("ada", "VIEW", None),
        ("ada", "DOWNLOAD", None),
        ("ada", "LOGS", None),
    ]


async def test_fifty_calls_at_once_make_one_record_and_all_of_them_get_it(lineage: Lineage) -> None:
    sent = a_report(random.Random(7).randbytes(MIB))
    replies = await asyncio.gather(*(lineage.record(sent) for _ in range(50)))
    assert len({reply.SerializeToString(deterministic=True) for reply in replies}) == 1
    (row,) = await lineage.rows(
        "SELECT (SELECT count(*) FROM lineage_records) AS records, (SELECT count(*) FROM lineage_parts) AS"
        " parts, (SELECT count(*) FROM lineage_logs) AS logs"
    )
    assert tuple(row) == (1, 1, 1)


async def test_of_different_facts_at_once_the_first_stands_and_the_others_raise_the_alarm(
    lineage: Lineage,
) -> None:
    before = CONFLICTS._value.get()
    one = a_report()
    others = [one.but(pdf_sha256=bytes([number]) * 32) for number in range(10)]
    results = await asyncio.gather(*(lineage.record(sent) for sent in others), return_exceptions=True)
    kept = [result for result in results if isinstance(result, pb.Lineage)]
    failed = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert (len(kept), len(failed)) == (1, 9)
    assert {failure.code() for failure in failed} == {grpc.StatusCode.ALREADY_EXISTS}
    assert CONFLICTS._value.get() - before == 9
    (row,) = await lineage.rows("SELECT pdf_sha256 FROM lineage_records")
    assert row["pdf_sha256"].hex() == kept[0].pdf_sha256


async def test_only_the_report_worker_may_record(lineage: Lineage) -> None:
    others = ("gateway", "report", "lead-worker", "lineage-worker", "report-worker-2")
    for metadata in (
        *(lineage.process(name) for name in others),
        lineage.person("root", "admin", "operator"),
        # A person is not the worker because the worker passes their call on.
        (*lineage.person("root", "admin"), ("x-leadfactory-peer", lineage.issuer.workload("report-worker"))),
    ):
        recording = asyncio.ensure_future(lineage.record(a_report(), metadata))
        assert await refused(recording) is grpc.StatusCode.PERMISSION_DENIED
    assert await lineage.rows("SELECT 1 FROM lineage_records") == []


ROLES = ("viewer", "operator", "auditor", "admin")


@pytest.mark.parametrize(
    ("method", "admitted"),
    [
        ("GetLineageByReport", set(ROLES)),
        ("GetLineageLogs", set(ROLES)),
        ("DownloadRawInputs", {"operator", "auditor", "admin"}),
    ],
)
async def test_who_may_read_what_and_who_may_not_is_noted_as_denied(
    lineage: Lineage, method: str, admitted: set[str]
) -> None:
    recorded = await lineage.record(a_report())
    requests: dict[str, Message] = {
        "GetLineageByReport": pb.GetLineageByReportRequest(report_id=recorded.report_generation_id),
        "GetLineageLogs": pb.GetLineageLogsRequest(lineage_id=recorded.lineage_id),
        "DownloadRawInputs": pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id),
    }
    call = getattr(lineage.stub, method)
    for role in ROLES:
        made = call(requests[method], metadata=lineage.person(role, role))
        if role not in admitted:
            assert await refused(made) is grpc.StatusCode.PERMISSION_DENIED
        elif method == "GetLineageByReport":
            assert (await made).lineage_id == recorded.lineage_id
        else:
            assert b"".join([body.data async for body in made])
    for metadata, code in (
        (lineage.person("eve"), grpc.StatusCode.PERMISSION_DENIED),
        (lineage.process("report-worker"), grpc.StatusCode.PERMISSION_DENIED),
        ((), grpc.StatusCode.UNAUTHENTICATED),
    ):
        assert await refused(call(requests[method], metadata=metadata)) is code
    accesses = await lineage.accesses()
    assert {subject for subject, action, _ in accesses if action != "DENIED"} == admitted
    denied = {*(set(ROLES) - admitted), "eve", "system:report-worker"}
    assert {subject for subject, action, _ in accesses if action == "DENIED"} == denied
    rows = await lineage.rows("SELECT lineage_id, code FROM lineage_accesses WHERE action = 'DENIED'")
    assert {(str(row["lineage_id"]), row["code"]) for row in rows} == {
        (recorded.lineage_id, "PERMISSION_DENIED")
    }
    (counts,) = await lineage.rows("SELECT access_count FROM lineage_access_counts")
    assert counts["access_count"] == len(admitted)


async def test_the_audit_says_who_from_where_with_what_and_in_which_call(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report(b"one", b"two"))
    reading = lineage.stub.DownloadRawInputs(
        pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id, part=2),
        metadata=lineage.person("ada", "auditor"),
    )
    assert [body async for body in reading]
    (row,) = await lineage.rows("SELECT * FROM lineage_accesses WHERE action = 'DOWNLOAD'")
    assert row["id"].version == 7
    assert row["lineage_id"] == UUID(recorded.lineage_id)
    assert row["report_generation_id"] == UUID(recorded.report_generation_id)
    assert (row["action"], row["part"]) == ("DOWNLOAD", 2)
    assert (row["subject"], row["workload"]) == ("ada", None)
    assert row["ip"] == ip_address("192.0.2.7")
    assert (row["user_agent"], row["request_id"]) == ("Firefox", "request-of-ada")
    assert row["method"] == "leadfactory.lineage.v1.LineageService/DownloadRawInputs"
    assert row["created_at"].tzinfo is not None


async def test_a_person_cannot_say_they_are_elsewhere(lineage: Lineage) -> None:
    """Without the gateway's own token beside it, what a caller says of its address is not believed."""
    recorded = await lineage.record(a_report())
    metadata = tuple(pair for pair in lineage.person("ada", "viewer") if pair[0] != "x-leadfactory-peer")
    await lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=recorded.report_generation_id), metadata=metadata
    )
    (row,) = await lineage.rows("SELECT ip, user_agent FROM lineage_accesses WHERE action = 'VIEW'")
    assert row["ip"] == ip_address("127.0.0.1")
    assert row["user_agent"] != "Firefox"


async def test_the_entry_is_committed_before_the_first_byte_leaves(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report(random.Random(7).randbytes(2 * MIB - 1000)))
    reading = lineage.stub.DownloadRawInputs(
        pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id),
        metadata=lineage.person("ada", "operator"),
    )
    # Initial metadata come first of all; the rest of the call has not been asked for yet.
    await reading.initial_metadata()
    assert await lineage.accesses() == [("ada", "DOWNLOAD", None)]
    reading.cancel()
    assert await lineage.accesses() == [("ada", "DOWNLOAD", None)]


async def test_readers_that_break_off_at_any_time_leave_their_entries_and_no_connection_open(
    lineage: Lineage,
) -> None:
    recorded = await lineage.record(a_report(*(random.Random(7).randbytes(2 * MIB - 1000) for _ in range(4))))
    request = pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id)
    ada = lineage.person("ada", "operator")
    received = 0
    for number in range(40):
        reading = lineage.stub.DownloadRawInputs(request, metadata=ada)
        for _ in range(number % 8):
            received += bool(await reading.read())
        reading.cancel()
    # Those that got a byte are all on record; those that broke off before may or may not be.
    count = len(await lineage.accesses())
    assert received > 0
    assert 35 <= count <= 40
    whole = lineage.stub.DownloadRawInputs(request, metadata=ada)
    assert len(b"".join([body.data async for body in whole])) > 8 * MIB - 8000
    (row,) = await lineage.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%'"
    )
    assert row["count"] == 0


async def test_a_hundred_readings_at_once_are_all_counted(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report())
    request = pb.GetLineageByReportRequest(report_id=recorded.report_generation_id)
    ada = lineage.person("ada", "viewer")
    views = await asyncio.gather(
        *(lineage.stub.GetLineageByReport(request, metadata=ada) for _ in range(100))
    )
    assert sorted(view.access_count for view in views) == list(range(1, 101))
    assert len(await lineage.accesses()) == 100


async def test_a_range_over_real_grpc_is_partial_content(lineage: Lineage) -> None:
    sent = a_report(INPUTS[:900], INPUTS[900:])
    recorded = await lineage.record(sent)
    reading = lineage.stub.DownloadRawInputs(
        pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id),
        metadata=(*lineage.person("ada", "operator"), ("http-range", "bytes=-10")),
    )
    headers = dict(await reading.initial_metadata())
    assert headers["http-status"] == "206"
    assert b"".join([body.data async for body in reading]) == sent.parts[1][-10:]


async def test_damaged_bytes_do_not_leave(lineage: Lineage) -> None:
    recorded = await lineage.record(a_report(b"one", b"two"))
    await lineage.rows("ALTER TABLE lineage_parts DROP CONSTRAINT ck_lineage_parts_sha256")
    await lineage.rows("UPDATE lineage_parts SET content = set_byte(content, 20, 1) WHERE number = 2")
    request = pb.DownloadRawInputsRequest(lineage_id=recorded.lineage_id)
    reading = lineage.stub.DownloadRawInputs(request, metadata=lineage.person("ada", "operator"))
    received = []
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        async for body in reading:
            received.append(body.data)  # noqa: PERF401
    assert failure.value.code() is grpc.StatusCode.DATA_LOSS
    assert gzip.decompress(b"".join(received)) == b"one"


async def test_a_sender_that_breaks_off_leaves_nothing(lineage: Lineage) -> None:
    sent = a_report(random.Random(7).randbytes(MIB))
    call = lineage.stub.RecordLineage(metadata=lineage.process("report-worker"))
    for message in sent.messages()[:2]:
        await call.write(message)
    call.cancel()
    assert await lineage.rows("SELECT 1 FROM lineage_records") == []
    assert (await lineage.record(sent)).lineage_id == str(sent.facts.lineage_id)


async def test_a_refusal_in_the_middle_of_a_stream_reaches_the_sender(lineage: Lineage) -> None:
    sent = a_report(random.Random(7).randbytes(MIB))
    lying = sent.but(inputs_size=10)
    assert await refused(asyncio.ensure_future(lineage.record(lying))) is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_unknown_report_is_not_found(lineage: Lineage) -> None:
    call = lineage.stub.GetLineageByReport(
        pb.GetLineageByReportRequest(report_id=NOBODY), metadata=lineage.person("ada", "viewer")
    )
    assert await refused(call) is grpc.StatusCode.NOT_FOUND
    assert await lineage.accesses() == []
