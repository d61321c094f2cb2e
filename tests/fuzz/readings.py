"""Whether a request that no schema admits is one all the same, in another spelling that ProtoJSON knows.

The document names the one form to write. ProtoJSON reads some more: an enum by its number, null for what is
not given, a number as text. What google's own reader takes, and prints as the schema has it, is not wrong.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from jsonschema import Draft202012Validator
from schemathesis.core import NotSet
from schemathesis.generation.case import Case

from gateway import contract
from gateway.transcoding.bindings import Binding, bindings
from gateway.transcoding.openapi import operation_id


@cache
def by_operation() -> dict[str, Binding]:
    """Return the bindings by what the document calls them."""
    seen: set[str] = set()
    return {
        operation_id(each, seen): each
        for each in bindings(contract.image())
        if each.is_servable and each.method != "*"
    }


def is_another_spelling(case: Case, document: dict[str, Any]) -> bool:
    """Say whether a request is right once google's reader has read it."""
    operation: dict[str, Any] = case.operation.definition.raw
    binding = by_operation()[operation["operationId"]]
    return all(
        _are_right(operation, place, given, document)
        for place, given in (
            ("path", case.path_parameters),
            ("header", case.headers),
            ("query", {name: _plain(binding, name, value) for name, value in (case.query or {}).items()}),
        )
    ) and _is_right_body(operation, binding, case.body, document)


def _are_right(operation: dict[str, Any], place: str, given: Any, document: dict[str, Any]) -> bool:
    schemas = {each["name"]: each for each in operation["parameters"] if each["in"] == place}
    values = {
        name: value for name, value in dict(given or {}).items() if place != "header" or name in schemas
    }
    is_whole = all(name in values for name, each in schemas.items() if each.get("required"))
    return is_whole and all(
        name in schemas and _fits(value, schemas[name]["schema"], document) for name, value in values.items()
    )


def _is_right_body(operation: dict[str, Any], binding: Binding, body: Any, document: dict[str, Any]) -> bool:
    request = operation.get("requestBody", {})
    if isinstance(body, NotSet):
        return not request.get("required", False)
    schema = request.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return "content" in request
    if not isinstance(body, dict):
        return False
    return any(_fits(each, schema, document) for each in _printed(binding, body))


def _plain(binding: Binding, name: str, value: Any) -> Any:
    field = binding.query[name].field if name in binding.query else None
    if field is not None and field.enum_type and str(value).isdecimal():
        found = field.enum_type.values_by_number.get(int(value))
        return found.name if found else value
    return value


def _printed(binding: Binding, body: dict[str, Any]) -> Iterator[Any]:
    kind = binding.request if binding.whole_body else _of(binding.body)
    message = message_factory.GetMessageClass(kind)()
    try:
        json_format.ParseDict(body, message)
    except json_format.ParseError:
        return
    yield json_format.MessageToDict(message, preserving_proto_field_name=True)


def _of(field: FieldDescriptor | None) -> Any:
    assert field is not None
    return field.message_type


def _fits(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> bool:
    whole = {**schema, "components": document["components"]}
    return Draft202012Validator(whole).is_valid(value)
