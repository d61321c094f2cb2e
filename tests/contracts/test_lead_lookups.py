"""Promise: EnrichLead, AcceptSuggestion and DismissSuggestion do what the proto's comments say."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from lead_service.enrichment import enrich
from lead_service.facts import EnrichmentTask, Fact, FactState, Observation, Subject
from lead_service.memory import MemoryLeadStores
from lead_service.quota import Quota
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.database import Database
from services.identity import Actor
from tests.fixtures.rpc import Reply, TestingServer

SERVICE = pb.DESCRIPTOR.services_by_name["LeadService"]
ADA = Actor("ada", frozenset({"operator"}))
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
STATUS = pb.Lead.EnrichmentStatus
STATE = pb.Suggestion.State
NOBODY = "018f0000-0000-7000-8000-000000000000"
Call = Callable[[str, Any], Reply]


class Homepage:
    """A home page that calls itself what it is told, and leads where it is told."""

    name = "homepage"
    timeout_seconds = 1.0

    def __init__(self, organisation: str, final_url: str = "https://example.com/") -> None:
        self.organisation, self.final_url = organisation, final_url

    async def look_up(self, subject: Subject) -> list[Fact]:
        seen = Observation(self.name, f"https://{subject.domain}/", "HTTP GET", NOW, b"page")
        return [
            seen.found("organisation", [f"name: {self.organisation}"]),
            seen.found("final_url", [self.final_url]),
        ]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        return []


@pytest.fixture
def stores() -> MemoryLeadStores:
    return MemoryLeadStores()


@pytest.fixture
def clock() -> Callable[[], datetime]:
    moments = (NOW + timedelta(seconds=number) for number in range(1000))
    return lambda: next(moments)


@pytest.fixture
def call(
    stores: MemoryLeadStores,
    clock: Callable[[], datetime],
    testing_server: Callable[..., TestingServer],
) -> Call:
    nowhere = Database("postgresql://nowhere.invalid/lead", name="test")
    server = testing_server(SERVICE, LeadServicer(stores, clock, records(nowhere), Quota(hourly=10)))
    return lambda method, request: server.call(method, request, ADA)


@pytest.fixture
def look_up(stores: MemoryLeadStores, call: Call, clock: Callable[[], datetime]) -> Callable[..., pb.Lead]:
    """Carry out a lead's look-up, and return the lead."""

    def run(lead: pb.Lead, *page: str) -> pb.Lead:
        carried_out = enrich(
            stores,
            [Homepage(*page)],
            UUID(lead.id),
            lead.enrichment_task_id,
            budget_seconds=1,
            clock=clock,
        )
        asyncio.run(carried_out)
        stores.jobs.pop(lead.enrichment_task_id)
        found: pb.Lead = call("GetLead", pb.GetLeadRequest(id=lead.id)).message
        assert found.enrichment_status == STATUS.COMPLETED
        return found

    return run


@pytest.fixture
def added(call: Call) -> pb.Lead:
    lead: pb.Lead = call("QuickAddLead", pb.QuickAddLeadRequest(email="ada@example.com")).message
    return lead


def reason(reply: Reply) -> tuple[grpc.StatusCode, str]:
    status = status_pb2.Status()
    status.ParseFromString(dict(reply.trailing_metadata)["grpc-status-details-bin"])
    found = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(found)
    return reply.code, found.reason


def test_a_lead_is_looked_up_again_and_keeps_its_facts_meanwhile(
    call: Call, look_up: Callable[..., pb.Lead], stores: MemoryLeadStores, added: pb.Lead
) -> None:
    done = look_up(added, "Example")
    again = call("EnrichLead", pb.EnrichLeadRequest(id=added.id, etag=done.etag)).message
    assert again.enrichment_status == STATUS.PENDING
    assert again.enrichment_task_id not in ("", added.enrichment_task_id)
    assert stores.jobs == {again.enrichment_task_id: EnrichmentTask(UUID(added.id), "ada")}
    assert again.facts == done.facts
    assert again.etag != done.etag
    assert look_up(again, "Other").suggestions[0].value == "Other"


def test_a_created_lead_can_be_looked_up(call: Call, look_up: Callable[..., pb.Lead]) -> None:
    made = call("CreateLead", pb.CreateLeadRequest(email="bob@example.com")).message
    asked = call("EnrichLead", pb.EnrichLeadRequest(id=made.id)).message
    assert asked.enrichment_task_id
    assert look_up(asked, "Example").facts


