"""Promise: a long list is counted by the planner instead of by hand, and its pages are found by index."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.domain import (
    EXACT_TOTAL_LIMIT,
    LeadFilter,
    Order,
    OrderKey,
    Position,
)
from lead_service.facts import EnrichmentStatus
from lead_service.lists import COUNTED, Question, page_of_rows, total
from lead_service.repository import PostgresLeadStore
from lead_service.tables import LeadRow
from services.database import Database, fetch
from services.ids import uuid7
from services.plans import Explained
from tests.fixtures.postgres import Postgres, TestDatabase

LEADS = 30_000
# Every fiftieth lead is typed in, every hundredth has failed.
FILL = f"""
INSERT INTO leads
SELECT gen_random_uuid(), 'ada' || n || '@example.com', 'd' || n % 100 || '.example', '', n % 50 = 0,
    CASE WHEN n % 100 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, NULL, 1,
    CASE WHEN n % 100 = 0 THEN 'broken' ELSE '' END, now(), 'ada' || n % 100,
    now() - n * interval '1 second', now(), 1, CASE WHEN n % 3 = 0 THEN now() END
FROM generate_series(1, {LEADS}) AS n
"""


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Iterator[TestDatabase]:
    """One database for all these tests: each lead is audited as it is filled in, and none is changed."""
    made = postgres.migrated("lead")
    context = """SET leadfactory.context = '{"user_id": "ada", "roles": [],
        "user_agent": "", "request_id": "", "method": ""}'"""
    postgres.execute(context, FILL, "ANALYZE leads", database=made.name)
    yield made
    postgres.drop(made)


