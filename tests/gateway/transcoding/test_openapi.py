"""The OpenAPI document is valid and says what the routes do."""

import re
from importlib import resources
from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.transcoding import Image
from gateway.transcoding.answers import Download, Failures, Reasons, Replies
from gateway.transcoding.openapi import document
from tests.gateway.transcoding.conftest import IMAGE

PRODUCT = Image(resources.files("protos").joinpath("leadfactory.binpb").read_bytes())
SECURITY = {"bearer": {"type": "http", "scheme": "bearer"}}


def made(image: Image, everywhere: Any = ()) -> Any:
    failures = Failures("zoo", everywhere=everywhere)
    return document(image, title="Zoo", version="v1", security=SECURITY, failures=failures)


@pytest.mark.parametrize("image", [IMAGE, PRODUCT], ids=["zoo", "product"])
def test_the_document_is_valid_openapi_3_1(image: Image) -> None:
    assert list(OpenAPIV31SpecValidator(made(image)).iter_errors()) == []


def test_every_operation_has_an_id_of_its_own() -> None:
    operations = [each for path in made(IMAGE)["paths"].values() for each in path.values()]
    ids = [each["operationId"] for each in operations]
    assert "Zoo_GetAnimal" in ids
    assert "Zoo_GetAnimal2" in ids
    assert len(ids) == len(set(ids))


def test_a_method_s_failures_are_listed_with_their_reasons() -> None:
    def own(method: MethodDescriptor) -> Reasons:
        return {"NOT_FOUND": (), "ABORTED": ("ETAG_MISMATCH",)} if method.name == "UpdateCage" else {}

    failures = Failures("zoo", own, ((403, "PERMISSION_DENIED", ("FENCED",)),))
    found = document(IMAGE, title="Zoo", version="v1", failures=failures)
    answers = {
        code: found["components"]["responses"][each["$ref"].rpartition("/")[2]]["x-reasons"]
        for code, each in found["paths"]["/zoo/cages/{id}"]["patch"]["responses"].items()
        if "$ref" in each
    }
    assert answers["400"] == {"INVALID_ARGUMENT": []}
    assert answers["403"] == {"PERMISSION_DENIED": ["FENCED"]}
    assert answers["404"] == {"NOT_FOUND": ["NOT_FOUND", "PATH_UNKNOWN"]}
    assert answers["409"] == answers["412"] == {"ABORTED": ["ETAG_MISMATCH"]}
    assert {"408", "413", "415", "429", "500", "503", "504"} <= answers.keys()
    # A method that takes no body cannot be sent a wrong one.
    assert not {"409", "412", "415"} & found["paths"]["/zoo/cages/{id}"]["get"]["responses"].keys()


def test_headers_that_are_asked_with_and_borne_by_replies_are_listed() -> None:
    paths = made(IMAGE)["paths"]
    asked = [each["name"] for each in paths["/zoo/animals/{id}/photo"]["get"]["parameters"]]
    assert asked == ["id", "If-None-Match", "Range", "If-Range"]
    photo = paths["/zoo/animals/{id}/photo"]["get"]["responses"]
    assert {"200", "206", "304", "416"} <= photo.keys()
    assert "Content-Range" in photo["206"]["headers"]
    cage = paths["/zoo/cages/{id}"]["get"]["responses"]
    assert "ETag" in cage["200"]["headers"]
    assert "content" not in cage["304"]
    shared = made(IMAGE)["components"]["responses"]
    assert "Retry-After" in shared["TooMany"]["headers"]
    assert (
        "WWW-Authenticate"
        in made(PRODUCT, [(401, "UNAUTHENTICATED", ["NOBODY"])])["components"]["responses"][
            "Unauthenticated"
        ]["headers"]
    )


def test_the_application_says_what_downloads_are_and_which_headers_it_adds() -> None:
    replies = Replies(lambda _: Download(("image/png",), has_parts=False), {"X-Zoo": {"schema": {}}})
    found = document(IMAGE, title="Zoo", version="v1", replies=replies)
    photo = found["paths"]["/zoo/animals/{id}/photo"]["get"]
    assert [each["name"] for each in photo["parameters"]] == ["id"]
    assert photo["responses"]["200"]["content"].keys() == {"image/png"}
    assert photo["responses"]["200"]["headers"].keys() == {"Content-Disposition", "X-Zoo"}
    assert not {"206", "304", "416"} & photo["responses"].keys()
    cage = found["paths"]["/zoo/cages/{id}"]["get"]["responses"]
    assert cage["304"]["headers"].keys() == cage["200"]["headers"].keys() == {"ETag", "X-Zoo"}
    assert found["components"]["responses"]["TooMany"]["headers"].keys() == {"Retry-After", "X-Zoo"}
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []


