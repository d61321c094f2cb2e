"""Where the time comes from, so that tests can hold it still."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""


def utc_now() -> datetime:
    """Return the machine's time, aware, in UTC, to the microsecond as PostgreSQL keeps it."""
    return datetime.now(UTC)
