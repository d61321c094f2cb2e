"""Promise: of many who write leads at once, or who ask twice, nobody loses anything."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from lead_service import leads
from lead_service.domain import (
    Draft,
    LeadStores,
    RequestKey,
)
from lead_service.quota import STANDARD
from services.errors import Aborted, AlreadyExists, FailedPrecondition
from tests.contracts.leads import ADA, NOW, keep, new_lead, read


async def test_two_who_change_one_lead_wait_for_each_other(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)

    async def begin() -> None:
        async with stores.write() as store:
            current = await store.get_for_change(lead.id)
            await asyncio.sleep(0.01)
            await store.change(current.with_enrichment(current.enrichment.begun(), NOW))

    await asyncio.gather(*(begin() for _ in range(5)))
    assert (await read(stores, lead)).enrichment.attempts == 5


async def test_every_change_is_another_version_and_an_old_one_is_refused(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    async with stores.write() as store:
        changed = await store.change(replace(lead, name="Ada"))
    assert (changed.name, changed.version) == ("Ada", 2)
    assert changed.etag != lead.etag
    assert await read(stores, lead) == changed
    for write in ("change", "revise"):
        with pytest.raises(Aborted):
            async with stores.write() as store:
                await getattr(store, write)(replace(lead, name="Bob"))
    assert await read(stores, lead) == changed


async def test_of_many_who_add_one_lead_at_once_one_succeeds(stores: LeadStores) -> None:
    async def add() -> str:
        lead = new_lead(email="ada@example.com")
        try:
            await keep(stores, lead)
        except AlreadyExists as refused:
            return refused.metadata["name"]
        return str(lead.id)

    assert len(set(await asyncio.gather(*(add() for _ in range(8))))) == 1


ASKED = RequestKey("ada", "CreateLead", "key", b"1" * 32)


async def test_an_answered_request_gets_its_first_answer_and_a_different_one_is_refused(
    stores: LeadStores,
) -> None:
    async with stores.write() as store:
        assert await store.claim(ASKED, NOW) is None
        await store.settle(ASKED, b"answer")
    async with stores.write() as store:
        assert await store.claim(ASKED, NOW) == b"answer"
        for other in (replace(ASKED, subject="bob"), replace(ASKED, method="x"), replace(ASKED, key="x")):
            assert await store.claim(other, NOW) is None
    with pytest.raises(FailedPrecondition) as refused:
        async with stores.write() as store:
            await store.claim(replace(ASKED, request_sha256=b"2" * 32), NOW)
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_request_that_failed_was_never_claimed(stores: LeadStores) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stores.write() as store:
            await store.claim(ASKED, NOW)
            raise ZeroDivisionError
    async with stores.write() as store:
        assert await store.claim(replace(ASKED, request_sha256=b"2" * 32), NOW) is None


async def test_the_same_request_sent_many_times_at_once_is_done_once(stores: LeadStores) -> None:
    done: list[int] = []

    async def ask(number: int) -> bytes:
        async with stores.write() as store:
            first = await store.claim(ASKED, NOW)
            if first is not None:
                return first
            await asyncio.sleep(0.01)
            done.append(number)
            await store.settle(ASKED, b"%d" % number)
            return b"%d" % number

    answers = await asyncio.gather(*(ask(number) for number in range(1, 6)))
    assert set(answers) == {b"%d" % done[0]}
    assert len(done) == 1


async def test_old_answers_are_forgotten(stores: LeadStores) -> None:
    async with stores.write() as store:
        for key, minutes in (("old", 0), ("new", 2)):
            asked = replace(ASKED, key=key)
            await store.claim(asked, NOW + timedelta(minutes=minutes))
            await store.settle(asked, b"answer")
    async with stores.write() as store:
        assert await store.forget_answers(NOW + timedelta(minutes=1)) == 1
        assert await store.claim(replace(ASKED, key="new"), NOW) == b"answer"
        assert await store.claim(replace(ASKED, key="old"), NOW) is None


async def test_of_64_editors_of_one_lead_none_loses_what_he_wrote(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    fields = ("name", "is_manual")

    async def edit(number: int) -> None:
        while True:
            seen = await read(stores, lead)
            draft = Draft("", name=f"{seen.name} {number}", is_manual=number % 2 == 0)
            try:
                await leads.update(stores, lead.id, draft, fields, [seen.etag], ADA, STANDARD, lambda: NOW)
            except Aborted:
                # Whoever comes back at once, with 63 others, meets them all again.
                await asyncio.sleep(random.random())
                continue
            return

    await asyncio.gather(*(edit(number) for number in range(64)))
    edited = await read(stores, lead)
    assert sorted(map(int, edited.name.split())) == list(range(64))
    assert edited.version == 65


async def test_64_editors_of_different_fields_wait_for_each_other(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)

    async def edit(number: int) -> None:
        field = ("name", "domain")[number % 2]
        draft = Draft("", name=f"n{number}", domain=f"d{number}.example")
        await leads.update(stores, lead.id, draft, [field], [], ADA, STANDARD, lambda: NOW)

    await asyncio.gather(*(edit(number) for number in range(64)))
    edited = await read(stores, lead)
    assert (edited.name[0], edited.domain[0], edited.version) == ("n", "d", 65)
