"""The messages with a JSON form of their own: times, masks, wrappers, and JSON inside of protobuf.

Each has a `read_x(value, message)`, which fills an empty message, and a `write_x(message)`.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import copysign, isfinite
from typing import Any

from gateway.transcoding import scalars
from gateway.transcoding.scalars import Wrong

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A page of leads prints hundreds of times; to format two digits takes longer than to look them up.
_DIGITS = [f"{number:02}" for number in range(60)]
_MINUTES = [f"{hour:02}:{minute}" for hour in range(24) for minute in _DIGITS]
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_LONGEST_DURATION = 315_576_000_000
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_MASK_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*|\*", re.ASCII)
_CAPITAL = re.compile(r"[A-Z]")
# A larger whole number would lose digits as a JSON integer, which readers take for a double.
_WHOLE = 2.0**53


class Unprintable(ValueError):
    """A message from a service has no JSON form: a time out of range, NaN inside of a Value."""


def read_timestamp(value: Any, message: Any) -> None:
    """Read a time as in RFC 3339. Raises Wrong."""
    found = _TIMESTAMP.fullmatch(value) if type(value) is str else None
    if not found:
        raise Wrong("must be a time as in RFC 3339, such as 2026-01-31T08:30:00Z")
    *parts, fraction, sign, hours, minutes = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, parts)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Wrong(f"is no time: {error}") from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise Wrong("is no time: the offset from UTC is out of range")
        seconds -= int(f"{sign}1") * (int(hours) * 3600 + int(minutes) * 60)
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        raise Wrong("must lie between the years 1 and 9999")
    message.seconds = seconds
    message.nanos = int((fraction or "").ljust(9, "0"))


def write_timestamp(message: Any) -> str:
    """Print a time in UTC as in RFC 3339. Raises Unprintable."""
    seconds, nanos = message.seconds, message.nanos
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos <= 999_999_999):
        raise Unprintable("a timestamp is out of range")
    days, second = divmod(seconds, 86_400)
    minute, second = divmod(second, 60)
    return f"{_date(days)}T{_MINUTES[minute]}:{_DIGITS[second]}{_fraction(nanos)}Z"


@lru_cache(maxsize=512)
def _date(days: int) -> str:
    """Print a date; the times of one reply mostly share a few."""
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def read_duration(value: Any, message: Any) -> None:
    """Read seconds such as `3.5s`. Raises Wrong."""
    found = _DURATION.fullmatch(value) if type(value) is str else None
    if not found:
        raise Wrong("must be a duration in seconds, such as 3.5s")
    minus, whole, fraction = found.groups()
    sign = -1 if minus else 1
    if int(whole) > _LONGEST_DURATION or (int(whole) == _LONGEST_DURATION and int(fraction or 0)):
        raise Wrong("must be at most 10000 years")
    message.seconds = sign * int(whole)
    message.nanos = sign * int((fraction or "").ljust(9, "0"))


def write_duration(message: Any) -> str:
    """Print seconds such as `3.5s`. Raises Unprintable."""
    seconds, nanos = message.seconds, message.nanos
    if abs(seconds) > _LONGEST_DURATION or abs(nanos) > 999_999_999 or seconds * nanos < 0:
        raise Unprintable("a duration is out of range")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    """No digits, or 3, 6 or 9 of them."""
    if not nanos:
        return ""
    if nanos % 1000:
        return f".{nanos:09}"
    return f".{nanos // 1000:06}" if nanos % 1_000_000 else f".{nanos // 1_000_000:03}"


def read_mask(value: Any, message: Any) -> None:
    """Read paths separated by commas, in either spelling. Raises Wrong."""
    if type(value) is not str:
        raise Wrong("must be field names separated by commas")
    for path in value.split(",") if value else ():
        if not _MASK_PATH.fullmatch(path):
            raise Wrong("must be field names separated by commas")
        message.paths.append(_CAPITAL.sub(lambda found: "_" + found.group().lower(), path))


def write_mask(message: Any) -> str:
    """Print paths as they stand, since the fields that they name are in snake_case too."""
    return ",".join(message.paths)


def read_struct(value: Any, message: Any, depth: int) -> None:
    """Read an object of any JSON. Raises Wrong."""
    if type(value) is not dict:
        raise Wrong("must be an object")
    for key, item in value.items():
        # A struct costs three levels of messages for one of JSON: itself, the map's entry, the value.
        read_value(item, message.fields[scalars.string(key)], depth - 3)


def read_list(value: Any, message: Any, depth: int) -> None:
    """Read a list of any JSON. Raises Wrong."""
    if type(value) is not list:
        raise Wrong("must be a list")
    for item in value:
        read_value(item, message.values.add(), depth - 2)


def read_value(value: Any, message: Any, depth: int) -> None:
    """Read any JSON. Raises Wrong."""
    if depth < 0:
        raise Wrong("is nested too deeply", "NESTED_TOO_DEEPLY")
    kind = type(value)
    if value is None:
        message.null_value = 0
    elif kind is bool:
        message.bool_value = value
    elif kind is str:
        message.string_value = scalars.string(value)
    elif kind is dict:
        message.struct_value.SetInParent()
        read_struct(value, message.struct_value, depth)
    elif kind is list:
        message.list_value.SetInParent()
        read_list(value, message.list_value, depth)
    else:
        message.number_value = scalars.number(value)


def write_struct(message: Any) -> dict[str, Any]:
    """Return a dict. Raises Unprintable."""
    return {key: write_value(value) for key, value in message.fields.items()}


def write_list(message: Any) -> list[Any]:
    """Return a list. Raises Unprintable."""
    return [write_value(value) for value in message.values]


def write_value(message: Any) -> Any:
    """Return whatever JSON it is. Raises Unprintable."""
    kind = message.WhichOneof("kind")
    if kind == "number_value":
        return _write_number(message.number_value)
    if kind == "struct_value":
        return write_struct(message.struct_value)
    if kind == "list_value":
        return write_list(message.list_value)
    return getattr(message, kind) if kind not in (None, "null_value") else None


def _write_number(value: float) -> float | int:
    if not isfinite(value):
        raise Unprintable("a number inside of a JSON value is not finite")
    is_negative_zero = value == 0 and copysign(1, value) < 0
    return int(value) if value.is_integer() and abs(value) <= _WHOLE and not is_negative_zero else value


# Full names; a wrapper's JSON form is that of its one field, `value`.
WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
READERS = {
    "google.protobuf.Timestamp": read_timestamp,
    "google.protobuf.Duration": read_duration,
    "google.protobuf.FieldMask": read_mask,
}
NESTED_READERS = {
    "google.protobuf.Struct": read_struct,
    "google.protobuf.ListValue": read_list,
    "google.protobuf.Value": read_value,
}
WRITERS = {
    "google.protobuf.Timestamp": write_timestamp,
    "google.protobuf.Duration": write_duration,
    "google.protobuf.FieldMask": write_mask,
    "google.protobuf.Struct": write_struct,
    "google.protobuf.ListValue": write_list,
    "google.protobuf.Value": write_value,
}
