"""What may go, goes: by its age or because a lead is erased, but never what is held."""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from lineage_service.domain import (
    CONTENTS,
    HOLDS_SHOWN,
    Access,
    Action,
    Content,
    Due,
    Hold,
    Keeping,
    LineageStore,
    LineageStores,
    Policy,
    Reader,
    Removed,
)
from services.clock import Clock
from services.errors import FailedPrecondition
from services.pacing import pause

RETENTION_DUE = "retention.due"
RETENTION_APPLIED = "retention.applied"
BATCH = 200
"""Lineages of one transaction; each takes an entry in the audit."""
BATCH_OF_DETAILS = 2_000
YOUNGEST = timedelta(days=1)

EXPIRED = Counter(
    "leadfactory_lineage_expired_total", "What retention or an erasure removed, by kind.", ["kind"]
)
EXPIRED_BYTES = Counter(
    "leadfactory_lineage_expired_bytes_total", "Bytes of gzip that retention or an erasure removed.", ["kind"]
)

log = structlog.get_logger()


async def preview(stores: LineageStores, policy: Policy, *, clock: Clock) -> dict[Keeping, Due]:
    """Count what is due now, of what does not stay for ever."""
    found = {}
    for kind, before in policy.dues(clock()).items():
        async with stores.read() as store:
            found[kind] = await store.due(kind, before)
    return found


async def holds(stores: LineageStores) -> list[Hold]:
    """Return the latest holds."""
    async with stores.read() as store:
        return await store.holds(HOLDS_SHOWN)


async def hold(stores: LineageStores, lead_id: UUID, reason: str, reader: Reader, *, clock: Clock) -> Hold:
    """Hold what belongs to a lead; return the hold that stands."""
    async with stores.write() as store:
        asked = Hold(lead_id, reason, reader.subject, clock())
        stands = await store.hold(asked)
        if stands == asked:
            await _note_hold(store, Action.HOLD, asked, reader, clock)
        return stands


async def release(stores: LineageStores, lead_id: UUID, reason: str, reader: Reader, *, clock: Clock) -> None:
    """Let what belongs to a lead go when its time has come."""
    async with stores.write() as store:
        if await store.release(lead_id) is not None:
            released = Hold(lead_id, reason, reader.subject, clock())
            await _note_hold(store, Action.RELEASE, released, reader, clock)


async def erase(stores: LineageStores, lead_id: UUID, reader: Reader, *, clock: Clock) -> int:
    """Remove the raw inputs and logs of a lead's reports, whatever their age; return of how many.

    Raises FailedPrecondition for a lead that is held.
    """
    erased: set[UUID] = set()
    for kind, content in CONTENTS.items():
        removed = True
        while removed:
            async with stores.write() as store:
                if await store.held(lead_id) is not None:
                    raise FailedPrecondition("The lead is held.", reason="LEGAL_HOLD")
                gone = await store.expire(content, None, lead_id, BATCH)
                await _note(store, content, gone, "ERASURE", reader, clock)
            _count(kind, gone)
            erased |= {each.lineage_id for each in gone}
            removed = bool(gone)
    return len(erased)


async def apply(stores: LineageStores, policy: Policy, reader: Reader, *, clock: Clock) -> dict[Keeping, int]:
    """Remove what is due now, in transactions of some; return how much of what. A dry run only counts."""
    done = {}
    for kind, due in (await preview(stores, policy, clock=clock)).items():
        log.info(RETENTION_DUE, kind=kind, count=due.count, bytes=due.bytes, held=due.held)
        if due.count and not policy.dry_run:
            done[kind] = await _apply(stores, policy, kind, reader, clock)
            log.info(RETENTION_APPLIED, kind=kind, count=done[kind])
    return done


class Retention:
    """Applies a policy every so often."""

    def __init__(
        self, stores: LineageStores, policy: Policy, reader: Reader, *, seconds: float, clock: Clock
    ) -> None:
        """Act as the reader, whose work no person asked for."""
        self._stores = stores
        self._policy = policy
        self._reader = reader
        self._seconds = seconds
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Apply it until told to stop; raises what removing raises."""
        while not stop.is_set():
            await apply(self._stores, self._policy, self._reader, clock=self._clock)
            await pause(stop, self._seconds)


async def _apply(stores: LineageStores, policy: Policy, kind: Keeping, reader: Reader, clock: Clock) -> int:
    before = policy.dues(clock())[kind]
    content, total = CONTENTS.get(kind), 0
    while True:
        async with stores.write() as store:
            if content is None:
                count = await store.forget_details(before, BATCH_OF_DETAILS)
                if count:
                    # What is gone without an entry that says so is reported as damage.
                    told = Access(None, None, Action.FORGET, reader, clock(), forgotten_before=before)
                    await store.note(told)
            else:
                removed = await store.expire(content, before, None, BATCH)
                await _note(store, content, removed, "RETENTION", reader, clock)
                count = len(removed)
        if content is None:
            EXPIRED.labels(kind.value).inc(count)
        else:
            _count(kind, removed)
        total += count
        if not count:
            return total


async def _note(
    store: LineageStore, content: Content, removed: list[Removed], why: str, reader: Reader, clock: Clock
) -> None:
    details = {"content": content.value, "reason": why}
    # In the order of ids, as everywhere that more than one lineage is noted at once.
    for each in sorted(removed, key=lambda gone: gone.lineage_id):
        await store.note(
            Access(each.lineage_id, each.report_id, Action.EXPIRE, reader, clock(), details=details)
        )


async def _note_hold(store: LineageStore, action: Action, hold: Hold, reader: Reader, clock: Clock) -> None:
    details = {"lead_id": str(hold.lead_id), "reason": hold.reason}
    await store.note(Access(None, None, action, reader, clock(), details=details))


def _count(kind: Keeping, removed: list[Removed]) -> None:
    EXPIRED.labels(kind.value).inc(len(removed))
    EXPIRED_BYTES.labels(kind.value).inc(sum(each.bytes for each in removed))
