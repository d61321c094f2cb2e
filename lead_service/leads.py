"""What people do with leads: write one down, change it, delete it, have one looked up, leaf through them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from lead_service import lookups, visibility
from lead_service.domain import (
    Draft,
    Lead,
    LeadFilter,
    LeadPage,
    LeadStores,
    Order,
    Position,
)
from lead_service.facts import EnrichmentTask
from lead_service.quota import Quota
from services.clock import Clock
from services.errors import InvalidArgument
from services.identity import Actor


async def create(stores: LeadStores, draft: Draft, created_by: str, clock: Clock) -> Lead:
    """Keep a new lead. Nothing is looked up."""
    lead = draft.lead(created_by, clock())
    async with stores.write() as leads:
        await leads.add(lead)
    return lead


async def quick_add(stores: LeadStores, draft: Draft, actor: Actor, quota: Quota, clock: Clock) -> Lead:
    """Keep a new lead and ask for its look-up: both, or neither.

    Raises InvalidArgument, AlreadyExists, or ResourceExhausted.
    """
    lead = draft.lead(actor.subject, clock())
    async with stores.write() as leads:
        await quota.charge(leads, actor, lead.created_at)
        task_id = await leads.enqueue(EnrichmentTask(lead.id, actor.subject))
        asked = lead.enrichment.requested(task_id, actor.subject)
        lead = lead.with_enrichment(asked, lead.created_at)
        await leads.add(lead)
    return lead


async def get(stores: LeadStores, lead_id: UUID, actor: Actor) -> Lead:
    """Return one lead with its facts; raises NotFound."""
    async with stores.read() as leads:
        found = await leads.get(lead_id)
    visibility.require_seen(found, actor)
    return found


async def get_as_of(stores: LeadStores, lead_id: UUID, moment: datetime, actor: Actor, clock: Clock) -> Lead:
    """Return one lead as it was then; raises NotFound, and InvalidArgument for a moment to come.

    Whoever does not see deleted leads sees those alone that live, as they were while they lived.
    """
    if moment > clock():
        raise InvalidArgument("as_of", "lies in the future", "FUTURE")
    async with stores.read() as leads:
        found = await leads.get_as_of(lead_id, moment)
        if not visibility.sees_deleted(actor):
            for each in (found, await leads.get(lead_id)):
                visibility.require_seen(each, actor)
    return found


async def update(
    stores: LeadStores,
    lead_id: UUID,
    draft: Draft,
    fields: Collection[str],
    etags: Collection[str],
    actor: Actor,
    quota: Quota,
    clock: Clock,
) -> Lead:
    """Change the named fields of a lead to what the draft says, if it is still as `etags` name it.

    A lead that was looked up is looked up anew under another address or domain: both, or neither.
    Raises NotFound, Aborted, FailedPrecondition, AlreadyExists or InvalidArgument.
    """
    async with stores.write() as leads:
        await leads.get_for_change(lead_id)
        lead = await leads.get(lead_id)
        lead.expect(etags)
        now = clock()
        revised = lead.revised(draft, fields, now)
        if revised is lead:
            return lead
        renewed = await lookups.renewed(leads, lead, revised, actor, quota, now)
        # Where it stays who it is, nobody can be in its way.
        keep = leads.change if renewed.identity == lead.identity else leads.revise
        return await keep(renewed)


async def delete(stores: LeadStores, lead_id: UUID, etags: Collection[str], clock: Clock) -> Lead:
    """Delete a lead, softly, if it is still as `etags` name it; raises NotFound or Aborted."""
    async with stores.write() as leads:
        await leads.get_for_change(lead_id)
        lead = await leads.get(lead_id)
        lead.expect(etags)
        deleted = lead.deleted(clock())
        return lead if deleted is lead else await leads.change(deleted)


async def undelete(stores: LeadStores, lead_id: UUID, etags: Collection[str], clock: Clock) -> Lead:
    """Bring a deleted lead back; raises NotFound, Aborted, or AlreadyExists if another took its place."""
    async with stores.write() as leads:
        await leads.get_for_change(lead_id)
        lead = await leads.get(lead_id)
        lead.expect(etags)
        living = lead.undeleted(clock())
        return lead if living is lead else await leads.revise(living)


async def page(
    stores: LeadStores,
    lead_filter: LeadFilter,
    size: int,
    after: Position | None,
    order: Order,
    actor: Actor,
) -> LeadPage:
    """Return the page behind a position, without the leads' facts; raises PermissionDenied."""
    visibility.require_allowed(lead_filter, actor)
    async with stores.read() as leads:
        return await leads.page(lead_filter, size, after, order)
