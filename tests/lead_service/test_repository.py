"""Promise: a long list is counted by the planner instead of by hand, and its pages are found by index."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from lead_service.domain import EXACT_TOTAL_LIMIT, EnrichmentStatus, LeadFilter, Position
from lead_service.repository import Explained, PostgresLeadStore, page_of_rows
from services.database import Database
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase

LEADS = 30_000
# Every fiftieth lead is typed in, every hundredth has failed.
FILL = f"""
INSERT INTO leads
SELECT gen_random_uuid(), 'ada' || n || '@example.com', 'example.com', '', n % 50 = 0,
    CASE WHEN n % 100 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, NULL, 1,
    CASE WHEN n % 100 = 0 THEN 'broken' ELSE '' END, now(), 'ada', now() - n * interval '1 second', now()
FROM generate_series(1, {LEADS}) AS n
"""


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    connection = await asyncpg.connect(lead_database.superuser_url)
    await connection.execute("""SET leadfactory.context = '{"user_id": "ada", "roles": [],
        "user_agent": "", "request_id": "", "method": ""}'""")
    await connection.execute(FILL)
    await connection.execute("ANALYZE leads")
    await connection.close()
    opened = Database(lead_database.url, name="test")
    yield opened
    await opened.close()


async def test_totals_are_exact_while_small_and_estimated_beyond(database: Database) -> None:
    for wanted, true_total in [
        (LeadFilter(), LEADS),
        (LeadFilter(is_manual=False), LEADS - LEADS // 50),
        (LeadFilter(is_manual=True), LEADS // 50),
        (LeadFilter(enrichment_status=EnrichmentStatus.FAILED), LEADS // 100),
    ]:
        async with database.read() as session:
            total = (await PostgresLeadStore(session).page(wanted, 1, None)).total_estimate
        if true_total <= EXACT_TOTAL_LIMIT:
            assert total == true_total
        else:
            assert true_total * 0.8 < total < true_total * 1.2


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (LeadFilter(), "ix_leads_created_at_id"),
        (LeadFilter(is_manual=True), "ix_leads_is_manual_created_at_id"),
        (
            LeadFilter(enrichment_status=EnrichmentStatus.FAILED),
            "ix_leads_enrichment_status_created_at_id",
        ),
    ],
)
async def test_a_page_is_entered_by_index_and_never_sorted(
    database: Database, wanted: LeadFilter, index: str
) -> None:
    after = Position(datetime.now(UTC) - timedelta(hours=4), uuid7())
    async with database.read() as session:
        plan = str(await session.scalar(Explained(page_of_rows(wanted, 51, after))))
    assert index in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan
    # The position is where the scan begins, not what its rows are filtered by.
    assert "Filter" not in plan
