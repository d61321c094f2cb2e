"""What people do with imports: bring a file in, look at what became of it, take it back."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from lead_service.imports import (
    ERRORS_KEPT,
    LOST_AFTER,
    Batch,
    Conflict,
    ImportStores,
    LeadImport,
    Options,
    Rejection,
    State,
    another_file,
    sees_all,
    taken_over,
)
from lead_service.reading import Reading
from services.clock import Clock
from services.errors import Aborted, ServiceError
from services.identity import current_actor
from services.ids import uuid7

Result = TypeVar("Result")

# Two imports that change the same leads may stop each other; one of them ends well, the other tries again.
_TRIES: Final = 5
_UNDO_ROWS: Final = 1000
_TIDIED_ROWS: Final = 20_000
# A page of errors is small beside the memory of a process, and large beside a round trip.
_PAGE_ROWS: Final = 1000


async def bring_in(
    stores: ImportStores, options: Options, pieces: AsyncIterator[bytes], clock: Clock
) -> LeadImport:
    """Read a file and write its leads, batch by batch; returns the import when it is COMPLETED.

    What was begun under the same request_id goes on behind the last row that was written, or is
    returned as it is if it has come to its end. Raises InvalidArgument, FailedPrecondition,
    Aborted or DeadlineExceeded: nothing was begun, or the import is FAILED and named by `import`.
    """
    subject, begun = current_actor().subject, None
    if options.request_id:
        async with stores.read() as store:
            begun = await store.find(subject, options.request_id)
    reading = Reading(options.columns)
    if begun is not None:
        begun.require_same(options)
        reading = Reading(options.columns, begun.last_row, begun.content_sha256)
    running: LeadImport | None = None
    try:
        async for batch in _ahead(reading.batches(pieces)):
            if begun is not None and begun.is_read:
                # There is more of it than of the file that was read.
                raise another_file()
            running = running or await _begin(stores, options, reading, begun, clock)
            running = await _write(stores, running, batch, clock)
        if begun is not None and begun.is_read:
            return begun
        running = running or await _begin(stores, options, reading, begun, clock)
        ended = await _end(stores, running, State.COMPLETED, "", clock)
        if ended is None:
            raise taken_over()
        return ended
    except BaseException as error:
        if running is not None:
            await asyncio.shield(_end(stores, running, State.FAILED, _why(error), clock))
            if isinstance(error, ServiceError):
                error.metadata["import"] = str(running.id)
                error.message += f" {running.counts.rows} rows were read until then; see import {running.id}."
        raise


async def get(stores: ImportStores, import_id: UUID) -> LeadImport:
    """Return an import to somebody who may see it; raises NotFound or PermissionDenied."""
    async with stores.read() as store:
        found = await store.get(import_id)
    found.require_seen_by(current_actor())
    return found


async def page(stores: ImportStores, size: int, after: UUID | None) -> tuple[list[LeadImport], UUID | None]:
    """Return a page of the imports that the actor may see, newest first, and where the next begins."""
    actor = current_actor()
    async with stores.read() as store:
        found = await store.page(None if sees_all(actor) else actor.subject, size + 1, after)
    return found[:size], found[size - 1].id if len(found) > size else None


async def rejections(stores: ImportStores, import_id: UUID) -> AsyncIterator[list[Rejection]]:
    """Yield what was wrong with the rows, in the order of the file; raises NotFound or PermissionDenied."""
    await get(stores, import_id)
    after = (0, "")
    while True:
        async with stores.read() as store:
            found = await store.rejections(import_id, _PAGE_ROWS, after)
        yield found
        if len(found) < _PAGE_ROWS:
            return
        after = found[-1].row, found[-1].field


async def conflicts(
    stores: ImportStores, import_id: UUID, size: int, after_row: int
) -> tuple[list[Conflict], int]:
    """Return a page of what an undo left as it is, and the row behind which the next begins, or 0."""
    await get(stores, import_id)
    async with stores.read() as store:
        found = await store.conflicts(import_id, size + 1, after_row)
    return found[:size], found[size - 1].row if len(found) > size else 0


async def undo(stores: ImportStores, import_id: UUID, clock: Clock, *, seconds: float) -> LeadImport:
    """Take an import back, as far as the time allows: a worker takes up what is left UNDOING.

    Raises NotFound, PermissionDenied or FailedPrecondition.
    """
    actor = current_actor()
    async with stores.write() as store:
        found = await store.get_for_change(import_id)
        found.require_undone_by(actor)
        found.require_undoable()
        if found.state not in (State.UNDOING, State.UNDONE):
            found = await store.begin_undo(import_id, actor.subject, clock())
    return await carry_on(stores, found, clock, seconds=seconds)


async def carry_on(stores: ImportStores, found: LeadImport, clock: Clock, *, seconds: float) -> LeadImport:
    """Take back what is left of an import, as far as the time allows."""
    until, import_id = time.monotonic() + seconds, found.id
    while found.state is State.UNDOING and time.monotonic() < until:
        found = await _tried(lambda: _undo_some(stores, import_id, clock))
    return found


async def give_up_lost(stores: ImportStores, clock: Clock) -> int:
    """End imports whose server was lost, and forget what nobody needs any more; returns how many ended."""
    now = clock()
    async with stores.write() as store:
        lost = await store.fail_lost(now - LOST_AFTER, now)
    async with stores.write() as store:
        await store.tidy(now - ERRORS_KEPT, _TIDIED_ROWS)
    return len(lost)


async def lost_undos(stores: ImportStores, clock: Clock, after: timedelta) -> list[LeadImport]:
    """Return imports whose undo nobody carries on with."""
    async with stores.read() as store:
        return list(await store.undos_lost(clock() - after))


async def _begin(
    stores: ImportStores, options: Options, reading: Reading, begun: LeadImport | None, clock: Clock
) -> LeadImport:
    columns = reading.columns
    assert columns is not None
    if begun is not None:
        wanted = replace(begun, runner=uuid7())
    else:
        wanted = LeadImport(
            id=uuid7(),
            state=State.RUNNING,
            options=options,
            columns=columns.used,
            ignored_columns=columns.ignored,
            created_by=current_actor().subject,
            created_at=clock(),
            runner=uuid7(),
        )
    async with stores.write() as store:
        return await store.begin(wanted)


async def _write(stores: ImportStores, running: LeadImport, batch: Batch, clock: Clock) -> LeadImport:
    async def once() -> LeadImport:
        async with stores.write() as store:
            return await store.write(running, batch, clock())

    return await _tried(once)


async def _end(
    stores: ImportStores, running: LeadImport, state: State, error: str, clock: Clock
) -> LeadImport | None:
    async with stores.write() as store:
        return await store.end(running, state, error, clock())


async def _undo_some(stores: ImportStores, import_id: UUID, clock: Clock) -> LeadImport:
    async with stores.write() as store:
        return await store.undo_some(import_id, _UNDO_ROWS, clock())


async def _tried(work: Callable[[], Awaitable[Result]]) -> Result:
    for left in reversed(range(_TRIES)):
        try:
            return await work()
        except Aborted:
            if not left:
                raise
        await asyncio.sleep(random.uniform(0, 0.2))  # noqa: S311  (spreads load, guards nothing)
    raise AssertionError


async def _ahead(batches: AsyncGenerator[Batch]) -> AsyncIterator[Batch]:
    """Yield batches, the next one being read while the last is written."""

    async def following() -> Batch | None:
        return await anext(batches, None)

    upcoming = asyncio.ensure_future(following())
    try:
        while (batch := await upcoming) is not None:
            upcoming = asyncio.ensure_future(following())
            yield batch
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
        await batches.aclose()


def _why(error: BaseException) -> str:
    if isinstance(error, ServiceError):
        return error.message
    return "The sender went away." if isinstance(error, asyncio.CancelledError) else "Something broke."
