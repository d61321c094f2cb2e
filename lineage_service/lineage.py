"""The use cases: remember how a report came to be, and let it be read by those who leave their name."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

import structlog
from prometheus_client import Counter

from lineage_service import payload
from lineage_service.domain import (
    Access,
    Action,
    Content,
    Facts,
    Limits,
    Lineage,
    LineageStore,
    LineageStores,
    Reader,
)
from services.clock import Clock
from services.errors import AlreadyExists, DataLoss, NotFound
from services.ids import uuid7

LINEAGE_RECORDED = "lineage.recorded"
LINEAGE_CONFLICTED = "lineage.conflicted"
PAYLOAD_DAMAGED = "payload.damaged"

RECORDED = Counter("leadfactory_lineage_recorded_total", "Deliveries of lineage that were accepted.")
CONFLICTS = Counter(
    "leadfactory_lineage_conflicts_total", "Deliveries refused because other facts are recorded."
)
DAMAGED = Counter("leadfactory_lineage_damaged_total", "Stored bytes that no longer had their digest.")

log = structlog.get_logger()


async def record(
    stores: LineageStores,
    facts: Facts,
    arrivals: AsyncIterator[tuple[Content, bytes]],
    *,
    limits: Limits,
    clock: Clock,
) -> Lineage:
    """Remember how one report came to be. Saying the same thing twice is harmless.

    Raises InvalidArgument if the bytes are not what the facts announce, and AlreadyExists, loudly,
    if the report or the id is known with other facts; nothing is changed then.
    """
    async with payload.receive(facts, arrivals, limits) as delivery, stores.write() as store:
        kept = await store.add_if_absent(Lineage(facts, delivery.log_gzip_size, clock()), delivery)
    if differing := facts.differing(kept.facts):
        CONFLICTS.inc()
        log.error(LINEAGE_CONFLICTED, report_id=str(facts.report_id), differing=differing)
        raise AlreadyExists(
            "lineage", str(facts.lineage_id), f"Recorded with other facts: {', '.join(differing)}."
        )
    RECORDED.inc()
    return kept


async def by_report(stores: LineageStores, report_id: UUID, reader: Reader, *, clock: Clock) -> Lineage:
    """Return the lineage of a report, this reading counted; raises NotFound."""
    async with stores.write() as store:
        lineage = await store.by_report(report_id)
        if lineage is None:
            raise NotFound("lineage of report", str(report_id))
        return await _note(store, lineage, Action.VIEW, None, reader, clock)


@dataclass(frozen=True)
class Reading:
    """Stored bytes that are noted in the access audit and may leave."""

    stores: LineageStores
    lineage: Lineage
    content: Content
    first: int
    """The first piece of the reading, counted from 0."""
    sizes: tuple[int, ...]
    """Of its pieces, in bytes."""
    etag: str

    @property
    def size(self) -> int:
        """In bytes, as stored."""
        return sum(self.sizes)

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield ``length`` bytes from ``start`` on, one piece in memory at a time.

        No transaction is open while the reader takes its time: what is stored does not change.
        Raises DataLoss rather than pass on bytes that no longer have their digest.
        """
        end, begins = start + length, 0
        for number, size in enumerate(self.sizes, self.first + 1):
            if begins < end and start < begins + size:
                piece = await self._piece(number)
                yield piece[max(start - begins, 0) : end - begins]
            begins += size

    async def _piece(self, number: int) -> bytes:
        async with self.stores.read() as store:
            piece = await store.piece(self.lineage.facts.lineage_id, self.content, number)
        if piece is None or (await asyncio.to_thread(sha256, piece.content)).digest() != piece.sha256:
            DAMAGED.inc()
            log.error(
                PAYLOAD_DAMAGED,
                lineage_id=str(self.lineage.facts.lineage_id),
                content=self.content,
                number=number,
            )
            raise DataLoss("What was stored is damaged.", reason="PAYLOAD_DAMAGED")
        return piece.content


async def open_log(stores: LineageStores, lineage_id: UUID, reader: Reader, *, clock: Clock) -> Reading:
    """Note that somebody reads the pipeline log, then let them; raises NotFound."""
    async with stores.write() as store:
        lineage = await _known(store, lineage_id)
        lineage = await _note(store, lineage, Action.LOGS, None, reader, clock)
    sizes = lineage.piece_sizes(Content.LOG)
    return Reading(stores, lineage, Content.LOG, 0, sizes, lineage.facts.log_sha256.hex())


async def open_inputs(
    stores: LineageStores, lineage_id: UUID, part: int, reader: Reader, *, clock: Clock
) -> Reading:
    """Note that somebody reads one part of the raw inputs, or all for 0, then let them.

    Raises NotFound, and OutOfRange for a part that there is not.
    """
    async with stores.write() as store:
        lineage = await _known(store, lineage_id)
        sizes = (lineage.part(part).size,) if part else lineage.piece_sizes(Content.INPUTS)
        lineage = await _note(store, lineage, Action.DOWNLOAD, part or None, reader, clock)
    etag = lineage.inputs_etag(part)
    return Reading(stores, lineage, Content.INPUTS, max(part - 1, 0), sizes, etag)


async def _known(store: LineageStore, lineage_id: UUID) -> Lineage:
    lineage = await store.by_id(lineage_id)
    if lineage is None:
        raise NotFound("lineage", str(lineage_id))
    return lineage


async def _note(
    store: LineageStore, lineage: Lineage, action: Action, part: int | None, reader: Reader, clock: Clock
) -> Lineage:
    facts = lineage.facts
    access = Access(uuid7(), facts.lineage_id, facts.report_id, action, part, reader, clock())
    return replace(lineage, readings=await store.note(access))
