"""The compiled codec says what protobuf's own JSON says, for every kind of field, and refuses more."""

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.transcoding import Image
from gateway.transcoding.codec import MAXIMUM_DEPTH, Codec, class_of, parse
from gateway.transcoding.scalars import InvalidField
from gateway.transcoding.wellknown import Unprintable
from tests.gateway.transcoding.conftest import IMAGE, new
from tests.gateway.transcoding.messages import messages

PRODUCT = Image(resources.files("protos").joinpath("leadfactory.binpb").read_bytes())
CODECS = {id(image): Codec(image) for image in (IMAGE, PRODUCT)}


def types_of(image: Image, prefixes: tuple[str, ...]) -> list[tuple[Image, Descriptor]]:
    found = []

    def walk(kind: Descriptor) -> None:
        if not kind.GetOptions().map_entry:
            found.append((image, kind))
        for inner in kind.nested_types:
            walk(inner)

    files = {service.file.name: service.file for service in image.services}
    for name in (
        "google/protobuf/wrappers.proto",
        "google/rpc/error_details.proto",
        "google/rpc/status.proto",
        "old.proto",
    ):
        try:
            files[name] = image.pool.FindFileByName(name)
        except KeyError:
            continue
    for file in files.values():
        for kind in file.message_types_by_name.values():
            if kind.full_name.startswith(prefixes):
                walk(kind)
    return found


EVERY_TYPE = types_of(IMAGE, ("zoo.", "google.rpc.")) + types_of(PRODUCT, ("leadfactory.",))
each_type = pytest.mark.parametrize(
    ("image", "kind"), EVERY_TYPE, ids=[kind.full_name for _, kind in EVERY_TYPE]
)


def differential(kind: Descriptor) -> settings:
    """Look longest at the message that has everything."""
    examples = 150 if kind.name == "Kinds" else 20
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow])


def reference(message: Any, image: Image) -> Any:
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        descriptor_pool=image.pool,
    )


@each_type
def test_every_message_is_printed_as_protobuf_prints_it(image: Image, kind: Descriptor) -> None:
    codec = CODECS[id(image)]

    @differential(kind)
    @given(messages(kind))
    def check(message: Any) -> None:
        assert json.loads(codec.write(message)) == reference(message, image)

    check()


@each_type
def test_every_message_is_read_from_either_spelling(image: Image, kind: Descriptor) -> None:
    codec = CODECS[id(image)]

    @differential(kind)
    @given(messages(kind, finite=True), st.booleans())
    def check(message: Any, snake_case: bool) -> None:
        text = json_format.MessageToJson(
            message, preserving_proto_field_name=snake_case, descriptor_pool=image.pool, ensure_ascii=False
        )
        found = class_of(kind)()
        codec.read(text.encode(), found)
        assert found == message

    check()


@each_type
def test_every_message_is_read_back_as_it_was_printed(image: Image, kind: Descriptor) -> None:
    codec = CODECS[id(image)]

    @differential(kind)
    @given(messages(kind, finite=True))
    def check(message: Any) -> None:
        found = class_of(kind)()
        codec.read(codec.write(message), found)
        assert found == message

    check()


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "1", "-1", "1.5", "a", "NaN", "HERBIVORE", "2020-01-01T00:00:00Z", "1s", "YQ==", "\0", "true"]
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "1", "true", "name", "@type"]), inner, max_size=2)
    ),
    max_leaves=4,
)
FIELDS = [field.name for field in new("Kinds").DESCRIPTOR.fields]


@settings(max_examples=600)
@given(st.sampled_from(FIELDS), JSON_VALUES)
def test_what_is_accepted_is_what_protobuf_accepts_or_is_refused_by_name(name: str, value: Any) -> None:
    found, expected = new("Kinds"), new("Kinds")
    wrong = refusal({name: value}, found)
    if wrong:
        assert wrong.field.startswith(name)
        assert wrong.description
        assert wrong.reason
        return
    # The reference has no way to put a null into a list of values.
    assume(not (name == "r_value" and value is None))
    json_format.ParseDict({name: value}, expected, descriptor_pool=IMAGE.pool)
    assert found == expected


def refusal(value: Any, message: Any) -> InvalidField | None:
    try:
        CODECS[id(IMAGE)].fill(value, message)
    except InvalidField as wrong:
        return wrong
    return None


