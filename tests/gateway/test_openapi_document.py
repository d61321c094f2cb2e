"""Promise: /openapi.json says who may call what, how it may fail, and shows examples that are right.

They are right by their own schemas, and to the services' own rules.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import protovalidate
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway import contract
from gateway.transcoding.bindings import ABSENT, Assembly, Binding, bindings
from gateway.transcoding.codec import Codec
from gateway.transcoding.openapi import operation_id
from protos.leadfactory.options.v1 import access_pb2, download_pb2

DOCUMENT = contract.document()


class Example(NamedTuple):
    """Where it stands, the schema that it is for, and the value."""

    place: str
    schema: dict[str, Any]
    value: Any


def examples() -> Iterator[Example]:
    for path, operations in DOCUMENT["paths"].items():
        for verb, operation in operations.items():
            for each in operation["parameters"]:
                yield from in_schema(f"{verb} {path} {each['name']}", each["schema"])
                if "example" in each:
                    yield Example(f"{verb} {path} {each['name']}", each["schema"], each["example"])
            bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                for content in body.get("content", {}).values():
                    if "example" in content:
                        yield Example(f"{verb} {path} {name}", content["schema"], content["example"])
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for member, each in schema.get("properties", {}).items():
            yield from in_schema(f"{name}.{member}", each)
    for name, response in DOCUMENT["components"]["responses"].items():
        (content,) = response["content"].values()
        yield Example(name, content["schema"], content["example"])


def in_schema(place: str, schema: dict[str, Any]) -> Iterator[Example]:
    for part in (schema, schema.get("items", {})):
        for value in part.get("examples", ()):
            yield Example(place, part, value)


def test_every_example_is_what_its_schema_says() -> None:
    wrong = []
    seen = 0
    for place, schema, value in examples():
        whole = {**schema, "components": DOCUMENT["components"]}
        seen += 1
        wrong += [
            f"{place}: {error.message}"
            for error in Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
        ]
    assert not wrong
    assert seen > 250


def routes() -> Iterator[tuple[str, Binding]]:
    seen: set[str] = set()
    for each in bindings(contract.image()):
        if each.is_servable:
            yield operation_id(each, seen), each


@pytest.mark.parametrize(("name", "binding"), list(routes()))
def test_the_example_of_a_request_is_one_that_the_service_takes(name: str, binding: Binding) -> None:
    operation = DOCUMENT["paths"][binding.template.text][binding.method.lower()]
    assert operation["operationId"] == name
    given = {
        place: {
            each["name"]: each["example"]
            for each in operation["parameters"]
            if each["in"] == place and "example" in each
        }
        for place in ("path", "query")
    }
    assert given["path"].keys() == binding.path.keys()
    query = [(key, str(value)) for key, value in given["query"].items()]
    assembly = Assembly(binding, Codec(contract.image()))
    if binding.raw_body:
        request = assembly.raw(given["path"], query, "text/csv", b"email\n")
    else:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        request = assembly.json(given["path"], query, content.get("example", ABSENT))
    protovalidate.validate(request)


def test_every_operation_says_who_may_call_it() -> None:
    for name, binding in routes():
        operation = DOCUMENT["paths"][binding.template.text][binding.method.lower()]
        rule = binding.rpc.GetOptions().Extensions[access_pb2.access]
        roles = [access_pb2.Access.Role.Name(role).lower() for role in rule.roles]
        assert operation["security"] == [{"bearer": roles}, {"session": roles}], name
        assert roles, name


def test_the_document_of_the_product_is_valid_openapi_3_1() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_download_says_what_its_bytes_are() -> None:
    """No reply is of any type: who generates a client learns whether it is a PDF or a table."""
    for name, binding in routes():
        answers = DOCUMENT["paths"][binding.template.text][binding.method.lower()]["responses"]
        kinds = {kind for answer in answers.values() for kind in answer.get("content", {})}
        assert "*/*" not in kinds, name
        assert bool(binding.rpc.GetOptions().Extensions[download_pb2.download].media_types) == (
            binding.raw_response
        ), name


def test_every_reply_says_how_often_its_reader_may_ask_and_every_operation_that_a_wrong_host_gets_421() -> (
    None
):
    limits = {"RateLimit", "RateLimit-Policy"}
    shared = DOCUMENT["components"]["responses"]
    for name, binding in routes():
        answers = DOCUMENT["paths"][binding.template.text][binding.method.lower()]["responses"]
        assert answers["200"]["headers"].keys() >= limits, name
        refusals = {code: shared[answers[code]["$ref"].rpartition("/")[2]] for code in ("421", "429")}
        assert refusals["421"]["x-reasons"] == {"PERMISSION_DENIED": ["HOST_UNKNOWN"]}, name
        assert refusals["429"]["headers"].keys() == limits | {"Retry-After"}, name
    assert DOCUMENT["components"]["headers"].keys() == limits


def test_every_failure_shows_one_of_its_reasons() -> None:
    for response in DOCUMENT["components"]["responses"].values():
        error = response["content"]["application/json"]["example"]["error"]
        assert error["details"][0]["domain"] == contract.ERROR_DOMAIN
        reasons = response["x-reasons"][error["status"]]
        assert error["details"][0]["reason"] in (reasons or [error["status"]])
        assert all(f"`{each}`" in response["description"] for each in reasons)


def test_what_an_option_lists_is_what_the_comment_promises() -> None:
    """A reason that the comment of an RPC names is among those of its option."""
    silent = {
        f"{method.name}: {word}"
        for service in contract.image().services
        for method in service.methods
        for word in re.findall(r"reason ([A-Z_]+)", contract.image().comment(method).replace("\n", " "))
        if not any(word in reasons for reasons in contract.failures(method).values())
    }
    assert not silent
