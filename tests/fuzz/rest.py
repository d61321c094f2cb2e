"""Schemathesis over the living gateway, phase by phase, until it has sent so many cases."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from schemathesis import CheckContext, HookContext, engine
from schemathesis.config import SchemathesisConfig
from schemathesis.core.deserialization import DeserializationContext
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.core.transport import Response
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.generation.case import Case

from tests.fuzz.estate import Estate
from tests.fuzz.readings import is_another_spelling

PHASES = ("examples", "coverage", "fuzzing", "stateful")

LEFT_OUT = (
    # Much of what is refused is right by its schema: a page token of another filter, a host name that IDNA
    # does not know, a report that is finished already; FAILED_PRECONDITION is a 400, too (AIP-193).
    "positive_data_acceptance",
    # There is one token, of an admin, who may see everything.
    "object_level_authorization",
    # A deleted lead can be read until it is erased (AIP-164).
    "use_after_free",
)

# Paths of their own to OpenAPI, which says nothing of PUT there. To `google.api.http` they are leads with an
# odd id as well: 400, and `Allow` lists PUT.
TWOFOLD = ("/api/leads/quick-add", "/api/leads/imports")
AT_TWOFOLD = {"unsupported_method": {"enabled": False}, "allow_header_conformance": {"enabled": False}}

FATAL = (":erase", ":merge", ":undo", ":discard", ":retire")

# Which of the known values the parameters of a path are, by how the path begins; the first one counts.
MEANINGS = (
    ("/api/leads/imports", {"path.import_id": "import"}),
    ("/api/leads/audit-log", {"path.id": "entry"}),
    ("/api/lineage/audit-log", {"path.id": "entry"}),
    ("/api/leads", {"path.id": "lead", "body.other_id": "lead", "query.import_id": "import"}),
    (
        "/api/lineage",
        {
            "path.lineage_id": "lineage",
            "path.report_id": "report",
            "query.a": "report",
            "query.b": "report",
            "query.lead_id": "lead",
            "query.pdf_sha256": "digest",
            "query.inputs_sha256": "digest",
            "query.sha256": "digest",
            "body.lead_id": "lead",
        },
    ),
    ("/api/reports", {"path.id": "report", "body.lead_id": "lead", "query.lead_id": "lead"}),
    ("/api/report-batches", {"path.id": "batch"}),
    ("/api/dead-letters", {"path.report_id": "report"}),
    (
        "/api/templates",
        {"path.id": "template", "query.a": "template", "query.b": "template", "query.report_id": "report"},
    ),
    ("/api/webhooks/{endpoint_id}", {"path.endpoint_id": "webhook", "path.id": "delivery"}),
    ("/api/webhooks", {"path.id": "webhook"}),
)


# A machine with too much to do says so and asks for patience: a reproduction that still runs, a deadline.
PASSING = (503, 504)
ASKED_AGAIN = 12
REQUEST_SECONDS = 90
PAUSE_SECONDS = 5.0


@dataclass
class Findings:
    """What a run came to."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By operation and kind: how it failed, and how to repeat it."""

    def __str__(self) -> str:
        return "\n\n".join(f"{label}: {text}" for (label, _), text in sorted(self.failures.items()))


def fuzz(estate: Estate, document: dict[str, Any], cases: int, seed: int) -> Findings:
    """Send about this many cases, a quarter for each phase; what one leaves goes to those after it."""
    found = Findings()
    for left, phase in zip(range(len(PHASES), 0, -1), PHASES, strict=True):
        share = (cases - found.cases.total()) // left
        _run(estate, shuffled(document, seed), phase, share, seed, found)
        print(f"{phase}: {found.cases[phase]} cases, {len(found.failures)} failures so far", flush=True)
    return found


def _run(
    estate: Estate, document: dict[str, Any], phase: str, share: int, seed: int, found: Findings
) -> None:
    schema = schemathesis.openapi.from_dict(document, config=_config(estate, document, phase, share, seed))

    @schema.hook
    def filter_failure(_: HookContext, failure: Failure, case: Case, response: Response) -> bool:
        if isinstance(failure, ServerError) and response.status_code in PASSING:
            return not is_answered_later(response)
        return not isinstance(failure, AcceptedNegativeData) or not is_another_spelling(case, document)

    events = engine.from_schema(schema).execute()
    for event in events:
        if isinstance(event, ScenarioFinished):
            found.cases[phase] += len(event.recorder.cases)
            answers = (each.response for each in event.recorder.interactions.values())
            found.statuses.update(each.status_code for each in answers if each is not None)
            found.failures.update(_failures(event))
            if found.cases[phase] >= share:
                events.stop()
        elif isinstance(event, NonFatalError):
            found.failures[event.label, phase] = str(event.value)