REFUSED: list[tuple[Any, str, str]] = [
    ({"nope": 1}, "nope", "UNKNOWN_FIELD"),
    ({"kinds": {"r_kinds": [{}, {"nope": 1}]}}, "kinds.r_kinds[1].nope", "UNKNOWN_FIELD"),
    ({"m_kinds": {"k": {"nope": 1}}}, 'm_kinds["k"].nope', "UNKNOWN_FIELD"),
    ({"f_string": "a\0b"}, "f_string", "NUL_CHARACTER"),
    ({"m_string": {"a\0": ""}}, 'm_string["a\0"]', "NUL_CHARACTER"),
    ({"struct": {"a": ["\0"]}}, "struct", "NUL_CHARACTER"),
    ({"struct": {"\0": 1}}, "struct", "NUL_CHARACTER"),
    ({"f_string": 1}, "f_string", "INVALID_VALUE"),
    ({"f_double": "NaN"}, "f_double", "NOT_FINITE"),
    ({"f_float": "-Infinity"}, "f_float", "NOT_FINITE"),
    ({"w_double": "Infinity"}, "w_double", "NOT_FINITE"),
    ({"f_float": 1e39}, "f_float", "INVALID_VALUE"),
    ({"f_int32": 2**31}, "f_int32", "INVALID_VALUE"),
    ({"f_uint32": -1}, "f_uint32", "INVALID_VALUE"),
    ({"f_int32": 1.5}, "f_int32", "INVALID_VALUE"),
    ({"f_int32": True}, "f_int32", "INVALID_VALUE"),
    ({"f_int64": "1_000"}, "f_int64", "INVALID_VALUE"),
    ({"f_int64": "٣"}, "f_int64", "INVALID_VALUE"),
    ({"f_bool": "true"}, "f_bool", "INVALID_VALUE"),
    ({"f_bytes": "*"}, "f_bytes", "INVALID_VALUE"),
    ({"f_enum": "PERCH"}, "f_enum", "INVALID_VALUE"),
    ({"r_int32": [1, None]}, "r_int32[1]", "INVALID_VALUE"),
    ({"r_int32": 1}, "r_int32", "INVALID_VALUE"),
    ({"m_int32": {"a": 1}}, 'm_int32["a"]', "INVALID_VALUE"),
    ({"kinds": []}, "kinds", "INVALID_VALUE"),
    ({"c_int32": 1, "c_string": "a"}, "c_string", "ONEOF_GIVEN_TWICE"),
    ({"snake_case_name": "a", "snakeCaseName": "b"}, "snakeCaseName", "GIVEN_TWICE"),
    ({"timestamp": "yesterday"}, "timestamp", "INVALID_VALUE"),
    ({"timestamp": "2023-02-29T00:00:00Z"}, "timestamp", "INVALID_VALUE"),
    ({"timestamp": "0001-01-01T00:00:00+01:00"}, "timestamp", "INVALID_VALUE"),
    ({"timestamp": 5}, "timestamp", "INVALID_VALUE"),
    ({"duration": "1"}, "duration", "INVALID_VALUE"),
    ({"duration": "315576000000.1s"}, "duration", "INVALID_VALUE"),
    ({"mask": "a b"}, "mask", "INVALID_VALUE"),
    ({"any": {"@type": "example.com/no.Such"}}, "any.@type", "UNKNOWN_TYPE"),
    ({"any": {"name": 1}}, "any.@type", "UNKNOWN_TYPE"),
    ([], "", "INVALID_VALUE"),
]


@pytest.mark.parametrize(("value", "field", "reason"), REFUSED)
def test_a_wrong_value_is_refused_with_its_path(codec: Codec, value: Any, field: str, reason: str) -> None:
    with pytest.raises(InvalidField) as caught:
        codec.fill(value, new("Kinds"))
    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"a":NaN}', b"\xff", b'"\\ud800"', b"{}x", b'"a\x00"', b"[" * 5000, b"\xef\xbb\xbf{}"],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidField, match="not JSON"):
        parse(text)


