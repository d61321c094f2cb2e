"""What this context would keep in its database, and units of work on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from report_service.batch import Batch
from report_service.deliveries import Decision, Delivery
from report_service.domain import Report, RequestKey
from services.clock import Clock, utc_now

Store = TypeVar("Store", covariant=True)

KEPT = (
    "reports",
    "assessment_data",
    "batches",
    "requests",
    "outbox",
    "decisions",
    "environments",
    "object_keys",
    "erasures",
    "jobs",
)
"""What a unit of work that breaks leaves as it was."""


@dataclass(frozen=True)
class Waiting:
    """A delivery in the outbox."""

    delivery: Delivery
    created_at: datetime
    next_attempt_at: datetime
    leased_until: datetime | None = None
    last_error: str = ""
    dead_at: datetime | None = None


@dataclass(frozen=True)
class Following:
    """An erasure of a lead, and how far this context has followed."""

    number: int
    lead_id: UUID
    erased_by: str
    erased_at: datetime
    due_at: datetime
    held: bool = False
    applied_at: datetime | None = None


@dataclass
class State:
    """Everything that this context would keep in its database."""

    clock: Clock = utc_now
    reports: dict[UUID, Report] = field(default_factory=dict)
    assessment_data: dict[UUID, bytes | None] = field(default_factory=dict)
    batches: dict[UUID, Batch] = field(default_factory=dict)
    requests: dict[tuple[str, str, str], tuple[RequestKey, UUID, datetime]] = field(default_factory=dict)
    outbox: dict[UUID, Waiting] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    """What was decided about dead letters."""
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    """What environments consist of, by digest."""
    object_keys: dict[UUID, str] = field(default_factory=dict)
    """The objects that reports were about to store."""
    erasures: dict[UUID, Following] = field(default_factory=dict)
    """Erased leads."""
    jobs: list[UUID] = field(default_factory=list)
    """The reports that a job stands for; tests take from it what a worker would."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class MemoryUnitsOfWork(Generic[Store]):
    """Opens units of work on a memory."""

    def __init__(self, memory: State, make_store: Callable[[State], Store]) -> None:
        """Take the memory and how to make a store on it."""
        self._memory = memory
        self._make_store = make_store

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Store]:
        """Open one that changes nothing."""
        async with self._rolled_back(always=True) as store:
            yield store

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Store]:
        """Open one that commits if its block ends well."""
        async with self._rolled_back(always=False) as store:
            yield store

    @asynccontextmanager
    async def _rolled_back(self, *, always: bool) -> AsyncIterator[Store]:
        memory = self._memory
        async with memory.lock:
            before = {each: copy(getattr(memory, each)) for each in KEPT}
            ended_well = False
            try:
                yield self._make_store(memory)
                ended_well = True
            finally:
                if always or not ended_well:
                    for name, value in before.items():
                        setattr(memory, name, value)