def is_answered_later(response: Response) -> bool:
    """Ask the same until it is answered; what no load but the request itself has made fails each time."""
    with requests.Session() as session:
        for _ in range(ASKED_AGAIN):
            time.sleep(PAUSE_SECONDS)
            if session.send(response.request, timeout=REQUEST_SECONDS).status_code not in PASSING:
                return True
    return False


def shuffled(document: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the document with its paths in another order: what a small share leaves out differs."""
    paths = list(document["paths"].items())
    random.Random(seed).shuffle(paths)
    return {**document, "paths": dict(paths)}


def _config(
    estate: Estate, document: dict[str, Any], phase: str, share: int, seed: int
) -> SchemathesisConfig:
    # In the document's order, but for what is stateful, which finds its own.
    phases: dict[str, dict[str, Any]] = {each: {"enabled": each == phase} for each in PHASES}
    for each in PHASES[:3]:
        phases[each]["operation-ordering"] = "none"
    operations = sum(len(each) for each in document["paths"].values())
    return SchemathesisConfig.from_dict(
        {
            "base-url": estate.url,
            "headers": {"Authorization": f"Bearer {estate.token}"},
            "seed": seed,
            # With time left, what is random goes on in further rounds until its share is used up.
            "max-time": 24 * 3600,
            # CPython 3.11 cannot compile in two threads at once: "AST constructor recursion depth mismatch".
            "workers": 1,
            "request-timeout": REQUEST_SECONDS,
            "continue-on-failure": True,
            # How long it takes to draw a case is the machine's affair.
            "suppress-health-check": ["all"],
            "checks": {name: {"enabled": False} for name in LEFT_OUT},
            "phases": phases,
            "generation": {
                "mode": "all",
                "max-examples": share if phase == "stateful" else share // operations + 4,
                "database": "none",
                "no-shrink": True,
            },
            "dictionaries": {name: {"values": list(values)} for name, values in estate.known.items()},
            "operations": list(_meanings(document)),
        }
    )


def _meanings(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, method in ((path, method) for path, each in document["paths"].items() for method in each):
        meant = next(names for start, names in MEANINGS if path.startswith(start))
        meant = {**meant, "query.page_token": "page_token", "query.etag": "etag"}
        # What is gone at the beginning cannot be asked for to the end.
        chance = 0.05 if method == "delete" or path.endswith(FATAL) else 0.7
        yield {
            "include-name": f"{method.upper()} {path}",
            "parameters": {name: {"dictionary": kind, "probability": chance} for name, kind in meant.items()},
            # Who watches has seen enough after a moment.
            "headers": {"Request-Timeout": "2"} if path.endswith(":watch") else {},
            "checks": AT_TWOFOLD if path in TWOFOLD else {},
        }


def _failures(event: ScenarioFinished) -> Iterator[tuple[tuple[str, str], str]]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            told = event.recorder.interactions[case_id].response
            answer = "" if told is None else f"{told.status_code} {told.content[:600]!r}"
            text = f"{failure.title}: {failure.message}\n{check.failure_info.code_sample}\n{answer}"
            yield (str(failure.operation), check.name), text


@schemathesis.check
def reason_conformance(_: CheckContext, response: Response, case: Case) -> None:
    """Hold a failure to the reasons that its operation lists for it."""
    told = case.operation.responses.find_by_status_code(response.status_code)
    if response.status_code < 400 or told is None or "x-reasons" not in told.definition:
        return
    error = json.loads(response.content)["error"]
    listed = told.definition["x-reasons"].get(error["status"])
    assert listed is not None, f"{error['status']} is not listed for {response.status_code}"
    reason = error["details"][0]["reason"]
    # Of what is wrong in form there are too many kinds to be listed.
    assert reason in listed or error["status"] == "INVALID_ARGUMENT", f"{reason} is not listed"


@schemathesis.deserializer("text/event-stream")
def _events(_: DeserializationContext, response: Response) -> Any:
    """Read a stream of events as the one of them that says most; a failure is of another kind."""
    told = [each for each in response.content.split(b"\n\n") if b"event: failure" not in each]
    messages = [
        json.loads(line.removeprefix(b"data: "))
        for each in told
        for line in each.splitlines()
        if line.startswith(b"data: ")
    ]
    return max(messages, key=lambda message: len(json.dumps(message)), default={})


@schemathesis.deserializer("application/x-ndjson")
def _lines(_: DeserializationContext, response: Response) -> Any:
    """Read a stream of messages as the one of them that says most: each line has the same schema."""
    lines = [json.loads(line) for line in response.content.splitlines()]
    return max(lines, key=lambda line: len(json.dumps(line)), default={})
