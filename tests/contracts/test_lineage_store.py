"""Promise: the store in PostgreSQL and its twin in memory keep lineage in the same way."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineage_service.domain import (
    EXACT_TOTAL_LIMIT,
    MIB,
    UNDER_WAY,
    AccessFilter,
    Action,
    Content,
    Lineage,
    LineageFilter,
    LineagePage,
    LineageStores,
    Order,
    Outcome,
    Position,
    Readings,
    Word,
)
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


async def add(stores: LineageStores, sent: Sent, at: datetime = NOON) -> Lineage:
    async with received(sent) as payload, stores.write() as store:
        lineage = Lineage(sent.facts, payload.log_gzip_size, payload.inputs_gzip_sha256, at)
        return await store.add_if_absent(lineage, payload)


async def test_what_was_added_is_found_by_report_and_by_id_with_every_fact(stores: LineageStores) -> None:
    sent = a_report(b"one", b"two", b"three")
    added = await add(stores, sent)
    async with stores.read() as store:
        found = await store.by_report(sent.facts.report_id)
        same = await store.by_id(sent.facts.lineage_id)
    assert added == found == same == Lineage(sent.facts, len(sent.log), digest(b"".join(sent.parts)), NOON)
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
            await store.add_if_absent(
                Lineage(sent.facts, payload.log_gzip_size, payload.inputs_gzip_sha256, NOON), payload
            )
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
    assert set(after.bytes) == {"inputs", "logs", "words", "records", "accesses"}
    for kind in ("inputs", "logs"):
        assert MIB <= after.bytes[kind] - before.bytes[kind] < 1.2 * MIB


async def page(
    stores: LineageStores,
    size: int = 100,
    after: Position | None = None,
    *,
    descending: bool = True,
    **wanted: Any,
) -> LineagePage:
    async with stores.read() as store:
        return await store.page(LineageFilter(**wanted), size, after, Order(descending))


async def test_each_filter_finds_its_own_and_all_of_them_together(stores: LineageStores) -> None:
    log = b'{"event":"render.warning","reason":"glyph missing"}\n'
    sent = a_report(
        *(b"inputs",),
        log=log,
        pipeline_run_id="run-8",
        template_version_id="website_audit@2.0.0",
        pdf_sha256=digest(b"pdf"),
    )
    await add(stores, sent)
    for number in range(3):
        await add(stores, a_report(b"%d" % number), NOON + timedelta(hours=number + 1))
    facts = sent.facts
    each: list[dict[str, Any]] = [
        {"words": (Word("glyph"), Word("miss", True))},
        {"lead_id": facts.lead_id},
        {"pipeline_run_id": "run-8"},
        {"template_version_id": "website_audit@2.0.0"},
        {"pdf_sha256": facts.pdf_sha256},
        {"inputs_sha256": facts.inputs_sha256},
        {"created_before": NOON + timedelta(microseconds=1)},
    ]
    together = {name: value for one in each for name, value in one.items()} | {"created_after": NOON}
    for wanted in (*each, together):
        found = await page(stores, **wanted)
        assert [lineage.facts for lineage in found.lineages] == [facts], wanted
        assert (found.next, found.total_estimate) == (None, 1)
    assert (await page(stores, **together | {"pipeline_run_id": "run-7"})).lineages == ()
    assert (await page(stores, words=(Word("glyph"), Word("step")))).lineages == ()
    assert len((await page(stores, words=(Word("step"),), created_after=NOON)).lineages) == 3
    assert len((await page(stores)).lineages) == 4


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("words", [(), (Word("step"),)])
async def test_pages_show_each_lineage_once_in_order_though_times_are_equal(
    stores: LineageStores, descending: bool, words: tuple[Word, ...]
) -> None:
    sent = [a_report(b"%d" % number) for number in range(7)]
    for number, each in enumerate(sent):
        await add(stores, each, NOON + timedelta(seconds=number // 3))
    shown: list[Lineage] = []
    after: Position | None = None
    while True:
        found = await page(stores, 2, after, descending=descending, words=words)
        shown += found.lineages
        assert found.total_estimate == 7
        if (after := found.next) is None:
            break
    places = [(each.recorded_at, each.facts.lineage_id) for each in shown]
    assert places == sorted(places, reverse=descending)
    assert {each.facts.lineage_id for each in shown} == {each.facts.lineage_id for each in sent}
    assert len(shown) == 7 < EXACT_TOTAL_LIMIT


async def test_a_list_shows_readings_too(stores: LineageStores) -> None:
    sent = a_report()
    await add(stores, sent)
    async with stores.write() as store:
        await store.note(an_access(sent))
    (found,) = (await page(stores)).lineages
    assert found.readings == Readings(1, NOON)


async def test_the_newest_lineage_of_a_pdf_is_found_by_its_digest(stores: LineageStores) -> None:
    older, newer = a_report(b"1"), a_report(b"2")
    await add(stores, newer, NOON + timedelta(hours=1))
    await add(stores, older)
    async with stores.read() as store:
        found = await store.by_pdf(older.facts.pdf_sha256)
        assert await store.by_pdf(digest(b"other")) is None
    assert found is not None
    assert found.facts == newer.facts


async def test_the_digest_of_a_piece_is_known_without_it(stores: LineageStores) -> None:
    sent = a_report(b"one", b"two")
    await add(stores, sent)
    async with stores.read() as store:
        found = await store.piece_sha256(sent.facts.lineage_id, Content.INPUTS, 2)
        assert found == sent.facts.parts[1].sha256
        assert await store.piece_sha256(sent.facts.lineage_id, Content.INPUTS, 3) is None


async def test_a_search_and_a_look_at_the_audit_count_for_no_lineage(stores: LineageStores) -> None:
    sent = a_report()
    await add(stores, sent)
    async with stores.write() as store:
        searched = an_access(sent, Action.SEARCH, lineage_id=None, report_id=None, details={"size": 50})
        assert await store.note(searched) == Readings()
        assert await store.note(an_access(sent, Action.AUDIT)) == Readings()
        assert await store.note(an_access(sent, Action.VIEW)) == Readings(1, NOON)


async def test_the_audit_is_listed_newest_first_with_outcomes_page_by_page(stores: LineageStores) -> None:
    sent, other = a_report(), a_report()
    accesses = [
        an_access(sent, Action.LOGS, NOON, code=UNDER_WAY),
        an_access(other, Action.VIEW, NOON + timedelta(seconds=1)),
        an_access(sent, Action.DOWNLOAD, NOON + timedelta(seconds=2), part=2, code=UNDER_WAY),
        an_access(sent, Action.SEARCH, NOON + timedelta(seconds=3), lineage_id=None, details={"size": 50}),
    ]
    ended = Outcome(accesses[0].id, "CANCELLED", 70_000, NOON + timedelta(minutes=1))
    async with stores.write() as store:
        for access in accesses:
            await store.note(access)
        await store.conclude(accesses[0], ended)
    async with stores.read() as store:
        everything = await store.accesses(AccessFilter(), 10, None)
        assert [each.access for each in everything.entries] == accesses[::-1]
        assert [each.outcome for each in everything.entries] == [None, None, None, ended]
        assert [each.version is None for each in everything.entries] == [True, False, False, False]
        first = await store.accesses(AccessFilter(lineage_id=sent.facts.lineage_id), 1, None)
        assert [each.access for each in first.entries] == [accesses[2]]
        second = await store.accesses(AccessFilter(lineage_id=sent.facts.lineage_id), 1, first.next)
        assert [each.access for each in second.entries] == [accesses[0]]
        assert second.next is None
        for wanted, expected in (
            (AccessFilter(action=Action.VIEW), [accesses[1]]),
            (AccessFilter(subject="ada", created_after=NOON + timedelta(seconds=3)), [accesses[3]]),
            (AccessFilter(created_before=NOON + timedelta(seconds=1)), [accesses[0]]),
            (AccessFilter(subject="eve"), []),
        ):
            found = await store.accesses(wanted, 10, None)
            assert [each.access for each in found.entries] == expected, wanted
