"""Promise: a wait ends when it is told to, and retries do not all come at once."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from services.pacing import full_jitter, pause


async def test_a_pause_ends_when_its_event_is_set() -> None:
    event = asyncio.Event()
    pausing = asyncio.create_task(pause(event, 60))
    await asyncio.sleep(0)
    event.set()
    assert await pausing


async def test_a_pause_without_its_event_ends_by_its_time() -> None:
    assert not await pause(asyncio.Event(), 0.001)


@given(st.integers(0, 10_000), st.floats(0.001, 10), st.floats(10, 3_600))
def test_a_delay_is_spread_below_a_ceiling_that_doubles_up_to_the_longest(
    attempts: int, first: float, longest: float
) -> None:
    ceiling = min(longest, first * 2 ** min(attempts, 64))
    assert 0 <= full_jitter(attempts, first, longest) <= ceiling
