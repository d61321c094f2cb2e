"""`leadfactory leads`: what is asked of the lead service, and what people and programs are shown."""

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from protos.leadfactory.lead.v1.lead_pb2 import Fact, Lead, LeadEvent, ListLeadsResponse
from services.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from tests.client.conftest import Stage

ID = "01999a1f-0000-7000-8000-000000000001"
OTHER = "01999a1f-0000-7000-8000-000000000002"


def lead(**changes: object) -> Lead:
    return Lead(
        **{
            "id": ID,
            "email": "hello@example.org",
            "domain": "example.org",
            "enrichment_status": Lead.PENDING,
            "enrichment_task_id": "1",
            "created_by": "ada",
            "created_at": Timestamp(seconds=1_763_730_000),
            **changes,
        }
    )


def test_a_lead_is_added_and_shown(stage: Stage):
    ran, (call,) = stage.answer("leads", "add", "hello@example.org", LeadService_QuickAddLead=lead())
    assert (call.request.email, call.request.domain) == ("hello@example.org", "")
    assert call.request.request_id
    assert call.metadata["authorization"] == "Bearer a-token"
    assert ran.status == 0
    assert ID in ran.out
    assert "PENDING" in ran.out
    assert ran.err == ""


def test_json_is_one_document_in_the_names_of_the_contract_and_nothing_else(stage: Stage):
    ran, _ = stage.answer("leads", "add", "hello@example.org", "--json", LeadService_QuickAddLead=lead())
    assert ran.document["id"] == ID
    assert ran.document["enrichment_status"] == "PENDING"
    assert ran.document["name"] == "", "what is empty is there, too"
    assert ran.err == ""


def test_a_lead_with_a_name_is_created_and_then_looked_up(stage: Stage):
    ran, (created, looked_up) = stage.answer(
        "leads", "add", "hello@example.org", "--name", "Example", "--json",
        LeadService_CreateLead=lead(name="Example"), LeadService_EnrichLead=lead(name="Example"),
    )  # fmt: skip
    assert (created.request.name, created.request.is_manual) == ("Example", True)
    assert looked_up.request.id == ID
    assert ran.document["name"] == "Example"


def test_whoever_is_over_the_quota_learns_that_the_lead_is_there(stage: Stage):
    ran, _ = stage.answer(
        "leads", "add", "hello@example.org", "--name", "Example",
        LeadService_CreateLead=lead(),
        LeadService_EnrichLead=ResourceExhausted("You have asked too often.", retry_after=90),
    )  # fmt: skip
    assert ran.status == 1
    assert ran.out == ""
    assert ran.err.splitlines() == [
        f"The lead was added as {ID}, and is not looked up.",
        "error: You have asked too often. Try again in 90 s.",
    ]


def test_a_wrong_address_is_refused_in_one_line_that_names_the_field(stage: Stage):
    ran, _ = stage.answer(
        "leads", "add", "nonsense", "--json",
        LeadService_QuickAddLead=InvalidArgument("email", "An address has an @-sign."),
    )  # fmt: skip
    assert (ran.status, ran.out, ran.err) == (1, "", "error: email: An address has an @-sign.\n")


def test_a_lead_that_is_there_already_is_named(stage: Stage):
    ran, _ = stage.answer(
        "leads", "add", "hello@example.org",
        LeadService_QuickAddLead=AlreadyExists("lead", OTHER, "There is such a lead."),
    )  # fmt: skip
    assert ran.status == 1
    assert ran.err == f"error: There is such a lead. See `leadfactory leads show {OTHER}`.\n"


def test_waiting_looks_at_the_lead_whenever_something_happened_to_it(stage: Stage):
    stage.start("leads", "add", "hello@example.org", "--wait", "--json")
    stage.take("LeadService.QuickAddLead").reply(lead())
    events = [LeadEvent(kind=LeadEvent.HEARTBEAT), LeadEvent(kind=LeadEvent.UPDATED, lead=lead())]
    stage.take("LeadService.WatchLeads").reply(*events)
    stage.take("LeadService.GetLead").reply(lead(enrichment_status=Lead.IN_PROGRESS))
    stage.take("LeadService.GetLead").reply(lead(enrichment_status=Lead.FAILED, enrichment_error="It broke."))
    ran = stage.end()
    assert ran.document["enrichment_error"] == "It broke."
    assert ran.status == 1


