"""Calls that were denied, noted in the access audit in a transaction of their own."""

from uuid import UUID

from google.protobuf.message import Message

from lineage_service.domain import Access, Action, LineageStores
from lineage_service.wire.callers import reader
from services.clock import Clock
from services.interceptors import OnRefusal, Refusal

DENIED = "PERMISSION_DENIED"


def noting(stores: LineageStores, clock: Clock) -> OnRefusal:
    """Return what notes a call that was denied.

    Reading that fails for another reason than a missing right shows nothing and is not noted.
    """

    async def note(refusal: Refusal) -> None:
        if refusal.code != DENIED:
            return
        async with stores.write() as store:
            lineage = None
            for name in _named(refusal.request):
                # Only what exists gets a chain: whoever is denied must not be able to begin any.
                lineage = lineage or await store.by_id(name) or await store.by_report(name)
            lineage_id = None if lineage is None else lineage.facts.lineage_id
            report_id = None if lineage is None else lineage.facts.report_id
            details = {"reason": refusal.reason}
            await store.note(
                Access(lineage_id, report_id, Action.DENIED, reader(), clock(), details=details, code=DENIED)
            )

    return note


def _named(request: Message | None) -> list[UUID]:
    """Return what a request names, if it does so well."""
    found = []
    for field in ("lineage_id", "report_id", "a"):
        try:
            found.append(UUID(getattr(request, field, "")))
        except ValueError:
            continue
    return found
