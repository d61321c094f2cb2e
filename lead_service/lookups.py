"""What people do about look-ups: ask for another one, and take over or turn down what it suggests.

And what follows when a lead that was looked up gets another address or domain.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lead_service.domain import Draft, Lead, LeadStore, LeadStores
from lead_service.facts import EnrichmentTask
from lead_service.quota import Quota
from lead_service.suggestions import Suggestion, SuggestionState
from services.clock import Clock
from services.identity import Actor


async def ask(
    stores: LeadStores, lead_id: UUID, etags: Collection[str], actor: Actor, quota: Quota, clock: Clock
) -> Lead:
    """Ask for a lead's look-up once more; while one is under way, return the lead as it is.

    Raises NotFound, Aborted, FailedPrecondition for a deleted lead, or ResourceExhausted.
    """
    async with stores.write() as leads:
        lead = await _living(leads, lead_id, etags)
        if lead.enrichment.is_under_way:
            return lead
        now = clock()
        await quota.charge(leads, actor, now)
        task_id = await leads.enqueue(EnrichmentTask(lead_id, actor.subject))
        asked = lead.enrichment.requested(task_id, actor.subject)
        return await leads.change(lead.with_enrichment(asked, now))


async def renewed(
    leads: LeadStore, known: Lead, revised: Lead, actor: Actor, quota: Quota, now: datetime
) -> Lead:
    """Return the revised lead, looked up anew if it has another address or domain than `known`.

    What was found, and what of it is an open suggestion, is about another name and goes. Nobody is kept from
    an edit by the quota: beyond it, the look-up waits to be asked for. A lead that was never looked
    up stays so.
    """
    names = ((each.email.lower(), each.domain) for each in (known, revised))
    if len(set(names)) == 1 or not known.enrichment.was_asked_for:
        return revised
    await leads.replace_facts(known.id, ())
    decided = tuple(each for each in revised.suggestions if each.state is not SuggestionState.OPEN)
    if decided != revised.suggestions:
        await leads.replace_suggestions(known.id, decided)
    task_id = asked_by = ""
    if await quota.charge_most(leads, actor, 1, now):
        task_id, asked_by = await leads.enqueue(EnrichmentTask(known.id, actor.subject)), actor.subject
    renewed = revised.with_enrichment(revised.enrichment.renewed(task_id, asked_by), now)
    return replace(renewed, facts=(), suggestions=decided)


async def accept(
    stores: LeadStores,
    lead_id: UUID,
    suggestion_id: UUID,
    etags: Collection[str],
    actor: Actor,
    quota: Quota,
    clock: Clock,
) -> Lead:
    """Write what is suggested into the lead; another domain is looked up.

    Raises what an update raises, and FailedPrecondition if the suggestion was dismissed.
    """
    async with stores.write() as leads:
        lead = await _living(leads, lead_id, etags)
        now = clock()
        known = lead.suggestion(suggestion_id)
        accepted = known.decided(SuggestionState.ACCEPTED, actor.subject, now)
        if accepted is known:
            return lead
        values: dict[str, Any] = {"email": lead.email, known.field: known.value}
        revised = lead.revised(Draft(**values), [known.field], now)
        decided = await _decided(leads, replace(revised, updated_at=now), accepted)
        return await leads.revise(await renewed(leads, lead, decided, actor, quota, now))


async def dismiss(
    stores: LeadStores, lead_id: UUID, suggestion_id: UUID, etags: Collection[str], by: str, clock: Clock
) -> Lead:
    """Turn down what is suggested, for good; raises as `accept` does."""
    async with stores.write() as leads:
        lead = await _living(leads, lead_id, etags)
        now = clock()
        known = lead.suggestion(suggestion_id)
        dismissed = known.decided(SuggestionState.DISMISSED, by, now)
        if dismissed is known:
            return lead
        # The lead is written too: its etag stands for its suggestions, and its audit says who decided.
        return await leads.change(await _decided(leads, replace(lead, updated_at=now), dismissed))


async def _living(leads: LeadStore, lead_id: UUID, etags: Collection[str]) -> Lead:
    await leads.get_for_change(lead_id)
    lead = await leads.get(lead_id)
    lead.expect(etags)
    lead.require_living()
    return lead


async def _decided(leads: LeadStore, lead: Lead, decided: Suggestion) -> Lead:
    suggestions = tuple(decided if each.id == decided.id else each for each in lead.suggestions)
    await leads.replace_suggestions(lead.id, suggestions)
    return replace(lead, suggestions=suggestions)
