"""Single values: JSON or text in, what a protobuf field takes out, and the other way round.

Follows the ProtoJSON mapping (protobuf.dev/programming-guides/json), with two refusals of its own, because
what they let in breaks things far behind the edge: a NUL character, and a number that is not finite.
"""

import base64
import binascii
import contextlib
import re
import struct
from collections.abc import Callable
from math import inf, isfinite, isnan
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

Convert = Callable[[Any], Any]

_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_NOT_FINITE = {"NaN": float("nan"), "Infinity": inf, "-Infinity": -inf}
_URL_SAFE = str.maketrans("-_", "+/")
_F = FieldDescriptor

_INTEGER_BOUNDS = {
    _F.TYPE_INT32: (-(2**31), 2**31 - 1),
    _F.TYPE_SINT32: (-(2**31), 2**31 - 1),
    _F.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    _F.TYPE_UINT32: (0, 2**32 - 1),
    _F.TYPE_FIXED32: (0, 2**32 - 1),
    _F.TYPE_INT64: (-(2**63), 2**63 - 1),
    _F.TYPE_SINT64: (-(2**63), 2**63 - 1),
    _F.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    _F.TYPE_UINT64: (0, 2**64 - 1),
    _F.TYPE_FIXED64: (0, 2**64 - 1),
}
# JSON numbers are doubles to most readers, so these travel as text.
LONG_INTEGERS = {kind for kind, (_, high) in _INTEGER_BOUNDS.items() if high >= 2**63 - 1}
INTEGERS = frozenset(_INTEGER_BOUNDS)


class InvalidField(ValueError):
    """A value in a request does not fit its field. `reason` is an UPPER_SNAKE word for programs."""

    def __init__(self, field: str, description: str, reason: str = "INVALID_VALUE") -> None:
        """Name the field by its path; empty if it is the request as a whole."""
        super().__init__(f"{field}: {description}" if field else description)
        self.field = field
        self.description = description
        self.reason = reason


class Wrong(ValueError):
    """What is wrong with a value, said by a converter that does not know where the value stands."""

    def __init__(self, description: str, reason: str = "INVALID_VALUE") -> None:
        """Describe it so that it can follow the field's name."""
        super().__init__(description)
        self.description = description
        self.reason = reason

    def at(self, field: str) -> InvalidField:
        """Say the same, with the place."""
        return InvalidField(field, self.description, self.reason)


def string(value: Any) -> str:
    """Read text. Raises Wrong."""
    if type(value) is not str:
        raise Wrong("must be a string")
    if "\0" in value:
        raise Wrong("must not contain a NUL character", "NUL_CHARACTER")
    return value


def boolean(value: Any) -> bool:
    """Read true or false. Raises Wrong."""
    if value is True or value is False:
        return bool(value)
    raise Wrong("must be true or false")


def boolean_text(value: str) -> bool:
    """Read the text `true` or `false`. Raises Wrong."""
    if value not in ("true", "false"):
        raise Wrong("must be true or false")
    return value == "true"


def octets(value: Any) -> bytes:
    """Read base64, standard or URL-safe, padded or not. Raises Wrong."""
    if type(value) is not str:
        raise Wrong("must be a string in base64")
    try:
        plain = value.translate(_URL_SAFE).rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("must be base64") from None


def integer(kind: int) -> Convert:
    """Read a number, a number with a zero fraction, or decimal text, of an integer type."""
    low, high = _INTEGER_BOUNDS[kind]

    def convert(value: Any) -> int:
        whole = type(value) is float and value.is_integer()
        if whole or (type(value) is str and _INTEGER.fullmatch(value)):
            value = int(value)
        if type(value) is not int:
            raise Wrong("must be an integer")
        if not low <= value <= high:
            raise Wrong(f"must lie between {low} and {high}")
        return value

    return convert


def number(value: Any) -> float:
    """Read a finite number, or the text of one. Raises Wrong."""
    if type(value) is str and _NUMBER.fullmatch(value):
        value = float(value)
    if (type(value) is str and value in _NOT_FINITE) or (type(value) is float and not isfinite(value)):
        raise Wrong("must be a finite number", "NOT_FINITE")
    if type(value) not in (int, float):
        raise Wrong("must be a number")
    return float(value)


def short_number(value: Any) -> float:
    """Read a number that a 32-bit float can hold. Raises Wrong."""
    found = number(value)
    try:
        return _as_float(found)
    except OverflowError:
        raise Wrong("is too large for a 32-bit float") from None


def enumeration(descriptor: EnumDescriptor) -> Convert:
    """Read an enum value by its name, or by its number."""
    numbers: dict[str | None, int] = {value.name: value.number for value in descriptor.values}
    known = frozenset(numbers.values())
    to_int = integer(_F.TYPE_INT32)
    names = ", ".join(value.name for value in descriptor.values)

    if descriptor.full_name == "google.protobuf.NullValue":
        numbers[None] = 0

    def convert(value: Any) -> int:
        if (value is None or type(value) is str) and value in numbers:
            return numbers[value]
        try:
            found: int = to_int(value)
        except Wrong:
            raise Wrong(f"must be one of {names}") from None
        if descriptor.is_closed and found not in known:
            raise Wrong(f"must be one of {names}")
        return found

    return convert


def reader(field: FieldDescriptor, text: bool = False) -> Convert:
    """Return what turns JSON, or with `text` a path or query parameter, into a value of the field."""
    if field.type == _F.TYPE_STRING:
        return string
    if field.type == _F.TYPE_BOOL:
        return boolean_text if text else boolean
    if field.type == _F.TYPE_BYTES:
        return octets
    if field.type == _F.TYPE_DOUBLE:
        return number
    if field.type == _F.TYPE_FLOAT:
        return short_number
    if field.enum_type:
        return enumeration(field.enum_type)
    return integer(field.type)


def writer(field: FieldDescriptor) -> Convert | None:
    """Return what turns the field's value into what JSON takes; None if it already is."""
    if field.type in LONG_INTEGERS:
        return str
    if field.type == _F.TYPE_BYTES:
        return write_octets
    if field.type == _F.TYPE_DOUBLE:
        return write_number
    if field.type == _F.TYPE_FLOAT:
        return write_short_number
    if field.enum_type:
        return _enumeration_writer(field.enum_type)
    return None


def write_octets(value: bytes) -> str:
    """Print base64."""
    return base64.b64encode(value).decode("ascii")


def write_number(value: float) -> float | str:
    """Print a number; JSON has no NaN and no infinity, so these become text."""
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def write_short_number(value: float) -> float | str:
    """Print the shortest decimal that reads back as the same 32-bit float: 0.1, not 0.10000000149."""
    if not isfinite(value):
        return write_number(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        with contextlib.suppress(OverflowError):
            if _as_float(short) == value:
                return short
    return float(f"{value:.9g}")


def _as_float(value: float) -> float:
    """Round to the nearest 32-bit float. Raises OverflowError."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def _enumeration_writer(descriptor: EnumDescriptor) -> Convert:
    if descriptor.full_name == "google.protobuf.NullValue":
        return lambda _: None
    names = {number: value.name for number, value in descriptor.values_by_number.items()}
    return lambda value: names.get(value, value)


def key_writer(field: FieldDescriptor) -> Convert:
    """Return what prints a map key, which is text in JSON."""
    if field.type == _F.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    return str
