"""Whether a request message is well formed: its proto's rules (protovalidate), and what storage can hold."""

import math
from collections.abc import Iterator

import protovalidate
from google.protobuf.message import Message

from services.errors import FieldViolation, InvalidArgument


class Undecodable:
    """Stands for a request whose bytes are no message of its type."""


def validate(message: Message | Undecodable) -> None:
    """Check a message against its proto's rules; raises InvalidArgument that names every field."""
    if isinstance(message, Undecodable):
        raise InvalidArgument("request", "is not a protobuf message of the method's type", "UNDECODABLE")
    violations = [
        FieldViolation(path, "must not hold a NUL character", "NUL_CHARACTER")
        if problem == "nul"
        else FieldViolation(path, "must be a finite number", "NOT_FINITE")
        for path, problem in _unstorable(message)
    ]
    try:
        protovalidate.validate(message)
    except protovalidate.ValidationError as error:
        violations += [
            FieldViolation(
                ".".join(
                    element.field_name for element in (each.proto.field.elements if each.proto.field else ())
                )
                or "request",
                each.proto.message,
                each.proto.rule_id.upper().replace(".", "_"),
            )
            for each in error.violations
        ]
    if violations:
        raise InvalidArgument.of(violations)


def _unstorable(message: Message, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of every text that holds NUL and every number that is not finite.

    protobuf carries both; PostgreSQL's text and JSON do not.
    """
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            values: list[object] = [part for entry in value.items() for part in entry]
        elif field.is_repeated:
            values = list(value)
        else:
            values = [value]
        for each in values:
            if isinstance(each, Message):
                yield from _unstorable(each, f"{path}.")
            elif isinstance(each, str) and "\0" in each:
                yield path, "nul"
            elif isinstance(each, float) and not math.isfinite(each):
                yield path, "number"