def test_a_list_walks_pages_up_to_its_limit(stage: Stage):
    first = ListLeadsResponse(leads=[lead()] * 200, next_page_token="next", total_size_estimate=900)
    second = ListLeadsResponse(leads=[lead()] * 100, next_page_token="more", total_size_estimate=900)
    stage.start("leads", "list", "--limit", "300", "-q", "example", "--look-up", "failed", "--not-manual")
    call = stage.take("LeadService.ListLeads")
    assert (call.request.page_size, call.request.q, call.request.page_token) == (200, "example", "")
    assert call.request.enrichment_status == Lead.FAILED
    assert call.request.HasField("is_manual")
    assert not call.request.is_manual
    call.reply(first)
    call = stage.take("LeadService.ListLeads")
    assert (call.request.page_size, call.request.page_token) == (100, "next")
    call.reply(second)
    ran = stage.end()
    assert len(ran.out.splitlines()) == 301
    assert ran.out.splitlines()[0].split() == ["ID", "E-MAIL", "DOMAIN", "NAME", "LOOK-UP", "CREATED"]
    assert ran.err == "300 of about 900; --limit 0 shows all.\n"


def test_a_list_as_json_says_where_to_go_on(stage: Stage):
    page = ListLeadsResponse(leads=[lead()], next_page_token="next", total_size_estimate=2)
    ran, (call,) = stage.answer(
        "leads", "list", "--limit", "1", "--created-after", "2026-11-21T12:00+02:00", "--page-token", "here",
        "--json", LeadService_ListLeads=page,
    )  # fmt: skip
    assert call.request.page_token == "here"
    assert call.request.created_after.ToJsonString() == "2026-11-21T10:00:00Z"
    assert ran.document["next_page_token"] == "next"
    assert [each["id"] for each in ran.document["leads"]] == [ID]
    assert ran.err == ""


def test_facts_of_a_lead_are_shown_with_their_source(stage: Stage):
    fact = Fact(
        provider="dns", name="mx", state=Fact.FOUND, values=["10 mail.example.org"], source="MX example.org"
    )
    ran, _ = stage.answer("leads", "show", ID, LeadService_GetLead=lead(facts=[fact]))
    assert ran.out.splitlines()[-1].split() == [
        "dns.mx",
        "FOUND",
        "10",
        "mail.example.org",
        "MX",
        "example.org",
    ]


def test_what_a_stranger_wrote_cannot_command_the_terminal(stage: Stage):
    fact = Fact(provider="homepage", name="title", state=Fact.FOUND, values=["\x1b]0;owned\x07[red]a\u202eb"])
    ran, _ = stage.answer("leads", "show", ID, LeadService_GetLead=lead(facts=[fact], name="two\nlines"))
    assert "\\x1b]0;owned\\x07[red]a\\u202eb" in ran.out
    assert "two\\x0alines" in ran.out
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.out)


def test_a_lead_that_there_is_not_ends_with_one(stage: Stage):
    ran, _ = stage.answer("leads", "show", ID, "--json", LeadService_GetLead=NotFound("lead", ID))
    assert (ran.status, ran.out, ran.err) == (1, "", f"error: There is no lead '{ID}'.\n")


def test_what_a_service_did_not_foresee_bears_the_id_that_its_log_names(stage: Stage):
    error = FailedPrecondition("The log names it under this request id.", metadata={"request_id": "r-1"})
    ran, _ = stage.answer("leads", "show", ID, LeadService_GetLead=error)
    assert ran.err == "error: The log names it under this request id. It is r-1.\n"


def test_a_watch_tells_events_and_goes_on_where_it_was_interrupted(stage: Stage):
    stage.start("leads", "watch", "--limit", "2")
    call = stage.take("LeadService.WatchLeads")
    heartbeat = LeadEvent(kind=LeadEvent.HEARTBEAT, resume_token="0")
    created = LeadEvent(kind=LeadEvent.CREATED, lead=lead(), resume_token="1")
    call.reply(heartbeat, created, code=grpc.StatusCode.UNAVAILABLE, details="gone away")
    call = stage.take("LeadService.WatchLeads")
    assert call.request.resume_token == "1"
    call.reply(LeadEvent(kind=LeadEvent.DELETED, lead=Lead(id=OTHER), resume_token="2"))
    ran = stage.end()
    assert ran.status == 0
    assert "CREATED" in ran.out.splitlines()[0]
    assert OTHER in ran.out.splitlines()[1]
    assert "gone away" in ran.err


def test_a_watch_as_json_is_a_line_an_event_with_its_resume_token(stage: Stage):
    stage.start("leads", "watch", ID, "--resume", "7", "--limit", "1", "--json")
    call = stage.take("LeadService.WatchLeads")
    assert (list(call.request.ids), call.request.resume_token) == ([ID], "7")
    events = [LeadEvent(kind=LeadEvent.HEARTBEAT, resume_token="7"),
              LeadEvent(kind=LeadEvent.UPDATED, lead=lead(), resume_token="8")]  # fmt: skip
    call.reply(*events)
    ran = stage.end()
    assert [(each["kind"], each["resume_token"]) for each in ran.lines] == [
        ("HEARTBEAT", "7"),
        ("UPDATED", "8"),
    ]
