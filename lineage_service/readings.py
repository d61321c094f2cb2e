"""Reading what belongs to a lineage, as it was stored: its pipeline log and its raw inputs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

import structlog
from prometheus_client import Counter

from lineage_service import accesses
from lineage_service.domain import (
    Action,
    Content,
    Lineage,
    LineageStore,
    LineageStores,
    PayloadExpired,
    Reader,
)
from services.clock import Clock
from services.errors import DataLoss, NotFound

PAYLOAD_DAMAGED = "payload.damaged"

DAMAGED = Counter("leadfactory_lineage_damaged_total", "Stored bytes that no longer had their digest.")

log = structlog.get_logger()


@dataclass
class Reading:
    """Stored bytes that are noted in the access audit and may leave."""

    stores: LineageStores
    lineage: Lineage
    content: Content
    first: int
    """The first piece of the reading, counted from 0."""
    sizes: tuple[int, ...]
    """Of its pieces, in bytes."""
    sha256: bytes
    """Over its bytes, as stored."""
    sent: int = field(default=0, init=False)
    """Bytes that were taken so far."""

    @property
    def size(self) -> int:
        """In bytes, as stored."""
        return sum(self.sizes)

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield ``length`` bytes from ``start`` on, two pieces in memory at most.

        No transaction is open while the reader takes its time: what is stored does not change.
        Raises DataLoss rather than pass on bytes that no longer have their digest.
        """
        cuts = self._cuts(start, start + length)
        ahead: asyncio.Task[bytes] | None = None
        try:
            for place, (number, cut) in enumerate(cuts):
                piece = (await ahead if ahead else await self._piece(number))[cut]
                # The next one is fetched while this one leaves.
                following = cuts[place + 1 : place + 2]
                ahead = asyncio.create_task(self._piece(following[0][0])) if following else None
                yield piece
                self.sent += len(piece)
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    def _cuts(self, start: int, end: int) -> list[tuple[int, slice]]:
        """Return which pieces the bytes from ``start`` to ``end`` are in, and which part of each they are."""
        cuts, begins = [], 0
        for number, size in enumerate(self.sizes, self.first + 1):
            if begins < end and start < begins + size:
                cuts.append((number, slice(max(start - begins, 0), end - begins)))
            begins += size
        return cuts

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


@asynccontextmanager
async def open_log(
    stores: LineageStores, lineage_id: UUID, part: int, reader: Reader, *, clock: Clock
) -> AsyncIterator[Reading]:
    """Note that somebody reads one part of the pipeline log, or all for 0, then let them.

    Raises NotFound, PayloadExpired, and OutOfRange for a part that there is not.
    """
    async with stores.write() as store:
        lineage = await _known(store, lineage_id, Content.LOG)
        digest: bytes | None = lineage.facts.log_sha256
        if part:
            lineage.part_size(Content.LOG, part)
            digest = await store.piece_sha256(lineage_id, Content.LOG, part)
        access = accesses.view(lineage, Action.LOGS, reader, clock(), part, streams=True)
        await store.note(access)
    reading = whole(stores, lineage, Content.LOG, part, digest or b"")
    async with accesses.concluded(stores, access, lambda: reading.sent, clock=clock):
        yield reading


@asynccontextmanager
async def open_inputs(
    stores: LineageStores, lineage_id: UUID, part: int, reader: Reader, *, clock: Clock
) -> AsyncIterator[Reading]:
    """Note that somebody reads one part of the raw inputs, or all for 0, then let them.

    Raises NotFound, PayloadExpired, and OutOfRange for a part that there is not.
    """
    async with stores.write() as store:
        lineage = await _known(store, lineage_id, Content.INPUTS)
        digest = lineage.inputs_digest(part)
        access = accesses.view(lineage, Action.DOWNLOAD, reader, clock(), part, streams=True)
        await store.note(access)
    reading = whole(stores, lineage, Content.INPUTS, part, digest)
    async with accesses.concluded(stores, access, lambda: reading.sent, clock=clock):
        yield reading


def whole(stores: LineageStores, lineage: Lineage, content: Content, part: int, digest: bytes) -> Reading:
    """Return the reading of one part of a content, or of all of it for 0; it must be noted already."""
    sizes = (lineage.part_size(content, part),) if part else lineage.piece_sizes(content)
    return Reading(stores, lineage, content, max(part - 1, 0), sizes, digest)


def require_kept(lineage: Lineage, content: Content) -> None:
    """Raise PayloadExpired for what was removed."""
    if content in lineage.expired:
        raise PayloadExpired(content, lineage.facts.lineage_id, lineage.expired[content])


async def _known(store: LineageStore, lineage_id: UUID, content: Content) -> Lineage:
    lineage = await store.by_id(lineage_id)
    if lineage is None:
        raise NotFound("lineage", str(lineage_id))
    require_kept(lineage, content)
    return lineage
