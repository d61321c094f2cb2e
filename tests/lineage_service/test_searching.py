"""Promise: a search finds what it should, page by page, by an index for each filter, and leaves an entry."""

import asyncio
import gzip
import json
from datetime import timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from lineage_service.domain import LineageFilter, Order, Position, Word
from lineage_service.repository import pages
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services import migrations
from services.database import Database
from services.ids import uuid7
from services.plans import Explained
from tests.fixtures.postgres import Postgres, TestDatabase
from tests.lineage_service.builders import LOG, NOON, a_report
from tests.lineage_service.conftest import Lineage

EVERY_FILTER: list[tuple[dict[str, Any], str]] = [
    ({}, "ix_lineage_records_created_at"),
    ({"created_after": NOON, "created_before": NOON}, "ix_lineage_records_created_at"),
    ({"lead_id": uuid7()}, "ix_lineage_records_lead_id"),
    ({"pipeline_run_id": "x"}, "ix_lineage_records_pipeline_run_id"),
    ({"template_version_id": "x"}, "ix_lineage_records_template_version_id"),
    ({"pdf_sha256": bytes(32)}, "ix_lineage_records_pdf_sha256"),
    ({"inputs_sha256": bytes(32)}, "ix_lineage_records_inputs_sha256"),
]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(("wanted", "index"), EVERY_FILTER)
async def test_each_filter_pages_along_its_own_index(
    lineage_database: TestDatabase, wanted: dict[str, Any], index: str, descending: bool
) -> None:
    statement = pages.page_of_rows(
        LineageFilter(**wanted), 50, Position(NOON, uuid7()), Order(descending=descending)
    )
    plan = await planned(lineage_database, statement, "enable_seqscan", "enable_bitmapscan")
    assert f'"Index Name": "{index}"' in plan
    assert '"Node Type": "Sort"' not in plan


async def test_words_are_found_by_their_index(lineage_database: TestDatabase) -> None:
    wanted = LineageFilter(words=(Word("glyph"), Word("miss", True)))
    statement = pages.page_of_rows(wanted, 50, None, Order())
    plan = await planned(lineage_database, statement, "enable_seqscan", "enable_indexscan")
    assert '"Index Name": "ix_lineage_log_words_words"' in plan


async def planned(made: TestDatabase, statement: Any, *without: str) -> str:
    """The plan, with ways barred that are cheaper only while a table is empty."""
    database = Database(made.url, name="test")
    async with database.write() as session:
        for each in without:
            await session.execute(text(f"SET LOCAL {each} = off"))
        plan = await session.scalar(Explained(statement))
    await database.close()
    return plan if isinstance(plan, str) else json.dumps(plan)


async def search(lineage: Lineage, *roles: str, **request: Any) -> pb.SearchLineageResponse:
    reply: pb.SearchLineageResponse = await lineage.stub.SearchLineage(
        pb.SearchLineageRequest(**request), metadata=lineage.person("ada", *(roles or ("viewer",)))
    )
    return reply


async def test_a_search_is_answered_and_leaves_an_entry_that_says_what_was_asked(lineage: Lineage) -> None:
    sent = a_report(log=LOG + b'{"reason":"Glyph missing"}\n')
    await lineage.record(sent)
    await lineage.record(a_report())
    found = await search(lineage, q="GLYPH", lead_id=str(sent.facts.lead_id))
    assert [each.lineage_id for each in found.lineages] == [str(sent.facts.lineage_id)]
    assert (found.total_size_estimate, found.next_page_token) == (1, "")
    (row,) = await lineage.rows("SELECT * FROM lineage_accesses WHERE action <> 'RECORD'")
    assert (row["action"], row["lineage_id"], row["code"]) == ("SEARCH", None, "OK")
    assert json.loads(row["details"]) == {
        "filter": {"words": ["glyph"], "lead_id": str(sent.facts.lead_id)},
        "size": 50,
        "found": 1,
    }
    assert found.lineages[0].access_count == 0


