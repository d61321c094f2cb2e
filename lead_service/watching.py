"""Watching leads: what was missed is read, what happens is handed on, and silence is broken now and then."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final, NamedTuple

from lead_service import visibility
from lead_service.changes import Change, ChangeFilter, ChangePosition
from lead_service.feed import Feed
from services.identity import Actor

HEARTBEAT_SECONDS: Final = 15.0
# What a reader may do is looked at when a stream begins. Less than gRPC lets a connection grow old.
STREAM_SECONDS: Final = 240.0


class Told(NamedTuple):
    """A change, or that there is none, and where to resume behind it."""

    change: Change | None
    position: ChangePosition


def watch(
    feed: Feed, wanted: ChangeFilter, after: ChangePosition | None, actor: Actor
) -> AsyncGenerator[Told, None]:
    """Tell wanted changes behind a place, or from now on, until it has been long or the feed ends.

    Of a deleted lead somebody who does not see such is told that something happened, and nothing else. Raises
    what `Feed.start` does, and Aborted if more waits for the reader than may.
    """
    everything = _all(feed, wanted, after)
    return everything if visibility.sees_deleted(actor) else _without_deleted(everything)


async def _without_deleted(everything: AsyncGenerator[Told, None]) -> AsyncGenerator[Told, None]:
    async with aclosing(everything):
        async for told in everything:
            change = told.change
            if change is not None and change.lead is not None and change.lead.deleted_at is not None:
                told = told._replace(change=replace(change, lead=None))
            yield told


async def _all(feed: Feed, wanted: ChangeFilter, after: ChangePosition | None) -> AsyncGenerator[Told, None]:
    ends = time.monotonic() + STREAM_SECONDS
    position = await feed.start(after)
    yield Told(None, position)
    if after is not None:
        async for told in _missed(feed, wanted, after):
            position = told.position
            yield told
    with feed.watch(wanted) as watcher:
        if position < watcher.since:
            async for told in _missed(feed, wanted, position):
                position = told.position
                yield told
        while (left := ends - time.monotonic()) > 0:
            change = await watcher.take(min(left, HEARTBEAT_SECONDS))
            if watcher.is_over:
                return
            if change is None:
                position = max(position, feed.position)
                yield Told(None, position)
            elif change.position > position:
                yield Told(change, change.position)


async def _missed(feed: Feed, wanted: ChangeFilter, position: ChangePosition) -> AsyncGenerator[Told, None]:
    """Tell what is settled, page by page, at the reader's own pace: nothing can pile up for him."""
    is_full = True
    while is_full:
        page = await feed.page(position)
        for change in page.changes:
            if wanted.wants(change):
                yield Told(change, change.position)
        position, is_full = page.position, page.is_full
        # However little of it was wanted: it need not be read again.
        yield Told(None, position)
