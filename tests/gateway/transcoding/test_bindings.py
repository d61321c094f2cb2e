"""Path, query and body fill the request that the `google.api.http` rule says, and nothing is passed over."""

from typing import Any

import pytest

from gateway.transcoding.bindings import ABSENT, Assembly, Binding, BindingError, bindings
from gateway.transcoding.codec import Codec
from gateway.transcoding.scalars import InvalidField
from gateway.transcoding.templates import TemplateError
from tests.gateway.transcoding.conftest import IMAGE, compile_text, new

BINDINGS = {str(each): each for each in bindings(IMAGE)}
FIND = BINDINGS["GET /zoo/animals"]


def fill(
    binding: Binding, *query: tuple[str, str], path: dict[str, str] | None = None, body: Any = ABSENT
) -> Any:
    return Assembly(binding, Codec(IMAGE), frozenset({"_"})).json(path or {}, list(query), body)


def test_every_rule_is_found_with_its_additional_bindings() -> None:
    assert {
        "GET /zoo/animals/{id}",
        "GET /v1/{id=cages/*/animals/*}",
        "PUT /zoo/animals/{animal.id}",
    } <= BINDINGS.keys()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("name", "Ada")], {"name": "Ada"}),
        ([("tags", "a"), ("tags", "b")], {"tags": ["a", "b"]}),
        ([("is_tame", "false")], {"is_tame": False}),
        ([("isTame", "true")], {"is_tame": True}),
        ([("diet", "HERBIVORE")], {"diet": 1}),
        ([("diet", "2")], {"diet": 2}),
        ([("diets", "HERBIVORE"), ("diets", "CARNIVORE")], {"diets": [1, 2]}),
        ([("born_after", "2020-01-01T00:00:00Z")], {"born_after": {"seconds": 1577836800}}),
        ([("max_age", "1.5s")], {"max_age": {"seconds": 1, "nanos": 500_000_000}}),
        ([("read_mask", "name,owner.full_name")], {"read_mask": {"paths": ["name", "owner.full_name"]}}),
        ([("legs", "4")], {"legs": {"value": 4}}),
        ([("legs", "0")], {"legs": {"value": 0}}),
        ([("nested.keeper_name", "Bo")], {"nested": {"keeper_name": "Bo"}}),
        ([("nested.keeperName", "Bo")], {"nested": {"keeper_name": "Bo"}}),
        ([("nested.deeper.keeper_name", "Bo")], {"nested": {"deeper": {"keeper_name": "Bo"}}}),
        ([("cage", "")], {"cage": ""}),
        ([("labels[a b]", "c"), ("labels[d]", "")], {"labels": {"a b": "c", "d": ""}}),
        ([("weight", "9007199254740993")], {"weight": 9007199254740993}),
        ([("token", "_-8=")], {"token": b"\xff\xef"}),
        ([("size", "1e3")], {"size": 1000.0}),
        ([("_", "12345")], {}),
        ([], {}),
    ],
)
def test_the_query_fills_fields_by_either_name(
    query: list[tuple[str, str]], expected: dict[str, Any]
) -> None:
    assert fill(FIND, *query) == new("FindAnimalsRequest", **expected)


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ([("nmae", "Ada")], "nmae", "UNKNOWN_PARAMETER"),
        ([("nested", "x")], "nested", "UNKNOWN_PARAMETER"),
        ([("nested.nope", "x")], "nested.nope", "UNKNOWN_PARAMETER"),
        ([("not_in_a_query", "{}")], "not_in_a_query", "UNKNOWN_PARAMETER"),
        ([("name[x]", "y")], "name[x]", "UNKNOWN_PARAMETER"),
        ([("labels", "y")], "labels", "UNKNOWN_PARAMETER"),
        ([("labels[y", "y")], "labels[y", "UNKNOWN_PARAMETER"),
        ([("labels[y]", "1"), ("labels[y]", "2")], "labels[y]", "GIVEN_TWICE"),
        ([("name", "a"), ("name", "b")], "name", "GIVEN_TWICE"),
        ([("is_tame", "true"), ("isTame", "true")], "isTame", "GIVEN_TWICE"),
        ([("is_tame", "")], "is_tame", "INVALID_VALUE"),
        ([("is_tame", "1")], "is_tame", "INVALID_VALUE"),
        ([("weight", "1.5")], "weight", "INVALID_VALUE"),
        ([("weight", str(2**63))], "weight", "INVALID_VALUE"),
        ([("size", "NaN")], "size", "NOT_FINITE"),
        ([("size", " 1")], "size", "INVALID_VALUE"),
        ([("diet", "PERCH")], "diet", "INVALID_VALUE"),
        ([("born_after", "now")], "born_after", "INVALID_VALUE"),
        ([("name", "a\0")], "name", "NUL_CHARACTER"),
        ([("labels[\0]", "a")], "labels[\0]", "NUL_CHARACTER"),
        ([("cage", "a"), ("field", "1")], "field", "ONEOF_GIVEN_TWICE"),
    ],
)
def test_a_wrong_query_is_refused_with_the_name_that_was_given(
    query: list[tuple[str, str]], field: str, reason: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        fill(FIND, *query)
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_an_unknown_parameter_is_told_which_ones_there_are() -> None:
    with pytest.raises(InvalidField, match="there are name, tags, is_tame"):
        fill(FIND, ("nmae", "x"))


def test_a_method_whose_body_is_everything_takes_no_query() -> None:
    with pytest.raises(InvalidField, match="takes a JSON body"):
        fill(BINDINGS["POST /zoo/animals"], ("name", "x"), body={})


def test_the_path_and_the_body_field_together_make_the_request() -> None:
    update = BINDINGS["PUT /zoo/animals/{animal.id}"]
    made = fill(update, path={"animal.id": "7"}, body={"name": "Ada", "owner": {"fullName": "Bo"}})
    assert made == new("UpdateAnimalRequest", animal={"id": "7", "name": "Ada", "owner": {"full_name": "Bo"}})


def test_a_body_may_repeat_what_the_path_says_but_not_contradict_it() -> None:
    update = BINDINGS["PUT /zoo/animals/{animal.id}"]
    assert fill(update, path={"animal.id": "7"}, body={"id": "7"}).animal.id == "7"
    with pytest.raises(InvalidField) as caught:
        fill(update, path={"animal.id": "7"}, body={"id": "8"})
    assert (caught.value.field, caught.value.reason) == ("animal.id", "PATH_AND_BODY_DIFFER")


def test_a_body_field_cannot_be_given_in_the_query_too() -> None:
    update = BINDINGS["PUT /zoo/animals/{animal.id}"]
    for name in ("animal.name", "animal.id"):
        with pytest.raises(InvalidField, match="there are update_mask"):
            fill(update, (name, "x"), path={"animal.id": "7"}, body={})


def test_a_wrong_value_in_a_body_field_is_named_from_the_request() -> None:
    with pytest.raises(InvalidField) as caught:
        fill(BINDINGS["PUT /zoo/animals/{animal.id}"], path={"animal.id": "7"}, body={"owner": {"nope": 1}})
    assert caught.value.field == "animal.owner.nope"


def test_a_patch_changes_what_its_body_holds_unless_it_says_otherwise() -> None:
    patch = BINDINGS["PATCH /zoo/animals/{animal.id}"]
    body = {"name": "Ada", "owner": {"fullName": ""}, "notes": {"x": 1}, "children": []}
    derived = fill(patch, path={"animal.id": "7"}, body=body)
    assert list(derived.update_mask.paths) == ["name", "owner.full_name", "notes", "children"]
    explicit = fill(patch, ("update_mask", "diet"), path={"animal.id": "7"}, body=body)
    assert list(explicit.update_mask.paths) == ["diet"]


def test_an_empty_body_is_an_empty_message() -> None:
    assert fill(BINDINGS["POST /zoo/animals"]) == new("Animal")


RULE = """
syntax = "proto3";
package bad;
import "google/api/annotations.proto";
message M {{ string id = 1; repeated string many = 2; M m = 3; }}
service S {{ rpc Go(M) returns (M) {{ option (google.api.http) = {{ {rule} }}; }} }}
"""


@pytest.mark.parametrize(
    "rule",
    [
        'get: "/{nope}"',
        'get: "/{many}"',
        'get: "/{m}"',
        'get: "/{id.x}"',
        'get: "no-slash"',
        'post: "/x" body: "nope"',
        'get: "/x" response_body: "nope"',
        'body: "*"',
    ],
)
def test_a_rule_that_cannot_work_is_a_start_up_error(rule: str) -> None:
    with pytest.raises(TemplateError):
        list(bindings(compile_text(RULE.format(rule=rule))))


def test_a_rule_may_use_a_method_of_its_own() -> None:
    (only,) = bindings(compile_text(RULE.format(rule='custom: {kind: "purge" path: "/x"}')))
    assert str(only) == "PURGE /x"
    assert issubclass(BindingError, TemplateError)
