"""A hypothesis strategy for the bytes of a request, from its descriptor: what is right, and what is hostile.

Our own, because the libraries for this (hypothesis-pb, protofuzz) have not been kept for years, know no rules
of protovalidate, and send nothing but what the types admit.
"""

import base64
from functools import cache
from typing import Any, NamedTuple

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from gateway import contract
from gateway.transcoding.constraints import constraints, item_constraints
from gateway.transcoding.members import is_map, map_parts

_F = FieldDescriptor
_DEEPEST = 4

Metadata = tuple[tuple[str, str | bytes], ...]
METADATA: tuple[Metadata, ...] = (
    (),
    (),
    (),
    (("x-request-id", "r" * 5000),),
    (("traceparent", "00-zz-zz-00"),),
    (("http-range", "bytes=5-,-3"), ("http-if-none-match", '"')),
    (("http-range", "bytes=1-2"), ("http-if-range", "W/")),
    (("x-leadfactory-client-ip", "999.1.1.1"), ("x-leadfactory-client-user-agent", "'" * 3000)),
    (("x-leadfactory-on-behalf-of", "%ff%00"),),
    (("x-leadfactory-peer", "eyJ.e30."),),
    (("x-odd-bin", b"\xff\x00"),),
)
"""What may come beside a message."""

Known = dict[str, list[str]]
"""Values that exist in the system, by their kind. It may grow while messages are drawn."""


class Manner(NamedTuple):
    """How a message is drawn."""

    known: Known
    is_fair: bool
    """Keep to the rules of each field as far as JSON Schema can say them."""


