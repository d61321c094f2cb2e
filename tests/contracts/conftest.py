"""The stores that keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from lead_service.domain import (
    LeadStores,
)
from lead_service.memory import MemoryLeadStores
from lead_service.repository import PostgresLeadStore
from services.database import Database, UnitsOfWork
from services.identity import Actor, acting_as


@pytest.fixture(params=["postgres", "memory"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("lead_database").url if request.param == "postgres" else None


@pytest.fixture
async def stores(database_url: str | None) -> AsyncIterator[LeadStores]:
    if database_url is None:
        yield MemoryLeadStores()
        return
    database = Database(database_url, name="test", pool_size=64)
    with acting_as(Actor("ada")):
        yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()
