"""JSON and protobuf messages, each into the other, by code compiled once per message type.

Prints snake_case names and every field without presence, defaults too; int64 as text; enums by name. Reads
snake_case and lowerCamelCase names, and refuses what it does not know, naming the path of it.
"""

from typing import Any, NamedTuple, cast

import orjson
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from gateway.transcoding import members, scalars, wellknown
from gateway.transcoding.image import Image
from gateway.transcoding.members import MessageCodec, Setter, Write, join
from gateway.transcoding.scalars import InvalidField, Wrong

ANY = "google.protobuf.Any"
# Messages whose JSON form is not an object of their fields.
SPECIAL = frozenset({ANY, *wellknown.WRITERS, *wellknown.WRAPPERS})
# The parser at the other end gives up at 100 nested messages, and may wrap what is read here once more.
MAXIMUM_DEPTH = 90


class Codec:
    """Reads and writes every message of an image."""

    def __init__(self, image: Image) -> None:
        """Take the image; nothing is compiled yet."""
        self.image = image
        self._compiled: dict[str, MessageCodec] = {}

    def of(self, descriptor: Descriptor) -> MessageCodec:
        """Return the codec of a type, compiled when it is first asked for."""
        name = descriptor.full_name
        if name not in self._compiled:
            if name == ANY:
                self._compiled[name] = _Any(self)
            elif name in wellknown.WRITERS:
                self._compiled[name] = _WellKnown(name)
            elif name in wellknown.WRAPPERS:
                self._compiled[name] = _Wrapper(descriptor)
            else:
                fields = _Fields(descriptor)
                # Known before it is complete: a message may hold its own kind.
                self._compiled[name] = fields
                fields.compile(self)
        return self._compiled[name]

    def read(self, text: bytes, message: Message, path: str = "") -> None:
        """Fill an empty message from JSON. Raises InvalidField."""
        self.fill(parse(text), message, path)

    def fill(self, value: Any, message: Message, path: str = "") -> None:
        """Fill an empty message from parsed JSON. Raises InvalidField."""
        self.of(type_of(message)).read(value, message, path, MAXIMUM_DEPTH)

    def write(self, message: Message) -> bytes:
        """Print the message as JSON. Raises Unprintable."""
        return orjson.dumps(self.of(type_of(message)).write(message))

    def member(self, message: Message, field: FieldDescriptor) -> bytes:
        """Print one field of a message as JSON; null if it has presence and is not set."""
        tree = self.of(type_of(message)).write(message)
        return orjson.dumps(tree.get(field.name))

    def tree(self, message: Message) -> Any:
        """Return the message as dicts, lists and scalars. Raises Unprintable."""
        return self.of(type_of(message)).write(message)


def parse(text: bytes) -> Any:
    """Read JSON (RFC 8259) in UTF-8. Raises InvalidField, with no field, saying where the text goes wrong."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidField("", f"The body is not JSON: {error}", "INVALID_JSON") from None


def type_of(message: Message) -> Descriptor:
    """Return the type of a message."""
    return cast("Descriptor", message.DESCRIPTOR)


def class_of(descriptor: Descriptor) -> type[Message]:
    """Return the message class of a type."""
    return message_factory.GetMessageClass(descriptor)


class _Member(NamedTuple):
    """What reading needs to know of a field."""

    name: str
    oneof: str
    """Name of the oneof that it shares with others; empty if none."""
    takes_null: bool
    set: Setter


class _Fields:
    """An ordinary message: one JSON object, one member a field."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._members: dict[str, _Member] = {}
        self._names: tuple[str, ...] = ()
        self._printed: list[tuple[str, Write]] = []
        self._present: list[tuple[str, Write | None]] = []

    def compile(self, codec: Codec) -> None:
        for field in self._descriptor.fields:
            oneof = field.containing_oneof
            shared = oneof.name if oneof is not None and len(oneof.fields) > 1 else ""
            setter = members.setter(field, codec)
            self._members[field.name] = _Member(field.name, shared, members.takes_null(field), setter)
            write = members.writer(field, codec)
            if field.has_presence:
                self._present.append((field.name, write))
            elif write:
                self._printed.append((field.name, write))
            else:
                self._names += (field.name,)
        self._names += tuple(name for name, _ in self._printed)
        self._values = members.getter(self._names)
        for field in self._descriptor.fields:
            self._members.setdefault(field.json_name, self._members[field.name])

    def write(self, message: Any) -> dict[str, Any]:
        # All in one call, and without a second look at their number: a page has a thousand of them.
        tree = dict(zip(self._names, self._values(message)))  # noqa: B905  (it is one for each name)
        for name, write in self._printed:
            tree[name] = write(tree[name])
        for name, optional in self._present:
            if message.HasField(name):
                value = getattr(message, name)
                tree[name] = optional(value) if optional else value
        return tree

    def read(self, value: Any, message: Any, path: str, depth: int) -> None:
        if type(value) is not dict:
            raise InvalidField(path, "must be an object" if path else "The body must be a JSON object")
        if depth < 0:
            raise InvalidField(path, "is nested too deeply", "NESTED_TOO_DEEPLY")
        for key, item in value.items():
            member = self._members.get(key)
            if member is None:
                what = f"is not a field of {self._descriptor.name}"
                raise InvalidField(join(path, key), what, "UNKNOWN_FIELD")
            name, oneof, takes_null, set_member = member
            if item is None and not takes_null:
                continue
            if key != name and name in value:
                raise InvalidField(join(path, key), f"is given twice, also as {name}", "GIVEN_TWICE")
            if oneof and (other := message.WhichOneof(oneof)):
                what = f"excludes {other}, which is given too"
                raise InvalidField(join(path, key), what, "ONEOF_GIVEN_TWICE")
            set_member(item, message, path, depth)


