"""Records are told to an OpenLineage receiver, each as one RunEvent, once it is recorded.

A push is leased before it is sent: a worker that dies holds it back for no longer than that. A receiver may
be told twice, and knows by the run's id.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
import structlog
from prometheus_client import Counter, Gauge

from lineage_service.domain.pushing import Push, PushStores
from lineage_service.wire.openlineage import event
from services.clock import Clock, utc_now
from services.egress import Garbled, Refused, Unreachable
from services.egress.post import Slot, post
from services.pacing import full_jitter, pause

OPENLINEAGE_POSTPONED = "openlineage.postponed"
OPENLINEAGE_GIVEN_UP = "openlineage.given_up"

IN_FLIGHT = 4
POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
LEASE = timedelta(seconds=TIMEOUT_SECONDS + 5)
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 600.0
PATIENCE = timedelta(days=7)

PUSHES = Counter(
    "leadfactory_openlineage_pushes_total",
    "Attempts to tell an OpenLineage receiver, by outcome.",
    ["outcome"],
)
WAITING = Gauge("leadfactory_openlineage_waiting", "Records that the OpenLineage receiver is not told yet.")

log = structlog.get_logger()


@dataclass(frozen=True)
class Receiver:
    """Where events go, the way there, whom to trust, and what to show."""

    url: str
    slot: Slot
    tls: ssl.SSLContext
    api_key: str = ""


class Pusher:
    """Tells a receiver what was recorded; without one, sees to it that nothing waits for any."""

    def __init__(
        self,
        stores: PushStores,
        receiver: Receiver | None,
        *,
        patience: timedelta = PATIENCE,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Clock = utc_now,
    ) -> None:
        """Take what is to be told, to whom, and for how long to try."""
        self._stores = stores
        self._receiver = receiver
        self._patience = patience
        self._timeout = timeout_seconds
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Tell what is recorded until told to stop."""
        await self.subscribe()
        while self._receiver is not None and not stop.is_set():
            if not await self.push_due():
                await pause(stop, POLL_SECONDS)

    async def subscribe(self) -> None:
        """Have records told from now on, if there is a receiver."""
        async with self._stores.write() as store:
            await store.subscribe(self._receiver is not None)

    async def push_due(self) -> int:
        """Tell what is due, a few at once; returns how many arrived."""
        assert self._receiver is not None
        async with self._stores.write() as store:
            claimed: Sequence[Push] = await store.claim(IN_FLIGHT, LEASE)
        arrived = await asyncio.gather(*(self._push(self._receiver, each) for each in claimed))
        async with self._stores.read() as store:
            WAITING.set(await store.waiting())
        return sum(arrived)

    async def _push(self, receiver: Receiver, push: Push) -> bool:
        headers = {"Content-Type": "application/json"}
        if receiver.api_key:
            headers["Authorization"] = f"Bearer {receiver.api_key}"
        try:
            answer = await post(
                receiver.slot,
                receiver.tls,
                receiver.url,
                orjson.dumps(event(push.lineage)),
                headers,
                seconds=self._timeout,
            )
            error = "" if answer.is_accepted else f"answered {answer.status}: {answer.beginning[:200]}"
        except (Refused, Unreachable, Garbled) as failure:
            error = str(failure)
        if not error:
            async with self._stores.write() as store:
                await store.end(push)
            PUSHES.labels("told").inc()
            return True
        await self._failed(push, error)
        return False

    async def _failed(self, push: Push, error: str) -> None:
        delay = timedelta(seconds=full_jitter(push.attempts, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS))
        facts = {"lineage_id": str(push.lineage.facts.lineage_id), "attempt": push.attempts, "reason": error}
        given_up = self._clock() + delay >= push.since + self._patience
        async with self._stores.write() as store:
            await (store.end(push) if given_up else store.postpone(push, delay, error))
        PUSHES.labels("given_up" if given_up else "postponed").inc()
        log.warning(OPENLINEAGE_GIVEN_UP if given_up else OPENLINEAGE_POSTPONED, **facts)
