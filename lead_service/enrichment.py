"""Looking a lead up: every provider is asked at once, and the facts replace the ones before.

A look-up always ends. Its job is retried while it fails; after MAX_ATTEMPTS beginnings, by whatever
end (an exception, a killed worker, a lost job), the lead is FAILED; and a lead whose job is gone is found
by `requeue_unattended`.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from lead_service.domain import Lead, LeadStores
from lead_service.facts import MAX_ATTEMPTS, EnrichmentTask, Fact, FactState, Provider, Subject
from lead_service.suggestions import drawn, merged
from services.clock import Clock
from services.errors import NotFound

LEAD_ENRICHED = "lead.enriched"
ENRICHMENT_FAILED = "enrichment.failed"
ENRICHMENT_SKIPPED = "enrichment.skipped"
PROVIDER_BROKE = "provider.broke"

_UNATTENDED_BATCH = 100

log = structlog.get_logger(__name__)


async def enrich(
    stores: LeadStores,
    providers: Sequence[Provider],
    lead_id: UUID,
    task_id: str,
    *,
    budget_seconds: float,
    clock: Clock,
) -> None:
    """Carry out the job `task_id`: from PENDING, or from where a killed worker left it, to an end.

    Does nothing if the lead is gone, has ended, or waits for another job: a job may come twice.
    An attempt that a later one has overtaken, because its worker stalled, keeps nothing of its own.
    Raises whatever broke the look-up while another attempt is left; the last one ends in FAILED.
    """
    lead = await _begin(stores, lead_id, task_id, clock)
    if lead is None:
        log.info(ENRICHMENT_SKIPPED, lead_id=str(lead_id), job=task_id)
        return
    try:
        facts = await look_up(providers, Subject(lead.domain, lead.email), budget_seconds)
        async with stores.write() as leads:
            current = await leads.get_for_change(lead_id)
            if current.enrichment != lead.enrichment:
                log.info(ENRICHMENT_SKIPPED, lead_id=str(lead_id), job=task_id)
                return
            known = (await leads.get(lead_id)).suggestions
            suggestions = merged(known, drawn(facts, current.name, current.domain))
            await leads.replace_facts(lead_id, facts)
            if suggestions != known:
                await leads.replace_suggestions(lead_id, suggestions)
            now = clock()
            await leads.change(current.with_enrichment(current.enrichment.completed(now), now))
    except Exception as error:
        if lead.enrichment.attempts < MAX_ATTEMPTS:
            raise
        log.exception(ENRICHMENT_FAILED, lead_id=str(lead_id), job=task_id)
        await _fail(stores, lead, f"the look-up broke: {error or type(error).__name__}", clock)
    else:
        found = sum(fact.state is FactState.FOUND for fact in facts)
        log.info(LEAD_ENRICHED, lead_id=str(lead_id), job=task_id, facts=len(facts), found=found)


async def look_up(providers: Sequence[Provider], subject: Subject, budget_seconds: float) -> list[Fact]:
    """Ask every provider at once, each within its own time and all within the budget."""
    asked = (_ask(provider, subject, budget_seconds) for provider in providers)
    return [fact for facts in await asyncio.gather(*asked) for fact in facts]


async def requeue_unattended(stores: LeadStores, clock: Clock) -> int:
    """Give look-ups that have lost their job another one; returns how many there were.

    One that has begun, or has lost its job, MAX_ATTEMPTS times ends as FAILED instead.
    """
    async with stores.write() as leads:
        unattended = await leads.unattended(_UNATTENDED_BATCH)
        for lead in unattended:
            now, state = clock(), lead.enrichment
            if state.attempts >= MAX_ATTEMPTS:
                state = state.failed(now, f"the look-up lost its job, and was tried {MAX_ATTEMPTS} times")
            else:
                task = EnrichmentTask(lead.id, state.asked_by or lead.created_by)
                state = state.requeued(await leads.enqueue(task))
            await leads.change(lead.with_enrichment(state, now))
    return len(unattended)


async def _begin(stores: LeadStores, lead_id: UUID, task_id: str, clock: Clock) -> Lead | None:
    async with stores.write() as leads:
        try:
            lead = await leads.get_for_change(lead_id)
        except NotFound:
            return None
        if lead.enrichment.ended or lead.enrichment.task_id != task_id:
            return None
        now = clock()
        if lead.enrichment.attempts >= MAX_ATTEMPTS:
            # Each of them was killed before it could say why.
            reason = f"the look-up was begun {MAX_ATTEMPTS} times and never came to an end"
            await leads.change(lead.with_enrichment(lead.enrichment.failed(now, reason), now))
            return None
        lead = lead.with_enrichment(lead.enrichment.begun(), now)
        await leads.change(lead)
        return lead


async def _fail(stores: LeadStores, begun: Lead, reason: str, clock: Clock) -> None:
    async with stores.write() as leads:
        lead = await leads.get_for_change(begun.id)
        if lead.enrichment == begun.enrichment:
            now = clock()
            await leads.change(lead.with_enrichment(lead.enrichment.failed(now, reason), now))


async def _ask(provider: Provider, subject: Subject, budget_seconds: float) -> list[Fact]:
    seconds = min(provider.timeout_seconds, budget_seconds)
    try:
        async with asyncio.timeout(seconds):
            return await provider.look_up(subject)
    except TimeoutError:
        reason = f"{provider.name} came to no end within {seconds:g} s"
        return provider.unanswered(subject, FactState.UNREACHABLE, reason)
    except Exception as error:
        # One provider that trips over a stranger's answer must not cost the lead the others' facts.
        log.exception(PROVIDER_BROKE, provider=provider.name)
        reason = f"the answer could not be understood ({type(error).__name__})"
        return provider.unanswered(subject, FactState.ERROR, reason)
