"""What people do with leads: write one down, have one looked up, read one, leaf through them."""

from uuid import UUID

from lead_service.domain import (
    Draft,
    Enrichment,
    EnrichmentTask,
    Lead,
    LeadFilter,
    LeadPage,
    LeadStores,
    Position,
)
from services.clock import Clock


async def create(stores: LeadStores, draft: Draft, created_by: str, clock: Clock) -> Lead:
    """Keep a new lead. Nothing is looked up."""
    lead = draft.lead(created_by, clock())
    async with stores.write() as leads:
        await leads.add(lead)
    return lead


async def quick_add(stores: LeadStores, draft: Draft, created_by: str, clock: Clock) -> Lead:
    """Keep a new lead and ask for its look-up: both, or neither."""
    lead = draft.lead(created_by, clock())
    async with stores.write() as leads:
        task_id = await leads.enqueue(EnrichmentTask(lead.id, created_by))
        lead = lead.with_enrichment(Enrichment(task_id=task_id), lead.created_at)
        await leads.add(lead)
    return lead


async def get(stores: LeadStores, lead_id: UUID) -> Lead:
    """Return one lead with its facts; raises NotFound."""
    async with stores.read() as leads:
        return await leads.get(lead_id)


async def page(stores: LeadStores, lead_filter: LeadFilter, size: int, after: Position | None) -> LeadPage:
    """Return the page behind a position, newest leads first, without their facts."""
    async with stores.read() as leads:
        return await leads.page(lead_filter, size, after)
