"""Requests that may be sent again: the first answer is kept, in the transaction that it reports on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lead_service.domain import ANSWERS_KEPT, LeadStore, LeadStores, RequestKey
from services.clock import Clock


@dataclass(frozen=True)
class JoinedStores:
    """Units of work that are part of one that is open already, and end with it."""

    store: LeadStore

    @asynccontextmanager
    async def read(self) -> AsyncIterator[LeadStore]:
        """Join the open unit of work."""
        yield self.store

    @asynccontextmanager
    async def write(self) -> AsyncIterator[LeadStore]:
        """Join the open unit of work."""
        yield self.store


async def forget_old(stores: LeadStores, clock: Clock) -> int:
    """Forget answers that nobody asks for any more; returns how many."""
    async with stores.write() as store:
        return await store.forget_answers(clock() - ANSWERS_KEPT)


async def once(
    stores: LeadStores, request: RequestKey, clock: Clock, work: Callable[[LeadStores], Awaitable[bytes]]
) -> bytes:
    """Do the work and return its answer, or return the answer of the first time.

    Without a key the work is simply done. A failure is kept no more than the work is. Raises
    FailedPrecondition if the key stands for a different request, and what the work raises.
    """
    if not request.key:
        return await work(stores)
    async with stores.write() as store:
        first = await store.claim(request, clock())
        if first is not None:
            return first
        answer = await work(JoinedStores(store))
        await store.settle(request, answer)
    return answer
