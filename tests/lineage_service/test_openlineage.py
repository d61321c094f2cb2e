"""Promise: a lineage is told in the words of OpenLineage, valid by its official schemas."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from lineage_service.domain import Lineage as Record
from lineage_service.wire.openlineage import event
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from tests.lineage_service.builders import NOON, Sent, a_report, digest
from tests.lineage_service.conftest import Lineage

SCHEMAS = [
    json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "openlineage").glob("*.json"))
]
REGISTRY: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS]
)


def check(value: Any, schema: str) -> None:
    """Hold a value against a schema by its address."""
    jsonschema.Draft202012Validator(
        {"$ref": schema}, registry=REGISTRY, format_checker=jsonschema.FormatChecker()
    ).validate(value)


def check_whole(value: dict[str, Any]) -> None:
    """Hold an event against the schema it names, and each facet against its own."""
    check(value, value["schemaURL"])
    check(value, "https://openlineage.io/spec/2-0-2/OpenLineage.json")
    for holder in (value["run"], value["job"], *value["inputs"], *value["outputs"]):
        for facet in holder["facets"].values():
            check(facet, facet["_schemaURL"])


def told(sent: Sent) -> dict[str, Any]:
    return event(Record(sent.facts, len(sent.log), digest(sent.parts[0]), NOON))


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"pdf_sha256": b""},
        {"template_version_id": "no version", "pipeline_run_id": 'a/b \u2028 "c"'},
        {"started_at": NOON.replace(microsecond=0), "ended_at": NOON + timedelta(days=3000)},
    ],
)
def test_every_event_is_valid_by_the_official_schemas(facts: dict[str, Any]) -> None:
    check_whole(json.loads(json.dumps(told(a_report(**facts)))))


def test_the_check_is_one() -> None:
    whole = told(a_report())
    for wrong in ({"eventType": "DONE"}, {"run": {"runId": "seven"}}, {"job": {}}):
        with pytest.raises(jsonschema.ValidationError):
            check_whole(whole | wrong)
    del whole["inputs"][0]["facets"]["version"]["datasetVersion"]
    with pytest.raises(jsonschema.ValidationError):
        check_whole(whole)


def test_versions_are_the_digests_that_lineage_keeps() -> None:
    sent = a_report()
    facts, whole = sent.facts, told(sent)
    assert whole["run"]["runId"] == whole["outputs"][0]["name"] == str(facts.report_id)
    assert [
        each["facets"]["version"]["datasetVersion"] for each in (*whole["inputs"], *whole["outputs"])
    ] == [f"sha256:{value.hex()}" for value in (facts.inputs_sha256, facts.template_digest, facts.pdf_sha256)]
    assert whole["job"]["name"] == "website_audit"


def test_a_generation_that_failed_has_no_output() -> None:
    failed = told(a_report(pdf_sha256=b""))
    assert (failed["eventType"], failed["outputs"]) == ("FAIL", [])
    assert told(a_report())["eventType"] == "COMPLETE"


async def test_it_is_read_like_the_record_and_noted(lineage: Lineage) -> None:
    sent = a_report()
    await lineage.record(sent)
    reply = await lineage.stub.GetOpenLineage(
        pb.GetOpenLineageRequest(lineage_id=str(sent.facts.lineage_id)),
        metadata=lineage.person("ada", "viewer"),
    )
    assert reply.content_type == "application/json"
    check_whole(json.loads(reply.data))
    assert await lineage.accesses() == [("ada", "VIEW", None)]
