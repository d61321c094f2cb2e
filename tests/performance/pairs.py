"""Two ways to do the same, measured in turn: what slows the machine down for a moment slows both."""

import statistics
from collections.abc import Awaitable, Callable
from typing import NamedTuple

Measure = Callable[[], Awaitable[float]]
"""Does the work for a moment, and returns how much of it was done in a second."""


class Comparison(NamedTuple):
    """Median rates of two ways, and the median of the ratios of neighbouring measurements."""

    first: float
    second: float
    ratio: float


async def compare(first: Measure, second: Measure, rounds: int) -> Comparison:
    """Measure both ways `rounds` times, each first as often as the other, after a round to warm up."""
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        if turn % 2:
            pairs.append((await first(), await second()))
        else:
            later = await second()
            pairs.append((await first(), later))
    measured = pairs[1:]
    return Comparison(
        statistics.median(each for each, _ in measured),
        statistics.median(each for _, each in measured),
        statistics.median(a / b for a, b in measured),
    )
