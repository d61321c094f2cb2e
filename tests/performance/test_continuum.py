"""Audited writes against those of SQLAlchemy-Continuum 2.0, which writes its versions from the ORM's flush.

Compared are two ways to keep the history of the table of leads. Both tables come from the same migrations,
with the same columns, constraints and indexes, in two databases of one server with the same settings of
commit: ours has the trigger of the audit, theirs has Continuum's tables of versions and transactions
instead. Both sides do the same in turn, through the ORM, over the same driver and the same kind of session:
a lead is added, read again and changed, in a transaction each. Ours keeps more: who, from where and by
which call, the commitments and the chain. Theirs keeps whole rows, and sees only what goes through a flush.
"""

import asyncio
import time
from itertools import count
from typing import Any

import pytest
import sqlalchemy_continuum as continuum
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, configure_mappers

from lead_service.tables import LeadRow
from services.clock import utc_now
from services.database import ContextSession, Database
from services.identity import acting_as, serving
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.performance.conftest import Note
from tests.performance.pairs import compare
from tests.performance.test_audit import ADA, CALL

ROUNDS = 40
SECONDS = 0.5


class VersionedSession(ContextSession):
    """The only sessions that Continuum listens to, so that it costs ours nothing."""


@pytest.fixture(scope="module")
def versioned() -> Any:
    """The table of leads as Continuum's users would map it."""
    continuum.make_versioned(session=VersionedSession, user_cls=None)

    class Base(DeclarativeBase):
        pass

    class Lead(Base):
        __table__ = LeadRow.__table__.to_metadata(Base.metadata)
        __versioned__: dict[str, Any] = {}  # noqa: RUF012

    configure_mappers()
    return Lead


async def make_versions(unaudited: TestDatabase, lead: Any) -> None:
    """Create Continuum's tables beside the leads."""
    engine = create_async_engine(make_url(unaudited.owner_url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(lead.metadata.create_all)
        await connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO lead_app"))
        await connection.execute(text("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO lead_app"))
    await engine.dispose()


async def writes_a_second(database: Database, lead: Any, writers: int) -> float:
    """Each writer creates a lead and changes it, in a transaction each."""
    done = count()
    ends = time.perf_counter() + SECONDS

    async def write() -> None:
        while time.perf_counter() < ends:
            lead_id, now = uuid7(), utc_now()
            async with database.write() as session:
                session.add(
                    lead(
                        id=lead_id, email=f"{lead_id}@example.com", domain="example.com", name="Ada",
                        is_manual=True, enrichment_status="PENDING", enrichment_attempts=0,
                        enrichment_error="", created_by="ada", created_at=now, updated_at=now, version=1,
                    )
                )  # fmt: skip
            async with database.write() as session:
                known = await session.get_one(lead, lead_id)
                known.name, known.updated_at, known.version = "Ada Lovelace", now, 2
            next(done)

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return 2 * next(done) / (time.perf_counter() - began)


@pytest.mark.parametrize("writers", [1, 8])
async def test_audited_writes_against_continuum(
    lead_database: TestDatabase,
    unaudited_database: TestDatabase,
    versioned: Any,
    commits: str,
    note: Note,
    writers: int,
) -> None:
    await make_versions(unaudited_database, versioned)
    audited = Database(lead_database.url, name="bench", pool_size=writers)
    theirs = Database(unaudited_database.url, name="bench", pool_size=writers, session_class=VersionedSession)
    with acting_as(ADA), serving(CALL):
        found = await compare(
            lambda: writes_a_second(audited, LeadRow, writers),
            lambda: writes_a_second(theirs, versioned, writers),
            ROUNDS,
        )
    for database, entries in ((audited, "lead_audit"), (theirs, "leads_version")):
        async with database.read() as session:
            kept = await session.scalar(text(f"SELECT count(*) FROM {entries}"))
            # Both have kept both writes of each lead.
            assert kept == 2 * (await session.scalar(text("SELECT count(*) FROM leads")) or 0) > 0
        await database.close()
    # The promise is 2.5; a machine so busy that a measurement holds a handful of writes blurs that.
    assert found.ratio > 1.5
    note(f"audit: writes through the ORM, {writers} writers{commits}", found.first, "writes/s")
    note(f"audit: the same with SQLAlchemy-Continuum, {writers} writers{commits}", found.second, "writes/s")
    note(f"audit: times the rate of SQLAlchemy-Continuum, {writers} writers{commits}", found.ratio, "")
