"""The feed: changes are read once for all who watch, and handed to each.

One task of a process reads what is settled, whenever there is a hint or a while has passed, and puts it into
the queue of each watcher. A queue is bounded: who lets it fill up is cut off, and reads on from where
he was.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from prometheus_client import Gauge

from lead_service.changes import (
    Change,
    ChangeFilter,
    ChangePage,
    ChangePosition,
    ChangeStores,
    unknown_place,
)
from services.errors import Aborted, OutOfRange, ResourceExhausted, Unavailable
from services.pacing import pause

CHANNEL: Final = "lead_changes"
"""Where the database hints at changes."""

PAGE: Final = 500
# Changes that may wait for one watcher.
WAITING_LIMIT: Final = 1000
# How long a lost hint can go unnoticed.
IDLE_SECONDS: Final = 2.0
# While others write, for what they will have written nobody need give another hint.
BUSY_SECONDS: Final = 0.05
# Hints come in flocks while many write: one reading serves those that come within this time.
GATHERING_SECONDS: Final = 0.02

WATCHERS = Gauge("leadfactory_lead_watchers", "Streams of changes of leads that are open.")


class Hints(Protocol):
    """What says that there may be something to read."""

    def hint(self) -> None:
        """Wake whoever waits."""

    async def wait(self, seconds: float) -> None:
        """Return at the next hint, or after that long without one."""


class Watcher:
    """One place where changes arrive, from `since` on."""

    def __init__(self, wanted: ChangeFilter, since: ChangePosition) -> None:
        """Begin with nothing."""
        self.since = since
        self._wanted = wanted
        self._waiting: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._is_late = False
        self.is_over = False

    def put(self, change: Change) -> None:
        """Add a change, if it is wanted."""
        if self._is_late or not self._wanted.wants(change):
            return
        if len(self._waiting) == WAITING_LIMIT:
            self._is_late = True
            self._waiting.clear()
        else:
            self._waiting.append(change)
        self._arrived.set()

    def end(self) -> None:
        """Let the watcher go."""
        self.is_over = True
        self._arrived.set()

    async def take(self, seconds: float) -> Change | None:
        """Return the next change, or None if none comes for that long or it is over.

        Raises Aborted if too many came meanwhile.
        """
        if not self._waiting and not self._is_late and not self.is_over:
            self._arrived.clear()
            await pause(self._arrived, seconds)
        if self._is_late:
            raise Aborted(
                "More happened than you have read. Resume from the last event that you have.",
                reason="WATCHER_TOO_SLOW",
                retry_after=1,
            )
        return self._waiting.popleft() if self._waiting else None


class Feed:
    """Where watchers come and go."""

    def __init__(self, changes: ChangeStores, hints: Hints, *, limit: int) -> None:
        """Take where changes are read, what says when, and how many may watch at once."""
        self._changes = changes
        self._hints = hints
        self._limit = limit
        self._watchers: set[Watcher] = set()
        self._position: ChangePosition | None = None
        self._is_over = False

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    @property
    def position(self) -> ChangePosition:
        """Behind everything that watchers were given. Raises Unavailable before the first reading."""
        if self._position is None:
            raise Unavailable("Changes cannot be read now. Try again.", retry_after=1)
        return self._position

    @contextmanager
    def watch(self, wanted: ChangeFilter) -> Iterator[Watcher]:
        """Have all wanted changes from the feed's position on put into a watcher.

        Raises ResourceExhausted if there are too many, and Unavailable as `position` does.
        """
        watcher = Watcher(wanted, self._require_open())
        if self._is_over:
            watcher.end()
        self._watchers.add(watcher)
        WATCHERS.inc()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            WATCHERS.dec()

    async def start(self, after: ChangePosition | None) -> ChangePosition:
        """Return where to begin: behind a place, or behind everything that is settled now.

        Raises OutOfRange for a place that nobody can have come to yet, ResourceExhausted if there are
        too many watchers, and Unavailable if changes cannot be read.
        """
        self._require_open()
        async with self._changes.read() as changes:
            here = (await changes.here()).position
        if after is not None and after.transaction_id > here.transaction_id:
            raise unknown_place()
        return after or here

    async def page(self, after: ChangePosition) -> ChangePage:
        """Return the settled changes behind a place, for who is not as far as the feed.

        Raises OutOfRange for a place that nobody can have come to yet.
        """
        async with self._changes.read() as changes:
            return await changes.page(after, PAGE)

    async def run(self, stop: asyncio.Event) -> None:
        """Read and hand out until ``stop`` is set. Raises if reading fails; nothing is lost by that."""
        while not stop.is_set():
            page = await self._read()
            for change in page.changes:
                for watcher in self._watchers:
                    watcher.put(change)
            if not page.is_full:
                await self._hints.wait(IDLE_SECONDS if page.is_last else BUSY_SECONDS)
                await pause(stop, GATHERING_SECONDS)

    async def end(self, stop: asyncio.Event) -> None:
        """Wait until ``stop`` is set, then let everybody go."""
        await stop.wait()
        self._is_over = True
        self._let_go()
        self._hints.hint()

    async def _read(self) -> ChangePage:
        """Return what is new to the watchers, the position moved behind it."""
        before, is_watched = self._position, bool(self._watchers)
        try:
            async with self._changes.read() as changes:
                if before is not None and is_watched:
                    page = await changes.page(before, PAGE)
                else:
                    page = await changes.here()
        except OutOfRange:
            # The database has been restored and counts from an earlier number: nobody can go on.
            self._position = None
            self._let_go()
            raise
        if before is not None and self._watchers and not is_watched:
            # Who came meanwhile was promised everything from there on.
            return ChangePage((), before, is_full=True, is_last=False)
        self._position = page.position
        return page

    def _require_open(self) -> ChangePosition:
        if len(self._watchers) >= self._limit:
            raise ResourceExhausted(
                "Too many others watch. Read the list from time to time instead.",
                reason="TOO_MANY_WATCHERS",
                retry_after=30,
            )
        return self.position

    def _let_go(self) -> None:
        for watcher in self._watchers:
            watcher.end()
