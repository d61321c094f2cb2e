"""Promise: the store in PostgreSQL and its twin in memory keep lineage in the same way."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from lineage_service.domain import MIB, Action, Content, Lineage, LineageStores, Readings
from lineage_service.memory import MemoryLineageStores
from lineage_service.repository import PostgresLineageStore
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from tests.lineage_service.builders import NOON, Sent, a_report, an_access, digest, received


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


async def add(stores: LineageStores, sent: Sent) -> Lineage:
    async with received(sent) as payload, stores.write() as store:
        return await store.add_if_absent(Lineage(sent.facts, payload.log_gzip_size, NOON), payload)


async def test_what_was_added_is_found_by_report_and_by_id_with_every_fact(stores: LineageStores) -> None:
    sent = a_report(b"one", b"two", b"three")
    added = await add(stores, sent)
    async with stores.read() as store:
        found = await store.by_report(sent.facts.report_id)
        same = await store.by_id(sent.facts.lineage_id)
    assert added == found == same == Lineage(sent.facts, len(sent.log), NOON)
    assert found is not None
    assert found.facts.differing(sent.facts) == []
    assert found.readings == Readings(0, None)


async def test_the_unknown_is_not_found(stores: LineageStores) -> None:
    await add(stores, a_report())
    async with stores.read() as store:
        assert await store.by_report(uuid7()) is None
        assert await store.by_id(uuid7()) is None


async def test_a_second_statement_about_a_report_returns_the_first_and_changes_nothing(
    stores: LineageStores,
) -> None:
    first = a_report(b"first")
    other = a_report(b"other", report_id=first.facts.report_id)
    await add(stores, first)
    assert (await add(stores, other)).facts == first.facts
    async with stores.read() as store:
        assert await store.by_id(other.facts.lineage_id) is None
        assert await store.piece(other.facts.lineage_id, Content.INPUTS, 1) is None
        kept = await store.piece(first.facts.lineage_id, Content.INPUTS, 1)
    assert kept is not None
    assert kept.content == first.parts[0]


async def test_an_id_is_used_once(stores: LineageStores) -> None:
    first = a_report()
    await add(stores, first)
    taken = a_report(lineage_id=first.facts.lineage_id)
    assert (await add(stores, taken)).facts == first.facts
    async with stores.read() as store:
        assert await store.by_report(taken.facts.report_id) is None


async def test_the_reports_own_lineage_is_named_where_report_and_id_are_both_known(
    stores: LineageStores,
) -> None:
    one, two = a_report(), a_report()
    await add(stores, one)
    await add(stores, two)
    crossed = a_report(report_id=one.facts.report_id, lineage_id=two.facts.lineage_id)
    assert (await add(stores, crossed)).facts == one.facts


async def test_pieces_come_back_bit_for_bit(stores: LineageStores) -> None:
    sent = a_report(b"one", b"two", log=random.Random(7).randbytes(2 * MIB + 5))
    await add(stores, sent)
    for content, whole in ((Content.INPUTS, b"".join(sent.parts)), (Content.LOG, sent.log)):
        pieces, number = [], 1
        while True:
            async with stores.read() as store:
                piece = await store.piece(sent.facts.lineage_id, content, number)
            if piece is None:
                break
            assert piece.sha256 == digest(piece.content)
            pieces.append(piece.content)
            number += 1
        assert b"".join(pieces) == whole
    async with stores.read() as store:
        assert await store.piece(sent.facts.lineage_id, Content.INPUTS, 0) is None
        assert await store.piece(uuid7(), Content.INPUTS, 1) is None


async def test_each_reading_is_counted_and_the_last_time_never_goes_back(stores: LineageStores) -> None:
    sent, other = a_report(), a_report()
    await add(stores, sent)
    await add(stores, other)
    later, earlier = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
    async with stores.write() as store:
        assert await store.note(an_access(sent)) == Readings(1, NOON)
        assert await store.note(an_access(sent, Action.LOGS, later)) == Readings(2, later)
        assert await store.note(an_access(sent, Action.DOWNLOAD, earlier, part=1)) == Readings(3, later)
    async with stores.read() as store:
        found, untouched = await store.by_id(sent.facts.lineage_id), await store.by_id(other.facts.lineage_id)
    assert found is not None
    assert found.readings == Readings(3, later)
    assert untouched is not None
    assert untouched.readings == Readings()


async def test_a_unit_of_work_that_fails_leaves_nothing(stores: LineageStores) -> None:
    sent = a_report()
    with pytest.raises(ZeroDivisionError):
        async with received(sent) as payload, stores.write() as store:
            await store.add_if_absent(Lineage(sent.facts, payload.log_gzip_size, NOON), payload)
            await store.note(an_access(sent))
            raise ZeroDivisionError
    async with stores.read() as store:
        assert await store.by_report(sent.facts.report_id) is None
    assert (await add(stores, sent)).readings == Readings()


async def test_what_is_kept_is_measured(stores: LineageStores) -> None:
    async with stores.read() as store:
        before = await store.usage()
    noise = random.Random(7).randbytes(MIB)
    await add(stores, a_report(noise, log=noise))
    await add(stores, a_report())
    async with stores.read() as store:
        after = await store.usage()
    assert (before.records, after.records) == (0, 2)
    assert set(after.bytes) == {"inputs", "logs", "records", "accesses"}
    for kind in ("inputs", "logs"):
        assert MIB <= after.bytes[kind] - before.bytes[kind] < 1.2 * MIB
