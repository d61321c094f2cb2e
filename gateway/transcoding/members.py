"""The members of a message: for each field a way to print it and a way to set it from parsed JSON."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, Protocol

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.transcoding import scalars
from gateway.transcoding.scalars import InvalidField, Wrong

# value, message, path of the message, depth
Setter = Callable[[Any, Any, str, int], None]
Write = Callable[[Any], Any]
_LONGEST_NAME = 80


class MessageCodec(Protocol):
    """How one message type is read and written."""

    def read(self, value: Any, message: Any, path: str, depth: int) -> None:
        """Fill an empty message from parsed JSON; `depth` is how many levels may still follow."""

    def write(self, message: Any) -> Any:
        """Return what orjson takes for this message."""


class Codecs(Protocol):
    """Where the codec of a message type is found."""

    def of(self, descriptor: Descriptor) -> MessageCodec:
        """Return the codec of a type."""


def join(path: str, name: str) -> str:
    """Return the path of a member; a name that nobody would print whole is cut."""
    shown = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
    return f"{path}.{shown}" if path else shown


def takes_null(field: FieldDescriptor) -> bool:
    """Say whether null is a value of the field; for all others it means that the field is not given."""
    if field.is_repeated:
        return False
    if field.enum_type:
        return field.enum_type.full_name == "google.protobuf.NullValue"
    return field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"


def is_map(field: FieldDescriptor) -> bool:
    """Tell a `map<k, v>` field, which is a repeated entry message underneath."""
    return bool(field.is_repeated and field.message_type and field.message_type.GetOptions().map_entry)


def map_parts(field: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor]:
    """Return the key and the value of a map field."""
    assert field.message_type is not None
    return field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]


def getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Get all values of a message in one call; `attrgetter` gives no tuple for fewer than two names."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda message: tuple(getattr(message, name) for name in names)


def writer(field: FieldDescriptor, codec: Codecs) -> Write | None:
    """Return what turns a field's value into what JSON takes; None if it already is."""
    if is_map(field):
        key, value = map_parts(field)
        return _map_writer(scalars.key_writer(key), writer(value, codec))
    one = codec.of(field.message_type).write if field.message_type else scalars.writer(field)
    if not field.is_repeated:
        return one
    return list if one is None else lambda items: [one(item) for item in items] if items else []


def _map_writer(key: Write, value: Write | None) -> Write:
    if value is None:
        return lambda items: {key(name): item for name, item in items.items()}
    return lambda items: {key(name): value(items[name]) for name in items}


def setter(field: FieldDescriptor, codec: Codecs) -> Setter:
    """Return what sets a field of a message from parsed JSON."""
    if is_map(field):
        return _map_setter(field, codec)
    if field.message_type:
        read = codec.of(field.message_type).read
        return partial(_set_messages if field.is_repeated else _set_message, field.name, read)
    convert = scalars.reader(field)
    return partial(_set_scalars if field.is_repeated else _set_scalar, field.name, convert)


def _set_scalar(name: str, convert: Write, value: Any, message: Any, path: str, depth: int) -> None:
    try:
        setattr(message, name, convert(value))
    except Wrong as wrong:
        raise wrong.at(join(path, name)) from None


def _set_message(name: str, read: Setter, value: Any, message: Any, path: str, depth: int) -> None:
    inner = getattr(message, name)
    inner.SetInParent()
    read(value, inner, join(path, name), depth - 1)


def _set_scalars(name: str, convert: Write, value: Any, message: Any, path: str, depth: int) -> None:
    items = getattr(message, name)
    for at, item in enumerate(_list(value, path, name)):
        try:
            items.append(convert(item))
        except Wrong as wrong:
            raise wrong.at(f"{join(path, name)}[{at}]") from None


def _set_messages(name: str, read: Setter, value: Any, message: Any, path: str, depth: int) -> None:
    items = getattr(message, name)
    for at, item in enumerate(_list(value, path, name)):
        read(item, items.add(), f"{join(path, name)}[{at}]", depth - 1)


def _map_setter(field: FieldDescriptor, codec: Codecs) -> Setter:
    name = field.name
    key, item = map_parts(field)
    read_key = scalars.reader(key, text=True)
    read_message = codec.of(item.message_type).read if item.message_type else None
    read_scalar = None if item.message_type else scalars.reader(item)

    def set_map(value: Any, message: Any, path: str, depth: int) -> None:
        if type(value) is not dict:
            raise InvalidField(join(path, name), "must be an object")
        entries = getattr(message, name)
        for text, content in value.items():
            place = f'{join(path, name)}["{join("", text)}"]'
            try:
                found = read_key(text)
                if read_message:
                    read_message(content, entries[found], place, depth - 2)
                elif read_scalar:
                    entries[found] = read_scalar(content)
            except Wrong as wrong:
                raise wrong.at(place) from None

    return set_map


def _list(value: Any, path: str, name: str) -> list[Any]:
    if type(value) is not list:
        raise InvalidField(join(path, name), "must be a list")
    return value
