"""Issuing reports again: what was wrong in a template or in inputs is put right in each PDF it reached."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from report_service import batches, offers
from report_service.batch import (
    Batch,
    BatchProgress,
    BatchRequest,
    BatchStores,
    LeadSearch,
    Reissue,
    UsedInputs,
)
from report_service.domain import Report, RequestKey
from report_service.rendering.bundles import Templates
from services.clock import Clock
from services.errors import FailedPrecondition
from services.ids import uuid7

MOST_FROM_INPUTS = 10_000
"""Reports from the same inputs that are looked through, at most."""


async def generate(
    stores: BatchStores,
    leads: LeadSearch,
    lineages: UsedInputs,
    request: BatchRequest,
    created_by: str,
    clock: Clock,
    *,
    limit: int,
    queue_limit: int,
    templates: Templates,
) -> BatchProgress:
    """Queue many reports: on leads, or in the place of others.

    Raises InvalidArgument unless the request names one of both, FailedPrecondition if there is nothing to
    issue again, and what ``batches.generate`` raises.
    """
    batches.require_one_kind(request)
    if request.reissue is None:
        return await batches.generate(
            stores,
            leads,
            request,
            created_by,
            clock,
            limit=limit,
            queue_limit=queue_limit,
            templates=templates,
        )
    key = batches.request_key(request, created_by)
    if known := await batches.known_batch(stores, key):
        return known
    wanted = await _resolved(lineages, request.reissue)
    async with stores.read() as store:
        found = await store.reissuable(wanted, limit)
    choices = await _choices(templates, request, found)
    batch = Batch(
        id=uuid7(),
        template_version_id=next(iter(choices.values())).bundle.template_version_id,
        locale=_common([each.locale for each in choices.values()]),
        pipeline_run_id=request.pipeline_run_id or str(uuid4()),
        size=len(found),
        created_by=created_by,
        created_at=clock(),
    )
    return await _queue(stores, key, batch, wanted, choices, limit, queue_limit)


async def _queue(
    stores: BatchStores,
    key: RequestKey,
    batch: Batch,
    wanted: Reissue,
    choices: dict[str, offers.Choice],
    limit: int,
    queue_limit: int,
) -> BatchProgress:
    async with stores.write() as store:
        # Once more, with nobody beside: another request may have begun with some of them.
        left = [each for each in await store.reissuable(wanted, limit) if each.locale in choices]
        if not left:
            raise _nothing()
        reports = [_report(batch, choices[old.locale], old, position) for position, old in enumerate(left, 1)]
        return await batches.queue(store, key, replace(batch, size=len(left)), reports, queue_limit)


async def _resolved(lineages: UsedInputs, wanted: Reissue) -> Reissue:
    """Return what a store can look for: which reports had which inputs is known to lineage."""
    if not wanted.inputs_sha256:
        return wanted
    made = await lineages.reports_from(wanted.inputs_sha256, MOST_FROM_INPUTS)
    named: Sequence[UUID] = wanted.report_ids or made
    both = tuple(each for each in named if each in set(made))
    if not both:
        raise _nothing()
    return replace(wanted, report_ids=both)


async def _choices(
    templates: Templates, request: BatchRequest, found: Sequence[Report]
) -> dict[str, offers.Choice]:
    """Return what to make the new reports with, by the locale of the old ones."""
    if not found:
        raise _nothing()
    names = {each.template_version_id.partition("@")[0] for each in found}
    if not request.template and len(names) > 1:
        raise FailedPrecondition(
            f"These reports are of several templates ({', '.join(sorted(names))}): name the one to use.",
            reason="REISSUE_MIXED",
        )
    template = request.template or next(iter(names))
    locales = {each.locale for each in found}
    return {
        locale: await offers.choose(templates, template, request.template_version, request.locale or locale)
        for locale in sorted(locales)
    }


def _report(batch: Batch, choice: offers.Choice, old: Report, position: int) -> Report:
    return Report(
        id=uuid7(),
        lineage_id=uuid7(),
        lead_id=old.lead_id,
        domain=old.domain,
        pipeline_run_id=batch.pipeline_run_id,
        template_version_id=choice.bundle.template_version_id,
        template_digest=choice.bundle.digest,
        locale=choice.locale,
        created_by=batch.created_by,
        created_at=batch.created_at,
        batch_id=batch.id,
        batch_position=position,
        supersedes=old.id,
    )


def _common(locales: Sequence[str]) -> str:
    """Return the one language of a batch, nothing if there are several."""
    return locales[0] if len(set(locales)) == 1 else ""


def _nothing() -> FailedPrecondition:
    return FailedPrecondition("There is no such report to issue again.", reason="BATCH_EMPTY")
