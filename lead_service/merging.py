"""Merging two leads into one, and taking them apart again."""

from collections.abc import Collection
from uuid import UUID

from lead_service.domain import Lead, LeadStore, LeadStores
from lead_service.merges import Pair, not_merged, require_two
from services.clock import Clock


async def merge(
    stores: LeadStores,
    lead_id: UUID,
    other_id: UUID,
    theirs: Collection[str],
    etags: Collection[str],
    other_etags: Collection[str],
    clock: Clock,
) -> Lead:
    """Merge the other lead into this one, which takes over the other's fields named in `theirs`.

    Raises InvalidArgument for one lead alone, NotFound, Aborted if either is not as its etags name it,
    FailedPrecondition as `Pair.merged` does, or AlreadyExists if a third lead is what this would become.
    """
    require_two(lead_id, other_id)
    async with stores.write() as leads:
        found = await _hold(leads, lead_id, other_id)
        found.lead.expect(etags)
        found.other.expect(other_etags)
        merged, kept = found.merged(theirs, clock())
        # The other one first: it makes room for its e-mail address and domain.
        await leads.change(merged.other)
        await leads.keep_merge(kept)
        return await _write(leads, found.lead, merged.lead)


async def unmerge(stores: LeadStores, other_id: UUID, etags: Collection[str], clock: Clock) -> Lead:
    """Undo the merge that took a lead away, and return that lead. The one that stayed is as before, too.

    Raises NotFound, Aborted, FailedPrecondition if it is not merged or the other one has changed since, or
    AlreadyExists if another lead has taken the place of either.
    """
    async with stores.write() as leads:
        kept = await leads.merge_of(other_id)
        if kept is None:
            await leads.get(other_id)
            raise not_merged()
        found = await _hold(leads, kept.lead_id, other_id)
        found.other.expect(etags)
        if await leads.merge_of(other_id) != kept:
            raise not_merged()
        apart = found.unmerged(kept, clock())
        await _write(leads, found.lead, apart.lead)
        await leads.forget_merge(other_id)
        return await leads.revise(apart.other)


async def _hold(leads: LeadStore, lead_id: UUID, other_id: UUID) -> Pair:
    """Return both leads with their facts, held in the order of their ids: so nobody waits in a circle."""
    for each in sorted((lead_id, other_id)):
        await leads.get_for_change(each)
    return Pair(await leads.get(lead_id), await leads.get(other_id))


async def _write(leads: LeadStore, before: Lead, lead: Lead) -> Lead:
    if lead is before:
        return lead
    if lead.facts != before.facts:
        await leads.replace_facts(lead.id, lead.facts)
    return await leads.revise(lead)
