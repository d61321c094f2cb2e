"""Promise: versions of templates keep the same rules in PostgreSQL and in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from report_service.library.domain import (
    Archive,
    BundleFile,
    TemplateStatus,
    TemplateStores,
    TemplateVersion,
)
from report_service.library.memory import MemoryTemplateStores
from report_service.library.repository import PostgresTemplateStore
from services.database import Database, UnitsOfWork
from services.identity import Actor, acting_as
from tests.fixtures.postgres import TestDatabase
from tests.report_service.builders import NOON

LATER = NOON + timedelta(hours=1)


def a_version(version: str = "1.0.0", digest: str = "ab" * 32, name: str = "letter") -> TemplateVersion:
    return TemplateVersion(
        name=name,
        version=version,
        digest=digest,
        locales=("de", "en"),
        files=(BundleFile("report.html.j2", 7, "cd" * 32), BundleFile("sample.json", 2, "ef" * 32)),
        archive=Archive("sha256/ab/cd", 99),
        created_by="ada",
        created_at=NOON,
    )


@pytest.fixture(params=["memory", "postgres"])
async def stores(
    request: pytest.FixtureRequest, report_database: TestDatabase
) -> AsyncIterator[TemplateStores]:
    if request.param == "memory":
        yield MemoryTemplateStores()
        return
    database = Database(report_database.url, name="test")
    with acting_as(Actor("ada", frozenset({"admin"}))):
        yield UnitsOfWork(database, PostgresTemplateStore)
    await database.close()


async def test_a_version_comes_back_as_it_was_kept(stores: TemplateStores) -> None:
    async with stores.write() as store:
        assert await store.add(a_version()) == a_version()
    async with stores.read() as store:
        assert await store.get("letter@1.0.0") == a_version()
        assert await store.get("letter@1.0.1") is None
        assert await store.get("nothing") is None


async def test_what_is_there_is_not_replaced(stores: TemplateStores) -> None:
    async with stores.write() as store:
        await store.add(a_version())
    async with stores.write() as store:
        assert await store.add(a_version(digest="00" * 32)) == a_version()


async def test_a_unit_of_work_that_fails_leaves_nothing(stores: TemplateStores) -> None:
    with pytest.raises(RuntimeError):
        async with stores.write() as store:
            await store.add(a_version())
            raise RuntimeError
    async with stores.read() as store:
        assert await store.every() == []


async def test_versions_are_listed_whole_or_by_name(stores: TemplateStores) -> None:
    kept = [a_version("1.0.0"), a_version("1.10.0"), a_version(name="other")]
    async with stores.write() as store:
        for each in kept:
            await store.add(each)
    async with stores.read() as store:
        assert {each.id for each in await store.every()} == {each.id for each in kept}
        assert {each.id for each in await store.every("letter")} == {"letter@1.0.0", "letter@1.10.0"}
        assert await store.every("nothing") == []


async def test_a_version_is_published_once_and_retired_once(stores: TemplateStores) -> None:
    draft = a_version()
    async with stores.write() as store:
        await store.add(draft)
        assert not await store.retire(draft.id, "bob", LATER)
    async with stores.write() as store:
        assert await store.publish(draft.id, draft.digest, "bob", LATER)
        assert not await store.publish(draft.id, draft.digest, "eve", LATER)
    published = replace(draft, status=TemplateStatus.PUBLISHED, published_by="bob", published_at=LATER)
    async with stores.read() as store:
        assert await store.get(draft.id) == published
    async with stores.write() as store:
        assert await store.retire(draft.id, "cleo", LATER)
        assert not await store.retire(draft.id, "eve", LATER)
        assert not await store.publish(draft.id, draft.digest, "eve", LATER)
    async with stores.read() as store:
        assert await store.get(draft.id) == replace(
            published, status=TemplateStatus.RETIRED, retired_by="cleo", retired_at=LATER
        )


async def test_a_draft_that_became_another_bundle_is_not_published(stores: TemplateStores) -> None:
    async with stores.write() as store:
        await store.add(a_version())
        assert not await store.publish("letter@1.0.0", "00" * 32, "bob", LATER)
        assert not await store.publish("letter@9.0.0", "ab" * 32, "bob", LATER)


async def test_drafts_alone_are_removed(stores: TemplateStores) -> None:
    draft, published = a_version(), a_version("1.1.0")
    async with stores.write() as store:
        await store.add(draft)
        await store.add(published)
        await store.publish(published.id, published.digest, "bob", LATER)
    async with stores.write() as store:
        assert await store.remove(draft.id)
        assert not await store.remove(draft.id)
        assert not await store.remove(published.id)
    async with stores.read() as store:
        assert [each.id for each in await store.every()] == [published.id]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE template_versions SET digest = repeat('0', 64)",
        "UPDATE template_versions SET status = 'DRAFT', published_by = NULL, published_at = NULL",
        "UPDATE template_versions SET object_key = 'elsewhere'",
        "UPDATE template_versions SET files = '[]'",
        "DELETE FROM template_versions",
    ],
)
async def test_not_even_the_owner_changes_a_published_version(
    report_database: TestDatabase, statement: str
) -> None:
    database = Database(report_database.url, name="test")
    stores = UnitsOfWork(database, PostgresTemplateStore)
    with acting_as(Actor("ada", frozenset({"admin"}))):
        async with stores.write() as store:
            await store.add(a_version())
            await store.publish("letter@1.0.0", "ab" * 32, "bob", LATER)
    await database.close()
    connection = await asyncpg.connect(report_database.superuser_url)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=r"never changes|stays"):
        await connection.execute(statement)
    await connection.close()