def test_while_one_look_up_is_under_way_no_other_begins(
    call: Call, stores: MemoryLeadStores, added: pb.Lead
) -> None:
    for _ in range(20):
        reply = call("EnrichLead", pb.EnrichLeadRequest(id=added.id))
        # It counts as one, too, or the quota would be used up.
        assert reply.message == added
    assert len(stores.jobs) == 1


def test_a_failed_look_up_can_be_tried_again(
    call: Call, stores: MemoryLeadStores, added: pb.Lead, clock: Callable[[], datetime]
) -> None:
    async def fail() -> None:
        async with stores.write() as leads:
            lead = await leads.get_for_change(UUID(added.id))
            await leads.change(lead.with_enrichment(lead.enrichment.failed(clock(), "it broke"), clock()))

    asyncio.run(fail())
    again = call("EnrichLead", pb.EnrichLeadRequest(id=added.id)).message
    assert (again.enrichment_status, again.enrichment_error) == (STATUS.PENDING, "")


def suggested(lead: pb.Lead) -> dict[str, pb.Suggestion]:
    return {each.field: each for each in lead.suggestions}


def test_what_a_look_up_finds_is_suggested_and_never_written(
    call: Call, look_up: Callable[..., pb.Lead]
) -> None:
    quick = pb.QuickAddLeadRequest(email="bob@example.com")
    for name in ("", "What people call it"):
        lead = call("QuickAddLead", quick).message
        mask = pb.UpdateLeadRequest(id=lead.id, lead=pb.Lead(name=name))
        mask.update_mask.paths.append("name")
        call("UpdateLead", mask)
        found = look_up(lead, "Example Bakery", "https://bakery.example/")
        assert (found.name, found.domain) == (name, "example.com")
        known = suggested(found)
        assert (known["name"].value, known["name"].state) == ("Example Bakery", STATE.OPEN)
        assert known["name"].source == "https://example.com/"
        assert known["name"].fact == "homepage.organisation"
        assert known["name"].observed_at.ToDatetime(UTC) == NOW
        assert known["domain"].value == "bakery.example"
        assert not call("ListLeads", pb.ListLeadsRequest()).message.leads[0].suggestions
        call("DeleteLead", pb.DeleteLeadRequest(id=lead.id))


def test_an_accepted_suggestion_is_written_and_another_look_up_suggests_nothing(
    call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead
) -> None:
    found = look_up(added, "Example Bakery", "https://bakery.example/")
    for field in ("name", "domain"):
        request = pb.AcceptSuggestionRequest(
            id=added.id, suggestion_id=suggested(found)[field].id, etag=found.etag
        )
        taken = call("AcceptSuggestion", request).message
        assert getattr(taken, field) == suggested(found)[field].value
        decided = suggested(taken)[field]
        assert (decided.state, decided.decided_by) == (STATE.ACCEPTED, "ada")
        assert decided.decided_at.ToDatetime(UTC) == taken.updated_at.ToDatetime(UTC)
        assert taken.etag != found.etag
        assert taken == call("GetLead", pb.GetLeadRequest(id=added.id)).message
        # The etag is outdated now; without it nothing happens twice.
        assert reason(call("AcceptSuggestion", request)) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        request.etag = ""
        assert call("AcceptSuggestion", request).message == taken
        found = taken
    again = call("EnrichLead", pb.EnrichLeadRequest(id=added.id)).message
    after = look_up(again, "Example Bakery", "https://bakery.example/")
    assert {each.state for each in after.suggestions} == {STATE.ACCEPTED}


def test_a_dismissed_value_is_not_suggested_again_and_another_is(
    call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead
) -> None:
    found = look_up(added, "Example Bakery")
    request = pb.DismissSuggestionRequest(id=added.id, suggestion_id=found.suggestions[0].id, etag=found.etag)
    turned_down = call("DismissSuggestion", request).message
    assert (turned_down.name, turned_down.suggestions[0].state) == ("", STATE.DISMISSED)
    assert turned_down.etag != found.etag
    again = call("EnrichLead", pb.EnrichLeadRequest(id=added.id)).message
    after = look_up(again, "Example Bakery")
    assert after.suggestions == turned_down.suggestions
    again = call("EnrichLead", pb.EnrichLeadRequest(id=added.id)).message
    after = look_up(again, "New Bakery")
    assert [(each.value, each.state) for each in after.suggestions] == [
        ("Example Bakery", STATE.DISMISSED),
        ("New Bakery", STATE.OPEN),
    ]


