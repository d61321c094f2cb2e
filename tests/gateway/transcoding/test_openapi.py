"""The OpenAPI document is valid and says what the routes do."""

from importlib import resources
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.transcoding import Image
from gateway.transcoding.openapi import document
from tests.gateway.transcoding.conftest import IMAGE

PRODUCT = Image(resources.files("protos").joinpath("leadfactory.binpb").read_bytes())
SECURITY = {"bearer": {"type": "http", "scheme": "bearer"}}


def made(image: Image) -> Any:
    return document(image, title="Zoo", version="v1", security=SECURITY)


@pytest.mark.parametrize("image", [IMAGE, PRODUCT], ids=["zoo", "product"])
def test_the_document_is_valid_openapi_3_1(image: Image) -> None:
    assert list(OpenAPIV31SpecValidator(made(image)).iter_errors()) == []


def test_every_operation_has_an_id_of_its_own() -> None:
    operations = [each for path in made(IMAGE)["paths"].values() for each in path.values()]
    ids = [each["operationId"] for each in operations]
    assert "Zoo_GetAnimal" in ids
    assert "Zoo_GetAnimal2" in ids
    assert len(ids) == len(set(ids))


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