def nested(levels: int, make: Callable[[Any], Any]) -> Any:
    value: Any = make(None)
    for _ in range(levels):
        value = make(value)
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: {"kinds": inner or {}},
        lambda inner: {"r_kinds": [inner or {}]},
        lambda inner: {"m_kinds": {"k": inner or {}}},
    ],
)
def test_messages_nest_as_deep_as_the_other_end_can_parse_and_no_deeper(codec: Codec, make: Any) -> None:
    with pytest.raises(InvalidField, match="too deeply"):
        codec.fill(nested(MAXIMUM_DEPTH + 1, make), new("Kinds"))
    message = new("Kinds")
    codec.fill(nested(MAXIMUM_DEPTH // 2 - 1, make), message)
    class_of(message.DESCRIPTOR).FromString(message.SerializeToString())


@pytest.mark.parametrize("make", [lambda inner: {"a": inner}, lambda inner: [inner]])
@pytest.mark.parametrize("field", ["value", "struct", "list"])
def test_json_in_a_struct_that_is_accepted_can_be_parsed_at_the_other_end(make: Any, field: str) -> None:
    wrap: Any = {"value": lambda v: v, "struct": lambda v: {"x": v}, "list": lambda v: [v]}[field]
    accepted = 0
    for levels in range(60):
        message = new("Kinds")
        if wrong := refusal({field: wrap(nested(levels, make))}, message):
            assert wrong.reason == "NESTED_TOO_DEEPLY"
            break
        class_of(message.DESCRIPTOR).FromString(message.SerializeToString())
        accepted = levels
    assert accepted > 20


def test_null_means_not_given_except_where_null_is_a_value(codec: Codec) -> None:
    message = new("Kinds")
    codec.fill({"f_int32": None, "kinds": None, "value": None, "c_null": None, "r_value": [None]}, message)
    assert message.value.WhichOneof("kind") == "null_value"
    assert message.WhichOneof("choice") == "c_null"
    assert not message.HasField("kinds")
    assert len(message.r_value) == 1


def test_numbers_may_come_as_text_and_long_integers_leave_as_text(codec: Codec) -> None:
    message = new("Kinds")
    codec.fill({"f_int32": "7", "f_int64": 8.0, "f_double": "1.5", "f_enum": 1}, message)
    tree = codec.tree(message)
    assert (tree["f_int32"], tree["f_int64"], tree["f_double"], tree["f_enum"]) == (7, "8", 1.5, "HERBIVORE")


def test_a_field_mask_is_printed_as_the_fields_are_and_read_in_both_spellings(codec: Codec) -> None:
    for given_mask in ("snake_case_name,kinds.f_int32", "snakeCaseName,kinds.fInt32"):
        message = new("Kinds")
        codec.fill({"mask": given_mask}, message)
        assert list(message.mask.paths) == ["snake_case_name", "kinds.f_int32"]
        assert codec.tree(message)["mask"] == "snake_case_name,kinds.f_int32"


def test_an_any_of_an_unknown_type_keeps_its_bytes(codec: Codec) -> None:
    message = new("google.protobuf.Any", type_url="example.com/no.Such", value=b"\x01\x02")
    assert codec.tree(message) == {"@type": "example.com/no.Such", "value": "AQI="}


def test_an_any_whose_bytes_are_not_its_type_keeps_its_bytes(codec: Codec) -> None:
    message = new("google.protobuf.Any", type_url="x/google.protobuf.Duration", value=b"\xff")
    assert codec.tree(message) == {"@type": "x/google.protobuf.Duration", "value": "/w=="}


@pytest.mark.parametrize(
    "values",
    [
        {"timestamp": {"seconds": 10**12}},
        {"timestamp": {"nanos": -1}},
        {"duration": {"seconds": 1, "nanos": -1}},
        {"value": {"number_value": float("nan")}},
    ],
)
def test_a_reply_without_a_json_form_is_an_error_and_not_a_wrong_value(codec: Codec, values: Any) -> None:
    with pytest.raises(Unprintable):
        codec.write(new("Kinds", **values))


def test_a_closed_enum_takes_no_unknown_number_and_a_default_is_kept_apart(codec: Codec) -> None:
    message = new("zoo.old.Old")
    assert codec.tree(message) == {"many": []}
    codec.fill({"closed": "B", "inner": {"text": "x"}, "many": [1, "B"]}, message)
    assert codec.tree(message) == {"closed": "B", "inner": {"text": "x"}, "many": ["A", "B"]}
    with pytest.raises(InvalidField, match="A, B"):
        codec.fill({"closed": 9}, new("zoo.old.Old"))


def test_a_name_of_a_megabyte_is_not_echoed(codec: Codec) -> None:
    with pytest.raises(InvalidField) as caught:
        codec.read(orjson.dumps({"x" * 1_000_000: 1}), new("Kinds"))
    assert len(str(caught.value)) < 200
