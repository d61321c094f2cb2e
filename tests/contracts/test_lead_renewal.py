"""Promise: what is known of a lead is about the address and domain it has; with others it is found anew."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from lead_service import leads, lookups
from lead_service.domain import Draft, Lead, LeadStores
from lead_service.enrichment import enrich
from lead_service.facts import Enrichment, EnrichmentStatus, Fact, FactState, Subject
from lead_service.quota import STANDARD, Quota
from lead_service.suggestions import SuggestionState, drawn
from services.errors import AlreadyExists
from tests.contracts.leads import ADA, FACTS, NOW, SEEN, keep, new_lead, read

PENDING, IN_PROGRESS, COMPLETED, _ = EnrichmentStatus


def clock() -> datetime:
    return NOW


async def looked_up(stores: LeadStores, email: str = "") -> Lead:
    """Keep a lead whose look-up has found something, and suggested two values."""
    lead = replace(new_lead(email=email), enrichment=Enrichment(COMPLETED, "7", 1, "", NOW, asked_by="grace"))
    await keep(stores, lead)
    homepage = replace(SEEN, provider="homepage")
    found = [
        *FACTS,
        homepage.found("organisation", ["name: Example Bakery"]),
        homepage.found("final_url", ["https://bakery.example/"]),
    ]
    by_name, by_domain = sorted(drawn(found, "", lead.domain), key=lambda each: each.field == "domain")
    async with stores.write() as store:
        await store.replace_facts(lead.id, found)
        dismissed = by_name.decided(SuggestionState.DISMISSED, "ada", NOW)
        await store.replace_suggestions(lead.id, [dismissed, by_domain])
    return await read(stores, lead)


async def edit(stores: LeadStores, lead: Lead, quota: Quota = STANDARD, **values: Any) -> Lead:
    draft = Draft(**{"email": lead.email, **values})
    edited = await leads.update(stores, lead.id, draft, values, (), ADA, quota, clock)
    assert edited == await read(stores, lead)
    return edited


async def unattended(stores: LeadStores) -> list[Lead]:
    async with stores.write() as store:
        return await store.unattended(10)


@pytest.mark.parametrize("changed", [{"domain": "bakery.example"}, {"email": "bob@example.com"}])
async def test_a_lead_with_another_name_is_looked_up_anew(
    stores: LeadStores, changed: dict[str, str]
) -> None:
    lead = await looked_up(stores)
    edited = await edit(stores, lead, **changed)
    assert edited.enrichment == Enrichment(PENDING, edited.enrichment.task_id, asked_by="ada")
    assert edited.enrichment.task_id not in ("", "7")
    # Its job stands in the queue.
    assert await unattended(stores) == []
    assert edited.facts == ()
    assert [each.state for each in edited.suggestions] == [SuggestionState.DISMISSED]


@pytest.mark.parametrize("changed", [{"name": "Ada"}, {"is_manual": True}, {"email": "ADA@example.com"}])
async def test_what_names_nobody_else_leaves_what_is_known(
    stores: LeadStores, changed: dict[str, Any]
) -> None:
    lead = await looked_up(stores, "ada@example.com")
    edited = await edit(stores, lead, **changed)
    assert (edited.enrichment, edited.facts) == (lead.enrichment, lead.facts)
    assert edited.suggestions == lead.suggestions


async def test_a_lead_that_nobody_had_looked_up_stays_so(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    assert (await edit(stores, lead, domain="bakery.example")).enrichment == Enrichment()


class Edited:
    """A provider during whose look-up somebody gives the lead another domain."""

    name = "dns"
    timeout_seconds = 5.0

    def __init__(self, stores: LeadStores, lead: Lead) -> None:
        self.stores, self.lead = stores, lead
        self.asked: list[str] = []

    async def look_up(self, subject: Subject) -> list[Fact]:
        self.asked.append(subject.domain)
        if len(self.asked) == 1:
            await edit(self.stores, self.lead, domain="bakery.example")
        return [SEEN.found("a", [subject.domain])]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        raise AssertionError(reason)


async def test_a_look_up_that_is_overtaken_keeps_nothing_and_the_next_one_does(stores: LeadStores) -> None:
    added = await leads.quick_add(stores, Draft("ada@example.com"), ADA, STANDARD, clock)
    provider = Edited(stores, added)

    async def work(task_id: str) -> Lead:
        await enrich(stores, [provider], added.id, task_id, budget_seconds=5, clock=clock)
        return await read(stores, added)

    edited = await work(added.enrichment.task_id)
    assert (edited.enrichment.status, edited.facts) == (PENDING, ())
    # The job of before comes again, as any may: it is not this look-up's.
    assert await work(added.enrichment.task_id) == edited
    done = await work(edited.enrichment.task_id)
    assert done.enrichment.status is COMPLETED
    assert [fact.values for fact in done.facts] == [("bakery.example",)]
    assert provider.asked == ["example.com", "bakery.example"]


async def test_an_edit_is_not_refused_for_the_quota_and_its_look_up_waits_to_be_asked_for(
    stores: LeadStores,
) -> None:
    lead, used_up = await looked_up(stores), Quota(hourly=0)
    edited = await edit(stores, lead, used_up, domain="bakery.example")
    assert (edited.domain, edited.enrichment, edited.facts) == ("bakery.example", Enrichment(), ())
    asked = await lookups.ask(stores, lead.id, (), ADA, STANDARD, clock)
    assert asked.enrichment.is_under_way


async def test_an_edit_counts_as_one_look_up(stores: LeadStores) -> None:
    first, second = await looked_up(stores), await looked_up(stores)
    quota = Quota(hourly=1)
    assert (await edit(stores, first, quota, domain="bakery.example")).enrichment.task_id
    assert not (await edit(stores, second, quota, domain="bakery.example")).enrichment.task_id


async def test_an_edit_that_is_refused_leaves_what_is_known(stores: LeadStores) -> None:
    lead = await looked_up(stores)
    await keep(stores, new_lead(email=lead.email, domain="bakery.example"))
    quota = Quota(hourly=1)
    with pytest.raises(AlreadyExists):
        await edit(stores, lead, quota, domain="bakery.example")
    assert await read(stores, lead) == lead
    async with stores.write() as store:
        assert await quota.charge_most(store, ADA, 1, NOW) == 1


async def test_an_accepted_domain_is_looked_up(stores: LeadStores) -> None:
    lead = await looked_up(stores)
    (suggestion,) = (each for each in lead.suggestions if each.field == "domain")
    taken = await lookups.accept(stores, lead.id, suggestion.id, (), ADA, STANDARD, clock)
    assert (taken.domain, taken.enrichment.status, taken.facts) == ("bakery.example", PENDING, ())
    assert taken.enrichment.task_id not in ("", "7")
    assert {each.state for each in taken.suggestions} == {SuggestionState.DISMISSED, SuggestionState.ACCEPTED}
    assert taken == await read(stores, lead)
