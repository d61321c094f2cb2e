"""What people do about look-ups: ask for another one, and take over or turn down what it suggests."""

from collections.abc import Collection
from dataclasses import replace
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


async def accept(
    stores: LeadStores, lead_id: UUID, suggestion_id: UUID, etags: Collection[str], by: str, clock: Clock
) -> Lead:
    """Write what is suggested into the lead.

    Raises what an update raises, and FailedPrecondition if the suggestion was dismissed.
    """
    async with stores.write() as leads:
        lead = await _living(leads, lead_id, etags)
        now = clock()
        known = lead.suggestion(suggestion_id)
        accepted = known.decided(SuggestionState.ACCEPTED, by, now)
        if accepted is known:
            return lead
        values: dict[str, Any] = {"email": lead.email, known.field: known.value}
        revised = lead.revised(Draft(**values), [known.field], now)
        return await leads.revise(await _decided(leads, replace(revised, updated_at=now), accepted))


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
