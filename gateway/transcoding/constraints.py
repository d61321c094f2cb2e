"""The part of protovalidate's rules that JSON Schema can say.

Read from the image by name: where the image has no `buf.validate.field` extension there are no constraints.
A rule that JSON Schema cannot say, such as a CEL expression, is left out; the service checks it all the same.
"""

import base64
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from gateway.transcoding.image import Image

_RULES = "buf.validate.field"
_STRING = {
    "min_len": "minLength",
    "max_len": "maxLength",
    "pattern": "pattern",
}
_FORMATS = {
    "uuid": "uuid",
    "email": "email",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
}
_NUMBER = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_REPEATED = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
_WITH_EXAMPLES = ("string", "bytes", "bool", "int32", "uint32", "double", "float")
_MAP = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}


def is_required(image: Image, field: FieldDescriptor) -> bool:
    """Say whether the rules refuse a message without this field."""
    rules = image.option(field, _RULES)
    return bool(rules is not None and rules.required)


def constraints(image: Image, field: FieldDescriptor, *, is_given: bool = False) -> dict[str, Any]:
    """Return JSON Schema keywords for a field, `items` apart; a value that `is_given` is not empty."""
    rules = image.option(field, _RULES)
    found = _keywords(rules, field.has_presence or is_given)
    if rules is not None and rules.required and not field.has_presence:
        # Without presence, what is required is not to be the default; what has a format is not anyway.
        if field.is_repeated:
            found.setdefault("minItems", 1)
        elif (
            field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES) and "format" not in found
        ):
            found["minLength"] = max(1, found.get("minLength", 1))
    return found


def item_constraints(image: Image, field: FieldDescriptor) -> dict[str, Any]:
    """Return JSON Schema keywords for each item of a repeated field."""
    rules = image.option(field, _RULES)
    if rules is None or rules.WhichOneof("type") != "repeated" or not rules.repeated.HasField("items"):
        return {}
    return _keywords(rules.repeated.items, True)


def _keywords(rules: Any, presence: bool) -> dict[str, Any]:
    kind = rules.WhichOneof("type") if rules is not None else None
    if kind is None:
        return {}
    typed = getattr(rules, kind)
    found: dict[str, Any] = {}
    if kind == "string":
        found |= _given(typed, _STRING)
        # Where empty text means "not given", a format would refuse it.
        if presence or rules.required or not _ignores_empty(rules):
            for name in (name for rule, name in _FORMATS.items() if getattr(typed, rule, False)):
                found["format"] = name
    elif kind == "repeated":
        found |= _given(typed, _REPEATED)
    elif kind == "map":
        found |= _given(typed, _MAP)
    elif kind not in ("bytes", "bool", "enum", "any", "duration", "timestamp", "field_mask"):
        found |= _given(typed, _NUMBER)
    if kind in ("string", "int32", "uint32", "double", "float"):
        allowed = list(getattr(typed, "in"))
        found |= {"enum": allowed} if allowed else {}
        found |= {"const": typed.const} if typed.HasField("const") else {}
    if kind in _WITH_EXAMPLES and typed.example:
        found["examples"] = [_json(each) for each in typed.example]
    return found


def _json(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _ignores_empty(rules: Any) -> bool:
    field = rules.DESCRIPTOR.fields_by_name["ignore"]
    return bool(field.enum_type.values_by_number[rules.ignore].name == "IGNORE_IF_ZERO_VALUE")


def _given(rules: Any, keywords: dict[str, str]) -> dict[str, Any]:
    return {keyword: getattr(rules, rule) for rule, keyword in keywords.items() if rules.HasField(rule)}
