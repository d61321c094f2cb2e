"""Times."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.errors import InvalidArgument


def moment(stamp: Timestamp, field: str) -> datetime:
    """Read a time; raises InvalidArgument that names the field."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(field, "must be a time between the years 1 and 9999", "TIME") from None


def moment_if_given(message: Any, field: str) -> datetime | None:
    """Read a field that may be unset; raises InvalidArgument."""
    return moment(getattr(message, field), field) if message.HasField(field) else None


def timestamp(time: datetime) -> Timestamp:
    """Write a time."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def from_token(text: str) -> datetime:
    """Read a time out of a page token, which anyone can write; raises ValueError."""
    time = datetime.fromisoformat(text)
    # Ours say UTC; a time near the calendar's ends would leave it in UTC.
    if time.utcoffset() != timedelta(0):
        raise ValueError("a time that is not in UTC")
    return time
