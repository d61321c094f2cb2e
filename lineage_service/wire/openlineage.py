"""A lineage as an OpenLineage RunEvent (https://openlineage.io/spec/2-0-2).

The run is the report, the job its template. Inputs are the lead, in the version that the report saw, and the
template bundle; the output is the PDF, if there is one. Versions are digests: equal versions are equal bytes.
"""

from datetime import datetime
from typing import Any

import orjson
from google.api.httpbody_pb2 import HttpBody

from lineage_service.domain import Lineage

PRODUCER = "urn:leadfactory:lineage:1"
CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
FACETS = "https://openlineage.io/spec/facets"

Facet = dict[str, Any]


def body(lineage: Lineage) -> HttpBody:
    """Write the event."""
    return HttpBody(content_type="application/json", data=orjson.dumps(event(lineage)))


def event(lineage: Lineage) -> dict[str, Any]:
    """Return the event that says how the report ended."""
    facts = lineage.facts
    template, _, version = facts.template_version_id.partition("@")
    return {
        "eventType": "COMPLETE" if facts.pdf_sha256 else "FAIL",
        "eventTime": _time(facts.ended_at),
        "producer": PRODUCER,
        "schemaURL": f"{CORE}/RunEvent",
        "run": {
            "runId": str(facts.report_id),
            "facets": {
                "leadfactory_lineage": _facet(
                    f"{CORE}/RunFacet",
                    lineageId=str(facts.lineage_id),
                    pipelineRunId=facts.pipeline_run_id,
                    startTime=_time(facts.started_at),
                    endTime=_time(facts.ended_at),
                    environmentSha256=facts.environment_digest.hex(),
                    createdBy=facts.created_by,
                )
            },
        },
        "job": {
            "namespace": "leadfactory",
            "name": template,
            "facets": {
                "jobType": _facet(
                    f"{FACETS}/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
                    processingType="BATCH",
                    integration="LEADFACTORY",
                    jobType="REPORT",
                )
            },
        },
        "inputs": [
            _dataset(
                "leadfactory/leads",
                str(facts.lead_id),
                facts.inputs_sha256,
                leadfactory_inputs=_facet(f"{CORE}/DatasetFacet", sizeBytes=facts.inputs_size),
            ),
            _dataset(
                "leadfactory/templates",
                template,
                facts.template_digest,
                leadfactory_template=_facet(f"{CORE}/DatasetFacet", semanticVersion=version),
            ),
        ],
        "outputs": [_dataset("leadfactory/reports", str(facts.report_id), facts.pdf_sha256)]
        if facts.pdf_sha256
        else [],
    }


def _dataset(namespace: str, name: str, sha256: bytes, **facets: Facet) -> dict[str, Any]:
    schema = f"{FACETS}/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
    version = _facet(schema, datasetVersion=f"sha256:{sha256.hex()}")
    return {"namespace": namespace, "name": name, "facets": {"version": version, **facets}}


def _facet(schema: str, **values: object) -> Facet:
    return {"_producer": PRODUCER, "_schemaURL": schema, **values}


def _time(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