@pytest.fixture
async def database(filled: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(filled.url, name="test")
    yield opened
    await opened.close()


async def test_totals_are_exact_while_small_and_estimated_beyond(database: Database) -> None:
    living = LEADS * 2 // 3
    for wanted, true_total in [
        (LeadFilter(show_deleted=True), LEADS),
        (LeadFilter(), living),
        (LeadFilter(is_manual=False), living - living // 50),
        (LeadFilter(is_manual=True), living // 50),
        (LeadFilter(enrichment_status=EnrichmentStatus.FAILED), living // 100),
        (LeadFilter(q="ADA2999"), 8),
    ]:
        async with database.read() as session:
            found = (await PostgresLeadStore(session).page(wanted, 1, None)).total_estimate
        if true_total <= EXACT_TOTAL_LIMIT:
            assert found == true_total
        else:
            assert true_total * 0.8 < found < true_total * 1.2


async def planned(session: AsyncSession, question: Question) -> object:
    return await session.scalar(Explained(question.statement), question.values)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (LeadFilter(), "ix_leads_living_created_at"),
        (LeadFilter(is_manual=True), "ix_leads_living_is_manual_created_at"),
        (
            LeadFilter(enrichment_status=EnrichmentStatus.FAILED),
            "ix_leads_living_enrichment_status_created_at",
        ),
        (LeadFilter(created_by="ada7"), "ix_leads_living_created_by_created_at"),
        (LeadFilter(domain="d7.example"), "ix_leads_living_domain_created_at"),
        (
            LeadFilter(created_after=datetime(2020, 1, 1, tzinfo=UTC)),
            "ix_leads_living_created_at",
        ),
        (
            LeadFilter(created_before=datetime(2100, 1, 1, tzinfo=UTC)),
            "ix_leads_living_created_at",
        ),
    ],
)
async def test_a_page_is_entered_by_index_and_never_sorted(
    database: Database, wanted: LeadFilter, index: str
) -> None:
    after = Position(datetime.now(UTC) - timedelta(hours=4), uuid7())
    async with database.read() as session:
        plan = str(await planned(session, page_of_rows(wanted, 51, after)))
    assert index in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan
    # The position is where the scan begins, not what its rows are filtered by.
    assert "Filter" not in plan


async def test_a_page_that_is_counted_is_not_sorted_either_and_says_what_a_count_says(
    database: Database,
) -> None:
    wanted = LeadFilter(created_by="ada7", show_deleted=True)
    after = Position(datetime.now(UTC) - timedelta(hours=4), uuid7())
    async with database.read() as session:
        for behind in (None, after):
            question = page_of_rows(wanted, 51, behind, counted=True)
            assert "'Node Type': 'Sort'" not in str(await planned(session, question))
            rows = await fetch(session, *question)
            assert rows[0][COUNTED] == await total(session, wanted)
        nobody = LeadFilter(created_by="nobody")
        assert (await PostgresLeadStore(session).page(nobody, 5, after)).total_estimate == 0


PLACES = {
    OrderKey.CREATED_AT: datetime.now(UTC) - timedelta(hours=4),
    OrderKey.EMAIL: "ada2@example.com",
    OrderKey.DOMAIN: "d5.example",
}


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("key", list(OrderKey))
@pytest.mark.parametrize(
    ("wanted", "filtered"),
    [
        (LeadFilter(), ""),
        (LeadFilter(is_manual=True), "is_manual_"),
        (LeadFilter(enrichment_status=EnrichmentStatus.FAILED), "enrichment_status_"),
        (LeadFilter(created_by="ada7"), "created_by_"),
        (LeadFilter(domain="d5.example"), "domain_"),
    ],
)
async def test_every_filter_has_an_index_for_every_order(
    database: Database, wanted: LeadFilter, filtered: str, key: OrderKey, descending: bool
) -> None:
    after = Position(PLACES[key], uuid7())
    async with database.read() as session:
        question = page_of_rows(wanted, 51, after, Order(key, descending))
        plan = str(await planned(session, question))
    # Few leads are as well found along another order, and sorted.
    if filtered in ("created_by_", "domain_"):
        assert "ix_leads_living_" in plan
    else:
        assert f"ix_leads_living_{filtered}{key}'" in plan
        assert "Sort" not in plan
        assert "'Filter'" not in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("key", list(OrderKey))
async def test_a_list_of_the_deleted_too_takes_a_page_of_both(
    database: Database, key: OrderKey, descending: bool
) -> None:
    after = Position(PLACES[key], uuid7())
    async with database.read() as session:
        question = page_of_rows(LeadFilter(show_deleted=True), 51, after, Order(key, descending))
        plan = str(await planned(session, question))
    assert f"ix_leads_living_{key}'" in plan
    assert f"ix_leads_deleted_{key}'" in plan
    assert "Seq Scan" not in plan
    assert "'Filter'" not in plan


@pytest.mark.parametrize("descending", [True, False])
async def test_a_span_of_time_is_entered_at_the_page_s_place(database: Database, descending: bool) -> None:
    now = datetime.now(UTC)
    wanted = LeadFilter(created_after=now - timedelta(days=2), created_before=now)
    after = Position(now - timedelta(hours=4), uuid7())
    async with database.read() as session:
        question = page_of_rows(wanted, 51, after, Order(OrderKey.CREATED_AT, descending))
        plan = str(await planned(session, question))
    assert plan.count("created_at <") == (0 if descending else 1)
    assert plan.count("created_at >=") == (1 if descending else 0)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (LeadFilter(q="ada29999"), "ix_leads_searched"),
        (LeadFilter(email="ADA7@example.com"), "uq_leads_living"),
        (LeadFilter(email="ADA7@example.com", show_deleted=True), "ix_leads_deleted_lower_email"),
    ],
)
@pytest.mark.parametrize("key", list(OrderKey))
async def test_what_finds_a_few_leads_finds_them_by_index(
    database: Database, wanted: LeadFilter, index: str, key: OrderKey
) -> None:
    async with database.read() as session:
        plan = str(await planned(session, page_of_rows(wanted, 51, None, Order(key))))
    assert index in plan
    assert "Seq Scan" not in plan


async def test_what_was_merged_into_a_lead_is_found_by_index_when_it_goes(database: Database) -> None:
    # As the foreign key looks for it, with each lead that is erased.
    async with database.read() as session:
        plan = str(await session.scalar(Explained(select(LeadRow.id).where(LeadRow.merged_into == uuid7()))))
    assert "ix_leads_merged_into" in plan