async def test_a_token_goes_on_where_the_page_ended_and_serves_no_other_question(lineage: Lineage) -> None:
    for _ in range(3):
        await lineage.record(a_report())
    first = await search(lineage, page_size=2)
    second = await search(lineage, page_size=2, page_token=first.next_page_token)
    shown = [each.lineage_id for each in (*first.lineages, *second.lineages)]
    assert len(set(shown)) == 3
    assert second.next_page_token == ""
    for other in (
        {"order_by": "created_at"},
        {"q": "step"},
        {"lead_id": str(uuid7())},
        {"pdf_sha256": "00" * 32},
        {"created_before": NOON + timedelta(days=9999)},
    ):
        assert await refusal(lineage, page_token=first.next_page_token, **other) == "page_token"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"q": "..."}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "a\0b"}, "q"),
        ({"lead_id": "seven"}, "lead_id"),
        ({"pdf_sha256": "AB" * 32}, "pdf_sha256"),
        ({"inputs_sha256": "ab"}, "inputs_sha256"),
        ({"order_by": "lead_id"}, "order_by"),
        ({"page_size": -1}, "page_size"),
        ({"page_token": "garbage"}, "page_token"),
        ({"created_after": {"seconds": 10**15}}, "created_after"),
    ],
)
async def test_a_bad_question_names_its_field(lineage: Lineage, request_: dict[str, Any], field: str) -> None:
    assert await refusal(lineage, **request_) == field
    assert await lineage.accesses() == []


async def refusal(lineage: Lineage, **request: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await search(lineage, **request)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return str(failure.value.details()).partition(":")[0]


async def test_what_was_recorded_before_is_found_and_stays_accounted_for(postgres: Postgres) -> None:
    made = await asyncio.to_thread(postgres.empty, "lineage")
    await asyncio.to_thread(migrations.upgrade, "lineage_service", made.owner_url, "0001")
    log = gzip.compress(b'{"reason":"glyph missing"}\n', mtime=0)
    cut = [log[:20], log[20:]]
    owner = Database(made.owner_url, name="test")
    one = "SELECT '{id}', decode('{hex}', 'hex'), sha256(decode('{hex}', 'hex'))"
    record, report = uuid7(), uuid7()
    async with owner.write() as session:
        await session.execute(
            text(
                "INSERT INTO lineage_records SELECT :id, :report, :id, 'run', 't@1.0.0', digest, digest,"
                " now(), now(), 1, digest, digest, '{1,1}', ARRAY[digest, digest], 27, :size, digest, 'ada',"
                " now() FROM sha256('') AS digest"
            ),
            {"id": record, "report": report, "size": len(log)},
        )
        for table, pieces in (("lineage_parts", [b"one", b"two"]), ("lineage_logs", cut)):
            for number, piece in enumerate(pieces, 1):
                row = one.format(id=record, hex=piece.hex()).replace(", decode", f", {number}, decode", 1)
                await session.execute(text(f"INSERT INTO {table} {row}"))
        for action, part in (("VIEW", None), ("DOWNLOAD", 2)):
            await session.execute(
                text(
                    "INSERT INTO lineage_accesses SELECT :id, :record, :report, :action, :part, 'ada', NULL,"
                    " '192.0.2.7', 'Firefox', 'request', 'method', now()"
                ),
                {"id": uuid7(), "record": record, "report": report, "action": action, "part": part},
            )
        await session.execute(
            text("INSERT INTO lineage_access_counts VALUES (:record, 2, now())"), {"record": record}
        )
    await asyncio.to_thread(migrate, made)
    async with owner.read() as session:
        found = (await session.execute(text("SELECT * FROM lineage_log_words"))).one()
        digests = await session.scalar(
            text("SELECT inputs_gzip_sha256 = sha256('onetwo') FROM lineage_records")
        )
        entries = (
            await session.execute(
                text("SELECT version, action, subject FROM lineage_accesses ORDER BY version")
            )
        ).all()
        count = (await session.execute(text("SELECT entries, access_count FROM lineage_access_counts"))).one()
    await owner.close()
    await asyncio.to_thread(postgres.drop, made)
    assert found.words == "'glyph' 'missing' 'reason'"
    assert digests is True
    assert [tuple(each) for each in entries] == [
        (1, "VIEW", "ada"),
        (2, "DOWNLOAD", "ada"),
        (3, "RECORD", "system:lineage-migrate"),
    ]
    assert tuple(count) == (3, 2)


def migrate(made: TestDatabase) -> None:
    """Up to the newest, down to the first and up again: nothing of this is lost on the way."""
    migrations.upgrade("lineage_service", made.owner_url)
    migrations.downgrade("lineage_service", made.owner_url, "0001")
    migrations.upgrade("lineage_service", made.owner_url)