def test_headers_that_mean_a_field_have_its_limits_and_their_own_form() -> None:
    parameters = made(PRODUCT)["paths"]["/api/leads/{id}"]["delete"]["parameters"]
    (key,) = [each["schema"] for each in parameters if each["name"] == "Idempotency-Key"]
    (tag,) = [each["schema"] for each in parameters if each["name"] == "If-Match"]
    assert key["maxLength"] == 200
    assert [bool(re.search(key["pattern"], text)) for text in ("a b", "", " ", "ü")] == [
        True,
        False,
        False,
        False,
    ]
    assert [bool(re.search(tag["pattern"], text)) for text in ('"a"', "*", "a", 'W/"a"', "a,b", '"', "")] == [
        *[True] * 4,
        *[False] * 3,
    ]


def test_a_body_is_required_if_anything_in_it_is() -> None:
    paths = made(PRODUCT)["paths"]
    assert paths["/api/leads"]["post"]["requestBody"]["required"] is True
    assert paths["/api/reports/{id}:cancel"]["post"]["requestBody"]["required"] is False


def test_what_is_required_and_has_no_presence_is_not_empty() -> None:
    schemas = made(PRODUCT)["components"]["schemas"]
    assert schemas["CreateTemplateVersionRequest"]["properties"]["archive"]["minLength"] == 1
    assert schemas["CreateLeadRequest"]["properties"]["email"]["minLength"] == 1


def test_what_streams_from_the_client_is_not_offered() -> None:
    assert "/zoo/feed" not in made(IMAGE)["paths"]


def test_comments_and_field_behaviour_are_carried_over() -> None:
    found = made(IMAGE)
    animal = found["components"]["schemas"]["Animal"]
    assert animal["description"] == "Something that lives here."
    assert animal["properties"]["id"] == {
        "type": "string",
        "description": "Given by the zoo.",
        "readOnly": True,
    }
    assert animal["required"] == ["name"]
    assert "- `HERBIVORE`: Eats plants." in found["components"]["schemas"]["Animal.Diet"]["description"]
    operation = found["paths"]["/zoo/animals/{id}"]["get"]
    assert operation["summary"] == "Returns an animal"
    assert operation["description"].endswith("Fails with NOT_FOUND if it has left.")


def test_parameters_are_those_that_neither_path_nor_body_fills() -> None:
    paths = made(IMAGE)["paths"]
    names = [each["name"] for each in paths["/zoo/animals"]["get"]["parameters"]]
    assert names[:3] == ["name", "tags", "is_tame"]
    assert "nested.keeper_name" in names
    assert "not_in_a_query" not in names
    assert [each["name"] for each in paths["/zoo/animals/{animal.id}"]["put"]["parameters"]] == [
        "animal.id",
        "update_mask",
    ]
    move = paths["/zoo/animals/{id}:move"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(move["properties"]) == ["cage"]


def test_validation_rules_become_json_schema() -> None:
    found = made(PRODUCT)
    schemas = found["components"]["schemas"]
    assert schemas["CreateLeadRequest"]["properties"]["email"]["maxLength"] == 254
    assert schemas["CreateLeadRequest"]["required"] == ["email"]
    assert schemas["GenerateReportRequest"]["properties"]["lead_id"]["format"] == "uuid"
    assert schemas["GenerateReportRequest"]["properties"]["template"]["pattern"] == "^([a-z][a-z0-9_]*)?$"
    (part,) = [
        each
        for each in found["paths"]["/api/lineage/{lineage_id}/download"]["get"]["parameters"]
        if each["in"] == "query"
    ]
    assert (part["schema"]["minimum"], part["schema"]["maximum"]) == (0, 128)


def test_a_change_may_leave_out_what_a_reply_promises() -> None:
    paths = made(PRODUCT)["paths"]["/api/leads/{id}"]
    bodies = {
        method: paths[method]["requestBody"]["content"]["application/json"]["schema"]
        for method in ("put", "patch")
    }
    assert bodies["put"]["required"] == ["email"]
    assert "required" not in bodies["patch"]
    assert bodies["patch"]["properties"]["created_by"]["readOnly"]
    assert bodies["patch"]["additionalProperties"] is False


def test_a_reply_promises_every_field_without_presence() -> None:
    lead = made(PRODUCT)["components"]["schemas"]["Lead"]
    assert {"id", "email", "facts", "enrichment_status"} <= set(lead["required"])
    assert "enriched_at" not in lead["required"]
