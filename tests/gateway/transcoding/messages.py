"""Strategies for messages: any message of a type, with every kind of field filled or left out."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from gateway.transcoding import members
from gateway.transcoding.codec import class_of

F = FieldDescriptor
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    F.TYPE_DOUBLE: st.floats(),
    F.TYPE_FLOAT: st.floats(width=32),
    F.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    F.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    F.TYPE_SFIXED32: st.integers(-(2**31), 2**31 - 1),
    F.TYPE_UINT32: st.integers(0, 2**32 - 1),
    F.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    F.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    F.TYPE_SINT64: st.integers(-(2**63), 2**63 - 1),
    F.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    F.TYPE_UINT64: st.integers(0, 2**64 - 1),
    F.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    F.TYPE_BOOL: st.booleans(),
    F.TYPE_STRING: TEXT,
    F.TYPE_BYTES: st.binary(max_size=6),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NANOS = st.one_of(st.just(0), st.integers(0, 999).map(lambda ms: ms * 1_000_000), st.integers(0, 999_999_999))


@st.composite
def durations(draw: st.DrawFn, kind: Descriptor) -> Message:
    sign = draw(st.sampled_from([1, -1]))
    seconds = draw(st.integers(0, 315_576_000_000 - 1))
    return class_of(kind)(seconds=sign * seconds, nanos=sign * draw(NANOS))


def json_like(kind: Descriptor) -> st.SearchStrategy[Message]:
    name = {"Struct": "fields", "ListValue": "values"}.get(kind.name)
    values = {"fields": st.dictionaries(TEXT, JSON, max_size=3), "values": st.lists(JSON, max_size=3)}

    def make(value: Any) -> Message:
        message: Any = class_of(kind)()
        if name == "fields":
            message.update(value)
        elif name == "values":
            message.extend(value)
        else:
            holder: Any = class_of(kind.file.message_types_by_name["ListValue"])()
            holder.extend([value])
            message.CopyFrom(holder.values[0])
        return message

    return (values[name] if name else JSON).map(make)


def messages(kind: Descriptor, depth: int = 2, finite: bool = False) -> st.SearchStrategy[Message]:
    """Any message of the type; `finite` leaves out NaN and the infinities."""
    name = kind.full_name
    if name == "google.protobuf.Timestamp":
        seconds = st.integers(-62_135_596_800, 253_402_300_799)
        return st.builds(class_of(kind), seconds=seconds, nanos=NANOS)
    if name == "google.protobuf.Duration":
        return durations(kind)
    if name == "google.protobuf.FieldMask":
        # Without underscores, which the reference prints in camelCase.
        return st.builds(
            class_of(kind),
            paths=st.lists(st.from_regex(r"[a-z]{1,4}(\.[a-z]{1,4})?", fullmatch=True), max_size=3),
        )
    if name in ("google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value"):
        return json_like(kind)
    if name == "google.protobuf.Any":
        duration = kind.file.pool.FindMessageTypeByName("google.protobuf.Duration")
        empty = kind.file.pool.FindMessageTypeByName("google.protobuf.FieldMask")
        return st.one_of(messages(duration), messages(empty)).map(lambda inner: packed(kind, inner))
    return plain(kind, depth, finite)


def packed(kind: Descriptor, inner: Message) -> Message:
    url = f"type.googleapis.com/{inner.DESCRIPTOR.full_name}"
    return class_of(kind)(type_url=url, value=inner.SerializeToString(deterministic=True))


@st.composite
def plain(draw: st.DrawFn, kind: Descriptor, depth: int, finite: bool) -> Message:
    message: Any = class_of(kind)()
    chosen = (
        draw(st.lists(st.sampled_from(list(kind.fields)), unique_by=lambda field: field.number, max_size=8))
        if kind.fields
        else []
    )
    for field in chosen:
        if field.containing_oneof and message.WhichOneof(field.containing_oneof.name):
            continue
        if members.is_map(field):
            key, value = members.map_parts(field)
            if (one := single(value, depth, finite)) is None:
                continue
            for name, item in draw(st.dictionaries(SCALARS[key.type], one, max_size=3)).items():
                if value.message_type:
                    getattr(message, field.name)[name].CopyFrom(item)
                else:
                    getattr(message, field.name)[name] = item
        elif (one := single(field, depth, finite)) is None:
            continue
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(one, max_size=3)))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            getattr(message, field.name).CopyFrom(draw(one))
        else:
            setattr(message, field.name, draw(one))
    return message


def single(field: FieldDescriptor, depth: int, finite: bool) -> st.SearchStrategy[Any] | None:
    if field.message_type:
        return messages(field.message_type, depth - 1, finite) if depth else None
    if field.enum_type:
        numbers = st.sampled_from(sorted(field.enum_type.values_by_number))
        is_null = field.enum_type.full_name == "google.protobuf.NullValue"
        return numbers if field.enum_type.is_closed or is_null else numbers | st.just(99)
    if finite and field.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
        width = 64 if field.type == F.TYPE_DOUBLE else 32
        return st.floats(allow_nan=False, allow_infinity=False, width=width)  # type: ignore[arg-type]
    return SCALARS[field.type]