HOSTILE_TEXTS = (
    "",
    " ",
    "-",
    "*",
    ".",
    "../../etc/passwd",
    "a\0b",
    "'; DROP TABLE leads; --",
    "${jndi:ldap://x}{{7*7}}%00%n",
    "\u202egnp.exe",
    "e\u0301\ufeff\U0001f9ff",
    "xn--a",
    "a@" + "b." * 120 + "test",
    "a" * 255,
    "ü" * 70_000,
    "00000000-0000-0000-0000-000000000000",
    "ZZZZZZZZ-0000-7000-8000-000000000000",
    "9999999999999999999999",
)
# What fields of these names take, where their rules do not say it. Most requests are for a first page.
_LIKELY = {
    "domain": ("", "docs.leadfactory.test", "www.example.co.uk"),
    "etag": ("", "", "0123456789abcdef"),
    "format": ("", "csv", "ndjson", "pdf", "png"),
    "locale": ("", "en", "de"),
    "month": ("", "2026-11"),
    "order_by": ("", "created_at", "created_at desc"),
    "other_etag": ("",),
    "page_token": ("", "", "", "bm8"),
    "resume_token": ("", "", "bm8"),
    "template": ("", "website_audit", "letter"),
    "template_version": ("", "1.0.0", "2.0.0"),
    "url": ("https://docs.leadfactory.test/hook",),
}
_INTEGERS = (0, 1, 2, -1, 50, 200, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1)
_DOUBLES = (0.0, -0.0, 1.5, -1.0, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
_BLOBS = (
    b"",
    b"\0",
    b"%PDF-1.7\n%%EOF",
    b"PK\x05\x06" + b"\0" * 18,
    b"\x1f\x8b\x08\0",
    b"email\na@b.test\n",
    b"{}",
)
# What a decoder may stumble over: a tag of zero, a length beyond the end, a group, text that is not UTF-8.
_UNDECODABLE = (b"\0", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b\x0b\x0b", b"\x0a\x02\xff\xfe", b"\xff" * 11)
_UNKNOWN_FIELD = b"\xf8\xff\xff\x7f\x01"


def requests(kind: Descriptor, known: Known) -> st.SearchStrategy[bytes]:
    """Return serialised messages of a kind: mostly fair ones, some with more or less than that."""
    fair = messages(kind, Manner(known, is_fair=True)).map(_packed)
    wild = messages(kind, Manner(known, is_fair=False)).map(_packed)
    return weighted(
        (10, fair),
        (2, fair.map(lambda packed: packed + _UNKNOWN_FIELD)),
        (5, wild),
        (1, st.tuples(fair, st.integers(1, 40)).map(lambda cut: cut[0][: -cut[1]])),
        (1, st.tuples(fair, st.sampled_from(_UNDECODABLE)).map(b"".join)),
        (1, st.binary(max_size=200)),
    )


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Draw from one of several so much more often than from others; `one_of` counts each once."""
    places = [at for at, (weight, _) in enumerate(choices) for _ in range(weight)]
    return st.sampled_from(places).flatmap(lambda at: choices[at][1])


def _packed(message: Any) -> bytes:
    packed: bytes = message.SerializeToString()
    return packed


@st.composite
def messages(draw: st.DrawFn, kind: Descriptor, manner: Manner, depth: int = 0) -> Any:
    """Draw a message with all, about half or few of its fields; of a oneof the last one stays."""
    message = message_factory.GetMessageClass(kind)()
    chance = draw(st.sampled_from((100, 60, 25)))
    for field in kind.fields:
        is_needed = manner.is_fair and "REQUIRED" in _behaviours(field)
        if is_needed or (draw(st.integers(0, 99)) < chance and (depth < _DEEPEST or not field.message_type)):
            _fill(draw, message, field, manner, depth)
    return message


def _fill(draw: st.DrawFn, message: Any, field: FieldDescriptor, manner: Manner, depth: int) -> None:
    if is_map(field):
        key, value = map_parts(field)
        for _ in range(draw(st.integers(0, 3))):
            entry = draw(_scalar(key, manner))
            if value.message_type:
                getattr(message, field.name)[entry].CopyFrom(draw(_message(value, manner, depth)))
            else:
                getattr(message, field.name)[entry] = draw(_scalar(value, manner))
    elif field.is_repeated:
        one = _message(field, manner, depth) if field.message_type else _scalar(field, manner)
        items = draw(st.lists(one, max_size=3))
        is_many = not manner.is_fair and len(repr(items)) < 5000 and draw(st.integers(0, 3)) == 0
        getattr(message, field.name).extend(items * (700 if is_many else 1))
    elif field.message_type:
        getattr(message, field.name).CopyFrom(draw(_message(field, manner, depth)))
    else:
        setattr(message, field.name, draw(_scalar(field, manner)))


def _message(field: FieldDescriptor, manner: Manner, depth: int) -> st.SearchStrategy[Any]:
    kind = field.message_type
    assert kind is not None
    make = message_factory.GetMessageClass(kind)
    if kind.full_name == "google.protobuf.Timestamp":
        seconds, nanos = (0, 1_700_000_000, 1_800_000_000), (0, 1, 999_999_999)
        if not manner.is_fair:
            seconds, nanos = (*seconds, -(2**40), 253_402_300_799, 2**62), (*nanos, -1, 2**31 - 1)
        return st.builds(make, seconds=st.sampled_from(seconds), nanos=st.sampled_from(nanos))
    if kind.full_name == "google.protobuf.FieldMask":
        others = [each.message_type for each in field.containing_type.fields if each.message_type]
        paths = [each.name for other in others for each in other.fields]
        odd = () if manner.is_fair else ("*", "", "no.such", "a.b.c.d", "name,name")
        return st.lists(st.sampled_from((*paths, *odd)), max_size=3).map(lambda found: make(paths=found))
    return messages(kind, manner, depth + 1)


def _scalar(field: FieldDescriptor, manner: Manner) -> st.SearchStrategy[Any]:
    if field.enum_type:
        declared = tuple(each.number for each in field.enum_type.values)
        return st.sampled_from(declared if manner.is_fair else (*declared, 99, -1, 2**31 - 1))
    if field.type == _F.TYPE_STRING:
        return _fair_text(field, manner.known) if manner.is_fair else _any_text(field, manner.known)
    if field.type == _F.TYPE_BYTES:
        blobs = tuple(base64.b64decode(each) for each in manner.known.get(field.name, ()))
        return st.one_of(st.sampled_from((*blobs, *_BLOBS)), st.binary(max_size=300))
    if field.type == _F.TYPE_BOOL:
        return st.booleans()
    if field.type in (_F.TYPE_DOUBLE, _F.TYPE_FLOAT):
        return st.integers(0, 20).map(float) if manner.is_fair else st.sampled_from(_DOUBLES)
    return _integer(field, manner.is_fair)


def _integer(field: FieldDescriptor, is_fair: bool) -> st.SearchStrategy[int]:
    unsigned = field.type in (_F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_FIXED32, _F.TYPE_FIXED64)
    size = 32 if field.cpp_type in (_F.CPPTYPE_INT32, _F.CPPTYPE_UINT32) else 64
    least, most = (0, 2**size - 1) if unsigned else (-(2 ** (size - 1)), 2 ** (size - 1) - 1)
    if is_fair:
        rules = _rules(field)
        return st.integers(int(rules.get("minimum", 0)), int(rules.get("maximum", 100)))
    return st.sampled_from([each for each in _INTEGERS if least <= each <= most])


def _fair_text(field: FieldDescriptor, known: Known) -> st.SearchStrategy[str]:
    """Draw what exists under such a name, or what the field's rules admit."""
    rules = _rules(field)
    likely = [kind for kind in known if _means(kind, field)]
    pool = st.integers(0, 10**6).map(lambda at: _pick(known, likely, at))
    if field.name in _LIKELY:
        admitted = st.sampled_from(_LIKELY[field.name])
    elif "pattern" in rules:
        admitted = st.from_regex(rules["pattern"], fullmatch=True)
    elif rules.get("format") == "uuid":
        admitted = st.uuids().map(str)
    elif "email" in field.name:
        admitted = st.integers(0, 10**6).map(lambda number: f"lead{number}@docs.leadfactory.test")
    else:
        longest = rules.get("maxLength", 20)
        admitted = st.text("abcdefgh .-ü", min_size=rules.get("minLength", 0), max_size=longest)
    return weighted((4, pool), (1, admitted)) if likely else admitted


def _any_text(field: FieldDescriptor, known: Known) -> st.SearchStrategy[str]:
    likely = [kind for kind in known if _means(kind, field)]
    pool = st.integers(0, 10**6).map(lambda at: _pick(known, likely or list(known), at))
    return st.one_of(pool, st.sampled_from(HOSTILE_TEXTS), st.text(max_size=40))


@cache
def _rules(field: FieldDescriptor) -> dict[str, Any]:
    image = contract.image()
    return item_constraints(image, field) if field.is_repeated else constraints(image, field, is_given=True)


@cache
def _behaviours(field: FieldDescriptor) -> set[str]:
    kinds = contract.image().pool.FindEnumTypeByName("google.api.FieldBehavior").values_by_number
    return {kinds[each].name for each in contract.image().option(field, "google.api.field_behavior") or ()}


def _means(kind: str, field: FieldDescriptor) -> bool:
    """Say whether a field speaks of that kind: by its own name, or as the `id` of a request about it."""
    name, whose = field.name, field.containing_type.name.lower()
    if name in ("id", "ids", "a", "b"):
        return kind.replace("_", "") in whose
    if kind == "etag":
        return name == kind
    if kind == "digest":
        return name.endswith("sha256")
    return name in (f"{kind}_id", f"{kind}_ids", f"other_{kind}", f"{kind}_version_id")


def _pick(known: Known, kinds: list[str], at: int) -> str:
    values = [value for kind in kinds for value in known[kind]]
    return values[at % len(values)] if values else ""
