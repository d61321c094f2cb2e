"""Ways to write leads that no ORM sees, in one transaction as the owner of the table."""

from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.audit import Action
from services.ids import uuid7

IDS = [uuid7(), uuid7()]

Write = Callable[[AsyncSession], Awaitable[None]]

ONE = "unnest(CAST(:ids AS uuid[])) AS wanted(id)"
ROW = (
    "id, id || '@example.com', 'example.com', '', false, 'PENDING', NULL::bigint, 0, '', NULL::timestamptz,"
    " 'ada', now(), now()"
)


def sql(*statements: str) -> Write:
    """Return what runs these statements, about the leads named `:ids`."""

    async def run(session: AsyncSession) -> None:
        for each in statements:
            await session.execute(text(each), {"ids": IDS} if ":ids" in each else {})

    return run


BY_HAND = {
    Action.CREATE: {
        "insert select": sql(f"INSERT INTO leads SELECT {ROW} FROM {ONE}"),
        "in a query": sql(
            f"WITH made AS (INSERT INTO leads SELECT {ROW} FROM {ONE} RETURNING id) SELECT count(*) FROM made"
        ),
        "upsert that inserts": sql(f"INSERT INTO leads SELECT {ROW} FROM {ONE} ON CONFLICT DO NOTHING"),
        "merge that inserts": sql(
            f"MERGE INTO leads USING {ONE} ON leads.id = wanted.id WHEN NOT MATCHED THEN INSERT"
            " (id, email, domain, name, is_manual, enrichment_status, enrichment_attempts, enrichment_error,"
            " created_by, created_at, updated_at)"
            " VALUES (wanted.id, wanted.id || '@example.com', 'example.com', '', false, 'PENDING', 0, '',"
            " 'ada', now(), now())"
        ),
        "a view": sql(
            "CREATE TEMPORARY VIEW seen AS SELECT * FROM leads", f"INSERT INTO seen SELECT {ROW} FROM {ONE}"
        ),
    },
    Action.UPDATE: {
        "from": sql("UPDATE leads SET name = new.name FROM (VALUES ('Ada')) AS new(name)"),
        "in a query": sql(
            "WITH written AS (UPDATE leads SET name = 'Ada' RETURNING id) SELECT count(*) FROM written"
        ),
        "a block": sql("DO $$ BEGIN UPDATE leads SET name = 'Ada'; END $$"),
        "a cursor": sql(
            "DO $$ DECLARE every CURSOR FOR SELECT * FROM leads FOR UPDATE; BEGIN FOR each IN every LOOP"
            " UPDATE leads SET name = 'Ada' WHERE CURRENT OF every; END LOOP; END $$"
        ),
        "a view": sql(
            "CREATE TEMPORARY VIEW seen AS SELECT * FROM leads", "UPDATE seen SET name = 'Ada' WHERE true"
        ),
        "a rule": sql(
            "CREATE TABLE aside (n integer)",
            "CREATE RULE aside AS ON INSERT TO aside DO INSTEAD UPDATE leads SET name = 'Ada'",
            "INSERT INTO aside VALUES (1)",
        ),
        "a parent": sql(
            "CREATE TABLE family (LIKE leads)",
            "ALTER TABLE leads INHERIT family",
            "UPDATE family SET name = 'Ada'",
        ),
        "a partitioned parent": sql(
            "CREATE TABLE family (LIKE leads) PARTITION BY LIST (created_by)",
            "ALTER TABLE family ATTACH PARTITION leads DEFAULT",
            "UPDATE family SET name = 'Ada'",
        ),
    },
    Action.DELETE: {
        "using": sql(f"DELETE FROM leads USING {ONE} WHERE leads.id = wanted.id"),
        "in a query": sql("WITH gone AS (DELETE FROM leads RETURNING id) SELECT count(*) FROM gone"),
        "merge": sql(f"MERGE INTO leads USING {ONE} ON leads.id = wanted.id WHEN MATCHED THEN DELETE"),
    },
}
