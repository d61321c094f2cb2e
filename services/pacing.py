"""When to do something again: pauses that an event ends, and delays that spread."""

import asyncio
import random
from contextlib import suppress


async def pause(event: asyncio.Event, seconds: float) -> bool:
    """Return once the event is set, or after that long without it; return whether it is."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def full_jitter(attempts: int, first: float, longest: float) -> float:
    """Return seconds with full jitter: any time up to a ceiling that doubles with each attempt."""
    ceiling = min(longest, first * 2 ** min(attempts, 16))
    return random.uniform(0, ceiling)  # noqa: S311  (spreads load, guards nothing)
