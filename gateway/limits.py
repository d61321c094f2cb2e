"""Limits: how often one caller may ask, and how much of a kind is done at once.

Both are this process's own. A rate is kept by subject, so that nobody pays for another; two replicas let one
caller ask twice as often. What is done at once is bounded by kind, so that slow work of one kind leaves room
for another; a few more wait their turn, for a short time. A bucket and a semaphore are fewer lines than a
library's stores and strategies, which are for limits that replicas share.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from prometheus_client import Counter, Gauge
from starlette.types import Scope

from gateway.auth import fault
from gateway.responses import add_header
from gateway.settings import GatewaySettings
from gateway.transcoding.bindings import Binding

# Calls that lay out a PDF before they answer.
RENDERS = frozenset({"PreviewTemplateVersion", "ReproduceReport"})
# Subjects whose use is remembered; who is forgotten begins anew.
REMEMBERED = 10_000

LIMITED = Counter("leadfactory_limited_total", "Requests refused by a limit.", ["limit"])
UNDER_WAY = Gauge("leadfactory_under_way", "Requests under way, by kind.", ["kind"])


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Rates:
    """A token bucket for each subject."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Let everybody ask ``burst`` times at once, and ``per_second`` times a second from then on."""
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._policy = f'"subject";q={burst};w={math.ceil(burst / per_second)}'

    def take(self, subject: str, scope: Scope) -> None:
        """Count one request, and have its response say what is left. Raises Fault (429)."""
        now = self._clock()
        bucket = self._buckets.setdefault(subject, _Bucket(self._burst, now))
        self._buckets.move_to_end(subject)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        grown = bucket.tokens + (now - bucket.filled_at) * self._per_second
        bucket.tokens, bucket.filled_at = min(self._burst, grown), now
        is_admitted = bucket.tokens >= 1
        if is_admitted:
            bucket.tokens -= 1
        # The fields of draft-ietf-httpapi-ratelimit-headers.
        reset = math.ceil((self._burst - bucket.tokens) / self._per_second)
        add_header(scope, "ratelimit-policy", self._policy)
        add_header(scope, "ratelimit", f'"subject";r={int(bucket.tokens)};t={reset}')
        if not is_admitted:
            LIMITED.labels("rate").inc()
            wait = math.ceil((1 - bucket.tokens) / self._per_second)
            raise fault(
                "RESOURCE_EXHAUSTED",
                "RATE_LIMITED",
                f"You may ask {self._per_second:g} times a second. Wait a little.",
                retry_after=str(max(1, wait)),
            )


class Rooms:
    """Room for so many calls of each kind."""

    def __init__(self, rooms: dict[str, int], wait_seconds: float) -> None:
        """Take how many of each kind go on at once; as many again may wait so long."""
        self._rooms = {kind: asyncio.Semaphore(size) for kind, size in rooms.items()}
        self._sizes = rooms
        self._waiting = dict.fromkeys(rooms, 0)
        self._wait_seconds = wait_seconds

    @classmethod
    def from_settings(cls, settings: GatewaySettings) -> "Rooms":
        """Read the sizes."""
        sizes = {
            "read": settings.concurrent_reads,
            "write": settings.concurrent_writes,
            "render": settings.concurrent_renders,
            "stream": settings.concurrent_streams,
        }
        return cls(sizes, settings.queue_seconds)

    @asynccontextmanager
    async def admission(self, binding: Binding) -> AsyncIterator[None]:
        """Wait for room, and keep it while the call goes on. Raises Fault (503) if there is none in time."""
        kind = kind_of(binding)
        room = self._rooms[kind]
        if room.locked():
            await self._wait(kind, room)
        else:
            await room.acquire()
        UNDER_WAY.labels(kind).inc()
        try:
            yield
        finally:
            UNDER_WAY.labels(kind).dec()
            room.release()

    async def _wait(self, kind: str, room: asyncio.Semaphore) -> None:
        if self._waiting[kind] < self._sizes[kind]:
            self._waiting[kind] += 1
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_seconds):
                        await room.acquire()
                        return
            finally:
                self._waiting[kind] -= 1
        LIMITED.labels(kind).inc()
        raise fault(
            "UNAVAILABLE",
            "TOO_BUSY",
            f"Too much of this kind ({kind}) is going on. Try again in a moment.",
            retry_after="1",
        )


def kind_of(binding: Binding) -> str:
    """Return the kind of work that a call is: read, write, render or stream."""
    if binding.rpc.name in RENDERS:
        return "render"
    if binding.rpc.server_streaming or binding.is_upload:
        return "stream"
    return "read" if binding.method == "GET" else "write"
