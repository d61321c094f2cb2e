"""JSON Schemas (2020-12, as OpenAPI 3.1 uses them) of messages, as the codec prints and reads them."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.transcoding import constraints, members
from gateway.transcoding.image import Image
from gateway.transcoding.scalars import INTEGERS, LONG_INTEGERS

Schema = dict[str, Any]
_F = FieldDescriptor

_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$",
        "examples": ["3.5s"],
    },
    "google.protobuf.FieldMask": {"type": "string", "examples": ["name,domain"]},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Value": {},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
    "google.protobuf.Any": {
        "type": "object",
        "required": ["@type"],
        "properties": {"@type": {"type": "string"}},
        "additionalProperties": True,
    },
    "google.protobuf.DoubleValue": {"type": ["number", "null"], "format": "double"},
    "google.protobuf.FloatValue": {"type": ["number", "null"], "format": "float"},
    "google.protobuf.Int64Value": {"type": ["string", "null"], "format": "int64"},
    "google.protobuf.UInt64Value": {"type": ["string", "null"], "format": "uint64"},
    "google.protobuf.Int32Value": {"type": ["integer", "null"], "format": "int32"},
    "google.protobuf.UInt32Value": {"type": ["integer", "null"], "format": "uint32"},
    "google.protobuf.BoolValue": {"type": ["boolean", "null"]},
    "google.protobuf.StringValue": {"type": ["string", "null"]},
    "google.protobuf.BytesValue": {"type": ["string", "null"], "contentEncoding": "base64"},
}


class Schemas:
    """Collects `components/schemas` while references to them are made."""

    def __init__(self, image: Image, requests: Iterable[Descriptor] = ()) -> None:
        """Take the messages that bodies are read into; all others are only ever printed."""
        self._image = image
        self._inputs: set[str] = set()
        for kind in requests:
            self._add_input(kind)
        self.components: dict[str, Schema] = {}
        self._names: dict[str, str] = {}

    def message(self, kind: Descriptor) -> Schema:
        """Return a reference to a message, or its schema if it has a JSON form of its own."""
        if kind.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[kind.full_name])
        return self._reference(kind)

    def edited(self, kind: Descriptor, *, whole: bool) -> Schema:
        """Return a message as the body of a change, which may hold a part of it if it is not `whole`."""
        schema = self._object(kind)
        schema.pop("required", None)
        required = [each.name for each in kind.fields if whole and self.is_required(each)]
        return schema | {"additionalProperties": False} | ({"required": required} if required else {})

    def resolved(self, schema: Schema) -> Schema:
        """Return what a reference stands for; any other schema is itself."""
        return self.components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def header(self, field: FieldDescriptor, pattern: str) -> Schema:
        """Return a header that fills a text."""
        return {**constraints.constraints(self._image, field), "type": "string", "pattern": pattern}

    def field(self, field: FieldDescriptor, *, is_given: bool = False) -> Schema:
        """Return a member, with its comment, its constraints and whether only the service sets it.

        What `is_given` has a value, where empty text may otherwise mean that it has none.
        """
        schema = self._shape(field)
        if members.is_map(field) or field.is_repeated or "$ref" not in schema:
            schema |= constraints.constraints(self._image, field, is_given=is_given)
        comment = self._image.comment(field)
        behaviours = _behaviours(self._image, field)
        if comment:
            schema["description"] = comment
        if "OUTPUT_ONLY" in behaviours:
            schema["readOnly"] = True
        if "INPUT_ONLY" in behaviours:
            schema["writeOnly"] = True
        if field.GetOptions().deprecated:
            schema["deprecated"] = True
        return schema

    def is_required(self, field: FieldDescriptor) -> bool:
        """Say whether the service refuses a request without it."""
        return "REQUIRED" in _behaviours(self._image, field) or constraints.is_required(self._image, field)

    def _shape(self, field: FieldDescriptor) -> Schema:
        if members.is_map(field):
            _, value = members.map_parts(field)
            return {"type": "object", "additionalProperties": self._one(value)}
        if field.is_repeated:
            items = self._one(field) | constraints.item_constraints(self._image, field)
            return {"type": "array", "items": items}
        return self._one(field)

    def _one(self, field: FieldDescriptor) -> Schema:
        if field.message_type:
            return self.message(field.message_type)
        if field.enum_type:
            return self._enumeration(field.enum_type)
        if field.type == _F.TYPE_STRING:
            return {"type": "string"}
        if field.type == _F.TYPE_BOOL:
            return {"type": "boolean"}
        if field.type == _F.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        if field.type in INTEGERS:
            unsigned = field.type in (_F.TYPE_UINT32, _F.TYPE_FIXED32, _F.TYPE_UINT64, _F.TYPE_FIXED64)
            size = 64 if field.type in LONG_INTEGERS else 32
            name = f"{'u' if unsigned else ''}int{size}"
            return {"type": "string" if size == 64 else "integer", "format": name}
        return {"type": "number", "format": "double" if field.type == _F.TYPE_DOUBLE else "float"}

    def _reference(self, kind: Descriptor) -> Schema:
        name = self._name(kind)
        if name not in self.components:
            # Known before it is complete: a message may hold its own kind.
            self.components[name] = schema = {}
            schema.update(self._object(kind))
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: Descriptor) -> Schema:
        schema: Schema = {"type": "object"}
        if comment := self._image.comment(kind):
            schema["description"] = comment
        schema["properties"] = {field.name: self.field(field) for field in kind.fields}
        is_input = kind.full_name in self._inputs
        # A reply holds every field without presence; a request needs what its rules say.
        required = [
            each.name
            for each in kind.fields
            if (self.is_required(each) if is_input else not each.has_presence)
        ]
        if required:
            schema["required"] = required
        if is_input:
            schema["additionalProperties"] = False
        return schema

    def _add_input(self, kind: Descriptor) -> None:
        if kind.full_name not in self._inputs:
            self._inputs.add(kind.full_name)
            for field in kind.fields:
                if field.message_type:
                    self._add_input(field.message_type)

    def _enumeration(self, kind: EnumDescriptor) -> Schema:
        if kind.full_name == "google.protobuf.NullValue":
            return {"type": "null"}
        name = self._name(kind)
        if name not in self.components:
            schema: Schema = {"type": "string", "enum": [value.name for value in kind.values]}
            lines = [self._image.comment(kind)] if self._image.comment(kind) else []
            lines += [
                f"- `{value.name}`: {comment}"
                for value in kind.values
                if (comment := self._image.comment(value).replace("\n", " "))
            ]
            if lines:
                schema["description"] = "\n".join(lines)
            self.components[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def _name(self, kind: Descriptor | EnumDescriptor) -> str:
        """Return `Lead`, `Lead.EnrichmentStatus`; the full name where another type is called the same."""
        short = kind.full_name.removeprefix(kind.file.package).lstrip(".")
        return short if self._names.setdefault(short, kind.full_name) == kind.full_name else kind.full_name


def _behaviours(image: Image, field: FieldDescriptor) -> set[str]:
    numbers = image.option(field, "google.api.field_behavior") or []
    try:
        names = image.pool.FindEnumTypeByName("google.api.FieldBehavior").values_by_number
    except KeyError:
        return set()
    return {names[number].name for number in numbers if number in names}
