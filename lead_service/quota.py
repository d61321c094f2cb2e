"""How often people may have strangers' servers asked, so that nobody takes all look-ups for themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Protocol

from services.errors import ResourceExhausted
from services.identity import Actor

WINDOW: Final = timedelta(hours=1)
# When a look-up that is under way will have ended, nobody knows; most do so within this time.
_SOON_SECONDS: Final = 10.0


class QuotaStore(Protocol):
    """What people have asked for, inside one unit of work."""

    async def asked(self, subject: str) -> tuple[Sequence[datetime], int]:
        """Return when the subject asked for look-ups, and how many of theirs are under way.

        Whoever asks for the same subject waits until this unit of work has ended.
        """

    async def note_asked(self, subject: str, moments: Sequence[datetime]) -> None:
        """Keep when the subject asked for look-ups, and no moment from before."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many look-ups one person may ask for within an hour, and have under way at once."""

    hourly: int = 1000
    at_once: int = 500

    async def charge(self, store: QuotaStore, actor: Actor, now: datetime) -> None:
        """Count one more look-up, in the unit of work that asks for it.

        Admins, and processes that work for nobody, are not bound and not counted. Raises
        ResourceExhausted, which says when to come back.
        """
        if not actor.is_person or "admin" in actor.roles:
            return
        moments, running = await store.asked(actor.subject)
        recent = sorted(moment for moment in moments if moment > now - WINDOW)
        if len(recent) >= self.hourly:
            free = recent[len(recent) - self.hourly] + WINDOW - now
            raise _exceeded("hourly", self.hourly, len(recent), ceil(free.total_seconds()))
        if running >= self.at_once:
            raise _exceeded("at_once", self.at_once, running, _SOON_SECONDS)
        await store.note_asked(actor.subject, [*recent, now])

    async def charge_most(self, store: QuotaStore, actor: Actor, wanted: int, now: datetime) -> int:
        """Count as many of the wanted look-ups as there is room for, and return how many these are."""
        if not actor.is_person or "admin" in actor.roles:
            return wanted
        moments, running = await store.asked(actor.subject)
        recent = sorted(moment for moment in moments if moment > now - WINDOW)
        admitted = max(0, min(wanted, self.hourly - len(recent), self.at_once - running))
        await store.note_asked(actor.subject, [*recent, *[now] * admitted])
        return admitted


STANDARD: Final = Quota()


def _exceeded(name: str, limit: int, used: int, seconds: float) -> ResourceExhausted:
    what = {
        "hourly": f"You may ask for {limit} look-ups an hour.",
        "at_once": f"You may have {limit} look-ups under way at once.",
    }
    return ResourceExhausted(
        f"{what[name]} Try again later.",
        reason="ENRICHMENT_QUOTA_EXCEEDED",
        metadata={"quota": name, "limit": str(limit), "used": str(used)},
        retry_after=seconds,
    )
