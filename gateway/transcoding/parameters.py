"""Parameters: fields of a request that text can fill, from the path or from the query."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.transcoding import members, scalars, wellknown
from gateway.transcoding.codec import SPECIAL
from gateway.transcoding.scalars import Convert, Wrong

# A request that holds its own kind would have parameters without end.
_DEEPEST = 6


@dataclass(frozen=True)
class Parameter:
    """A field, found through singular messages from the request, and how text becomes its value."""

    fields: tuple[FieldDescriptor, ...]
    convert: Convert
    map_key: Convert | None = None

    @property
    def path(self) -> str:
        """Dotted proto names, such as `filter.created_after`."""
        return ".".join(each.name for each in self.fields)

    @property
    def field(self) -> FieldDescriptor:
        """The field that the value goes to."""
        return self.fields[-1]

    @property
    def repeated(self) -> bool:
        """It may be given more than once."""
        return bool(self.field.is_repeated)

    def is_set(self, message: Any) -> bool:
        """Say whether the message holds a value: with presence any, else one that is not the default."""
        for each in self.fields:
            if not (message.HasField(each.name) if each.has_presence else getattr(message, each.name)):
                return False
            message = getattr(message, each.name)
        return True

    def set(self, message: Message, text: str, shown: str, key: str = "") -> None:
        """Set or append the value; `shown` is the caller's name of it. Raises InvalidField."""
        try:
            self._set(message, scalars.string(text), scalars.string(key))
        except Wrong as wrong:
            raise wrong.at(shown) from None

    def _set(self, message: Any, text: str, key: str) -> None:
        for each in self.fields[:-1]:
            _refuse_second_member(message, each)
            message = getattr(message, each.name)
        field = self.field
        if self.map_key:
            getattr(message, field.name)[self.map_key(key)] = self.convert(text)
        elif field.message_type:
            _refuse_second_member(message, field)
            target = getattr(message, field.name)
            target = target.add() if field.is_repeated else target
            target.SetInParent()
            target.Clear()
            _fill(field.message_type, target, self.convert, text)
        elif field.is_repeated:
            getattr(message, field.name).append(self.convert(text))
        else:
            _refuse_second_member(message, field)
            setattr(message, field.name, self.convert(text))


def _refuse_second_member(message: Any, field: FieldDescriptor) -> None:
    oneof = field.containing_oneof
    if oneof is not None and (other := message.WhichOneof(oneof.name)) not in (None, field.name):
        raise Wrong(f"excludes {other}, which is given too", "ONEOF_GIVEN_TWICE")


def _fill(kind: Descriptor, target: Any, convert: Convert, text: str) -> None:
    if kind.full_name in wellknown.WRAPPERS:
        target.value = convert(text)
    else:
        wellknown.READERS[kind.full_name](text, target)


def _is_text(kind: Descriptor) -> bool:
    """Say whether the JSON form of a message is text."""
    return kind.full_name in wellknown.WRAPPERS or kind.full_name in wellknown.READERS


def _of(fields: tuple[FieldDescriptor, ...]) -> Parameter | None:
    field = fields[-1]
    if members.is_map(field):
        key, value = members.map_parts(field)
        if value.message_type:
            return None
        return Parameter(fields, scalars.reader(value, text=True), scalars.reader(key, text=True))
    if not field.message_type:
        return Parameter(fields, scalars.reader(field, text=True))
    if field.message_type.full_name in wellknown.WRAPPERS:
        return Parameter(fields, scalars.reader(field.message_type.fields_by_name["value"], text=True))
    return Parameter(fields, str) if _is_text(field.message_type) else None


def parameter(kind: Descriptor, path: str) -> Parameter | None:
    """Return the parameter at a dotted path of proto names; None if no text can fill it."""
    fields: tuple[FieldDescriptor, ...] = ()
    here: Descriptor | None = kind
    for name in path.split("."):
        if here is None or name not in here.fields_by_name or (fields and fields[-1].is_repeated):
            return None
        fields = (*fields, here.fields_by_name[name])
        here = fields[-1].message_type
    return _of(fields)


def parameters(kind: Descriptor, taken: Collection[str]) -> Mapping[str, Parameter]:
    """Return the parameters of a request, but those at or below the taken paths, by all their names."""
    found: dict[str, Parameter] = {}
    for each in _walk(kind, (), frozenset(taken)):
        found[each.path] = each
        found.setdefault(".".join(field.json_name for field in each.fields), each)
    return found


def _walk(kind: Descriptor, above: tuple[FieldDescriptor, ...], taken: frozenset[str]) -> Iterator[Parameter]:
    for field in kind.fields:
        fields = (*above, field)
        if ".".join(each.name for each in fields) in taken:
            continue
        found = _of(fields)
        if found:
            yield found
        elif field.is_repeated or len(fields) == _DEEPEST:
            continue
        elif field.message_type and field.message_type.full_name not in SPECIAL:
            yield from _walk(field.message_type, fields, taken)