def test_a_decision_is_not_reversed(call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead) -> None:
    found = look_up(added, "Example Bakery")
    named = {"id": added.id, "suggestion_id": found.suggestions[0].id}
    assert call("DismissSuggestion", pb.DismissSuggestionRequest(**named)).code is grpc.StatusCode.OK
    refused = call("AcceptSuggestion", pb.AcceptSuggestionRequest(**named))
    assert reason(refused) == (grpc.StatusCode.FAILED_PRECONDITION, "SUGGESTION_DECIDED")


def test_a_suggestion_that_a_person_has_typed_in_is_not_shown(
    call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead
) -> None:
    look_up(added, "Example Bakery")
    request = pb.UpdateLeadRequest(id=added.id, lead=pb.Lead(name="Example Bakery"))
    request.update_mask.paths.append("name")
    assert not call("UpdateLead", request).message.suggestions


def test_a_suggested_domain_that_is_another_lead_s_is_refused_and_stays_open(
    call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead
) -> None:
    other = call("CreateLead", pb.CreateLeadRequest(email="ada@example.com", domain="bakery.example"))
    found = look_up(added, "", "https://www.bakery.example/")
    (suggestion,) = found.suggestions
    named = {"id": added.id, "suggestion_id": suggestion.id}
    refused = call("AcceptSuggestion", pb.AcceptSuggestionRequest(**named))
    assert refused.code is grpc.StatusCode.ALREADY_EXISTS
    assert other.message.id in str(dict(refused.trailing_metadata))
    assert call("GetLead", pb.GetLeadRequest(id=added.id)).message == found


REQUESTS: dict[str, Callable[..., Any]] = {
    "EnrichLead": lambda lead_id, _, **more: pb.EnrichLeadRequest(id=lead_id, **more),
    "AcceptSuggestion": lambda lead_id, each, **more: pb.AcceptSuggestionRequest(
        id=lead_id, suggestion_id=each, **more
    ),
    "DismissSuggestion": lambda lead_id, each, **more: pb.DismissSuggestionRequest(
        id=lead_id, suggestion_id=each, **more
    ),
}


@pytest.mark.parametrize("method", REQUESTS)
def test_what_cannot_be_done_is_refused(
    call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead, method: str
) -> None:
    found = look_up(added, "Example Bakery")
    make, suggestion = REQUESTS[method], found.suggestions[0].id
    assert reason(call(method, make(NOBODY, suggestion))) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    outdated = call(method, make(added.id, suggestion, etag=added.etag))
    assert reason(outdated) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    if method != "EnrichLead":
        assert call(method, make(added.id, NOBODY)).code is grpc.StatusCode.NOT_FOUND
    call("DeleteLead", pb.DeleteLeadRequest(id=added.id))
    deleted = call(method, make(added.id, suggestion))
    assert reason(deleted) == (grpc.StatusCode.FAILED_PRECONDITION, "LEAD_DELETED")


@pytest.mark.parametrize("method", REQUESTS)
def test_the_same_request_gets_its_first_answer_again(
    call: Call, look_up: Callable[..., pb.Lead], stores: MemoryLeadStores, added: pb.Lead, method: str
) -> None:
    found = look_up(added, "Example Bakery")
    request = REQUESTS[method](added.id, found.suggestions[0].id, request_id="1")
    first = call(method, request).message
    if method == "EnrichLead":
        look_up(first, "Other")
    assert call(method, request).message == first
    assert not stores.jobs
    request.etag = "another"
    refused = call(method, request)
    assert reason(refused) == (grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")


def test_whoever_asks_too_often_is_told_when_to_come_back(
    call: Call, look_up: Callable[..., pb.Lead], added: pb.Lead
) -> None:
    lead = added
    for _ in range(9):
        look_up(lead, "Example")
        lead = call("EnrichLead", pb.EnrichLeadRequest(id=added.id)).message
    look_up(lead, "Example")
    refused = call("EnrichLead", pb.EnrichLeadRequest(id=added.id))
    assert reason(refused) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ENRICHMENT_QUOTA_EXCEEDED")
    status = status_pb2.Status()
    status.ParseFromString(dict(refused.trailing_metadata)["grpc-status-details-bin"])
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert dict(info.metadata) == {"quota": "hourly", "limit": "10", "used": "10"}
    assert status.details[1].Unpack(retry)
    assert 3000 < retry.retry_delay.seconds < 3600