class _WellKnown:
    """A message with a JSON form of its own."""

    def __init__(self, name: str) -> None:
        self.write = wellknown.WRITERS[name]
        self._read = wellknown.READERS.get(name)
        self._read_nested = wellknown.NESTED_READERS.get(name)

    def read(self, value: Any, message: Any, path: str, depth: int) -> None:
        try:
            if self._read_nested:
                self._read_nested(value, message, depth)
            elif self._read:
                self._read(value, message)
        except Wrong as wrong:
            raise wrong.at(path) from None


class _Wrapper:
    """`google.protobuf.StringValue` and its like: the JSON form of the field `value`."""

    def __init__(self, descriptor: Descriptor) -> None:
        field = descriptor.fields_by_name["value"]
        self._read = scalars.reader(field)
        self._write = scalars.writer(field)

    def read(self, value: Any, message: Any, path: str, depth: int) -> None:
        try:
            message.value = self._read(value)
        except Wrong as wrong:
            raise wrong.at(path) from None

    def write(self, message: Any) -> Any:
        return self._write(message.value) if self._write else message.value


class _Any:
    """Any message, with its type beside its members; what no type is known for stays in base64."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def read(self, value: Any, message: Any, path: str, depth: int) -> None:
        if type(value) is not dict:
            raise InvalidField(path, "must be an object")
        if not value:
            return
        url = value.get("@type")
        kind = self._codec.image.message(url.rpartition("/")[2]) if type(url) is str and "/" in url else None
        if kind is None:
            raise InvalidField(join(path, "@type"), "must name a type known here", "UNKNOWN_TYPE")
        inner = class_of(kind)()
        members = {key: item for key, item in value.items() if key != "@type"}
        if kind.full_name in SPECIAL:
            if members.keys() != {"value"}:
                raise InvalidField(path, "must hold '@type' and 'value' only")
            self._codec.of(kind).read(members["value"], inner, join(path, "value"), depth - 1)
        else:
            self._codec.of(kind).read(members, inner, path, depth - 1)
        message.type_url = url
        message.value = inner.SerializeToString(deterministic=True)

    def write(self, message: Any) -> dict[str, Any]:
        if not message.type_url and not message.value:
            return {}
        kind = self._codec.image.message(message.type_url.rpartition("/")[2])
        try:
            inner = class_of(kind).FromString(message.value) if kind else None
        except DecodeError:
            inner = None
        if kind is None or inner is None:
            return {"@type": message.type_url, "value": scalars.write_octets(message.value)}
        tree = self._codec.of(kind).write(inner)
        return (
            {"@type": message.type_url, "value": tree}
            if kind.full_name in SPECIAL
            else {"@type": message.type_url, **tree}
        )
