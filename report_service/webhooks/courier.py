"""Messages on their way to their receivers.

A delivery is leased before it is sent, and the lease commits first: a courier that dies holds it back for no
longer than that, and another one sends it again, under the same id.
"""

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from report_service import metrics
from report_service.webhooks import messages, signing
from report_service.webhooks.domain import (
    Action,
    Change,
    DeliveryStatus,
    EndpointStatus,
    Outcome,
    Posting,
    WebhookStores,
)
from report_service.webhooks.signing import Unreadable, Vault
from services.clock import Clock, utc_now
from services.egress import Garbled, Refused, Unreachable
from services.egress.post import Answer, Slot, post
from services.pacing import full_jitter, pause

IN_FLIGHT = 8
OF_EACH = 2
"""Messages under way to one endpoint: one that dawdles leaves room for others."""
POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
LEASE = timedelta(seconds=TIMEOUT_SECONDS + 5)
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 3600.0
GONE = 410
KEPT = timedelta(days=30)
FORGET_SECONDS = 3600.0
ACTOR = "system:report-worker"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """For how long a message is tried, and for how long an endpoint may fail before it is disabled."""

    message: timedelta = timedelta(hours=24)
    endpoint: timedelta = timedelta(hours=72)


class Courier:
    """Delivers what is due."""

    def __init__(
        self,
        stores: WebhookStores,
        vault: Vault,
        slot: Slot,
        tls: ssl.SSLContext,
        *,
        public_url: str = "",
        patience: Patience | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Clock = utc_now,
    ) -> None:
        """Take where deliveries are kept, what opens secrets, the way out, and whom to trust there."""
        self._stores = stores
        self._vault = vault
        self._slot = slot
        self._tls = tls
        self._public_url = public_url
        self._patience = patience or Patience()
        self._timeout = timeout_seconds
        self._clock = clock
        self._awake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Say that there may be something to deliver."""
        self._awake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop, then let what is under way end."""
        stopper = asyncio.create_task(stop.wait())
        stopper.add_done_callback(lambda _: self.wake())
        forgotten = 0.0
        try:
            while not stop.is_set():
                self._awake.clear()
                await self.start_due()
                now = asyncio.get_running_loop().time()
                if now >= forgotten:
                    forgotten = now + FORGET_SECONDS
                    await self.forget()
                await pause(self._awake, POLL_SECONDS)
        finally:
            stopper.cancel()
            await asyncio.gather(*self._running)

    async def start_due(self) -> int:
        """Begin to deliver what is due, as far as there is room; returns how many were begun."""
        room = IN_FLIGHT - len(self._running)
        if room <= 0:
            return 0
        async with self._stores.write() as store:
            claimed = await store.claim(room, OF_EACH, LEASE)
        for posting in claimed:
            task = asyncio.create_task(self._deliver(posting))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(claimed)

    async def idle(self) -> None:
        """Wait for every delivery that is under way."""
        await asyncio.gather(*self._running)

    async def forget(self) -> int:
        """Remove what ended a month ago; returns how many deliveries."""
        async with self._stores.write() as store:
            return await store.forget(self._clock() - KEPT)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _deliver(self, posting: Posting) -> None:
        try:
            answer: Answer | None = None
            try:
                answer = await self._post(posting)
                outcome = Outcome(answer.status, "" if answer.is_accepted else _words(answer))
            except (Refused, Unreachable, Garbled, Unreadable) as failure:
                outcome = Outcome(None, str(failure))
            if answer is not None and answer.is_accepted:
                await self._delivered(posting, outcome)
            else:
                await self._failed(posting, outcome, answer)
        except Exception:
            # The lease runs out, and the message is sent again; no delivery may end the courier.
            log.exception(metrics.WEBHOOK_POSTPONED, delivery_id=str(posting.delivery.id))

    async def _post(self, posting: Posting) -> Answer:
        delivery, now = posting.delivery, self._clock()
        keys = [self._vault.open(each.sealed) for each in posting.endpoint.signing(now)]
        content = messages.body(delivery, self._public_url)
        signed = signing.headers(messages.message_id(delivery), now, content, keys)
        headers = {"Content-Type": messages.CONTENT_TYPE, **signed}
        return await post(
            self._slot, self._tls, posting.endpoint.url, content, headers, seconds=self._timeout
        )

    async def _delivered(self, posting: Posting, outcome: Outcome) -> None:
        async with self._stores.write() as store:
            delivered = await store.settle(posting.delivery, DeliveryStatus.DELIVERED, outcome)
        if delivered:
            metrics.WEBHOOKS.labels("delivered").inc()
            log.info(metrics.WEBHOOK_DELIVERED, **_facts(posting, outcome))

    async def _failed(self, posting: Posting, outcome: Outcome, answer: Answer | None) -> None:
        delivery, is_gone = posting.delivery, answer is not None and answer.status == GONE
        delay = _delay(delivery.attempts, answer)
        given_up = is_gone or self._clock() + delay >= delivery.started_at + self._patience.message
        async with self._stores.write() as store:
            if given_up:
                latest = await store.settle(delivery, DeliveryStatus.FAILED, outcome)
            else:
                latest = await store.postpone(delivery, delay, outcome)
            if not latest:
                return
            failing = await store.failing(delivery.endpoint_id)
        if is_gone:
            await self._disable(posting, "The receiver answered that it is gone (410).")
        elif failing >= self._patience.endpoint:
            hours = round(failing.total_seconds() / 3600)
            await self._disable(posting, f"No message has arrived for {hours} hours.")
        metrics.WEBHOOKS.labels("failed" if given_up else "postponed").inc()
        event = metrics.WEBHOOK_FAILED if given_up else metrics.WEBHOOK_POSTPONED
        log.warning(event, **_facts(posting, outcome))

    async def _disable(self, posting: Posting, reason: str) -> None:
        async with self._stores.write() as store:
            endpoint = await store.get(posting.endpoint.id, hold=True)
            if endpoint.status is EndpointStatus.DISABLED or endpoint.url != posting.endpoint.url:
                return
            now = self._clock()
            disabled = replace(
                endpoint, status=EndpointStatus.DISABLED, disabled_reason=reason, updated_at=now
            )
            await store.change(disabled)
            await store.note(Change(endpoint.id, Action.DISABLE, ACTOR, now, {"reason": reason}))
        log.error(metrics.WEBHOOK_DISABLED, endpoint_id=str(endpoint.id), reason=reason)


def _delay(attempts: int, answer: Answer | None) -> timedelta:
    """Return any time up to a ceiling that doubles with each attempt, or what the receiver asks for."""
    jittered = full_jitter(attempts, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS)
    asked = answer.retry_after if answer and answer.retry_after else 0
    return timedelta(seconds=max(jittered, min(asked, LONGEST_DELAY_SECONDS)))


def _words(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return f"answered {answer.status}: redirects are not followed"
    return f"answered {answer.status}" + (f": {answer.beginning[:200]}" if answer.beginning else "")


def _facts(posting: Posting, outcome: Outcome) -> dict[str, object]:
    delivery = posting.delivery
    return {
        "delivery_id": str(delivery.id),
        "endpoint_id": str(delivery.endpoint_id),
        "attempt": delivery.attempts,
        "status": outcome.response_status,
        "reason": outcome.error,
    }
