"""Promise: the RPCs of leadfactory.lead.v1 do what the proto's comments say, over leads in memory."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from lead_service.facts import EnrichmentTask
from lead_service.memory import MemoryLeadStores
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.database import Database
from services.identity import Actor
from tests.fixtures.rpc import Reply, TestingServer

SERVICE = pb.DESCRIPTOR.services_by_name["LeadService"]
ADA = Actor("ada", frozenset({"operator"}))
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PENDING = pb.Lead.EnrichmentStatus.PENDING


@pytest.fixture
def stores() -> MemoryLeadStores:
    return MemoryLeadStores()


@pytest.fixture
def call(
    stores: MemoryLeadStores, testing_server: Callable[..., TestingServer]
) -> Callable[[str, Any], Reply]:
    moments = (NOW + timedelta(seconds=number) for number in range(1000))
    # The audit is written by PostgreSQL's triggers and has no twin; nothing connects to this one.
    nowhere = Database("postgresql://nowhere.invalid/lead", name="test")
    server = testing_server(SERVICE, LeadServicer(stores, lambda: next(moments), records(nowhere)))
    return lambda method, request: server.call(method, request, ADA)


def violations(reply: Reply) -> list[str]:
    assert reply.code is grpc.StatusCode.INVALID_ARGUMENT
    status = status_pb2.Status()
    status.ParseFromString(dict(reply.trailing_metadata)["grpc-status-details-bin"])
    bad_request = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(bad_request):
            return [violation.field for violation in bad_request.field_violations]
    raise AssertionError("no BadRequest detail")


def test_a_created_lead_is_returned_and_can_be_read(call: Callable[[str, Any], Reply]) -> None:
    made = call(
        "CreateLead",
        pb.CreateLeadRequest(email=" Ada@Example.com", domain="BÜCHER.example", name="Ada", is_manual=True),
    ).message
    assert UUID(made.id).version == 7
    assert (made.email, made.domain, made.name) == ("Ada@example.com", "xn--bcher-kva.example", "Ada")
    assert (made.is_manual, made.created_by) == (True, "ada")
    assert made.enrichment_status == PENDING
    assert made.enrichment_task_id == ""
    assert not made.HasField("enriched_at")
    assert made.created_at.ToDatetime(UTC) == made.updated_at.ToDatetime(UTC) == NOW
    assert call("GetLead", pb.GetLeadRequest(id=made.id)).message == made


def test_a_quick_added_lead_is_pending_with_its_job(
    call: Callable[[str, Any], Reply], stores: MemoryLeadStores
) -> None:
    made = call("QuickAddLead", pb.QuickAddLeadRequest(email="ada@example.com")).message
    assert made.enrichment_status == PENDING
    assert made.is_manual
    assert made.domain == "example.com"
    assert stores.jobs == {made.enrichment_task_id: EnrichmentTask(UUID(made.id), "ada")}


@pytest.mark.parametrize("method", ["CreateLead", "QuickAddLead"])
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, ["email"]),
        ({"email": "nobody"}, ["email"]),
        ({"email": "a\x00@example.com"}, ["email"]),
        ({"email": "a" * 10**6 + "@example.com"}, ["email"]),
        ({"email": "ada@example.com", "domain": "10.0.0.1"}, ["domain"]),
        ({"email": "ada@example.com", "domain": "https://example.com/"}, ["domain"]),
        ({"email": "ada@example.com", "domain": "x" * 254}, ["domain"]),
        ({"email": "ada@printer.local", "domain": "localhost"}, ["email", "domain"]),
    ],
)
def test_bad_input_names_its_fields_and_leaves_nothing(
    call: Callable[[str, Any], Reply],
    stores: MemoryLeadStores,
    method: str,
    fields: dict[str, str],
    wrong: list[str],
) -> None:
    request = {"CreateLead": pb.CreateLeadRequest, "QuickAddLead": pb.QuickAddLeadRequest}[method]
    assert violations(call(method, request(**fields))) == wrong
    assert stores.jobs == {}
    assert call("ListLeads", pb.ListLeadsRequest()).message.total_size_estimate == 0


@pytest.mark.parametrize("name", ["a\x00b", "a\x1bb", "x" * 201, "x" * 10**6])
def test_a_bad_name_is_refused_by_its_field(call: Callable[[str, Any], Reply], name: str) -> None:
    assert violations(call("CreateLead", pb.CreateLeadRequest(email="ada@example.com", name=name))) == [
        "name"
    ]


def test_an_unknown_lead_is_not_found_and_an_id_that_is_none_is_refused(
    call: Callable[[str, Any], Reply],
) -> None:
    unknown = call("GetLead", pb.GetLeadRequest(id="018f0000-0000-7000-8000-000000000000"))
    assert unknown.code is grpc.StatusCode.NOT_FOUND
    for wrong in ("", "1", "018f0000-0000-7000-8000-00000000000g"):
        assert violations(call("GetLead", pb.GetLeadRequest(id=wrong))) == ["id"]


def test_a_moment_to_come_has_no_state(call: Callable[[str, Any], Reply]) -> None:
    made = call("CreateLead", pb.CreateLeadRequest(email="ada@example.com")).message
    for seconds in (60, 2**40):
        wanted = pb.GetLeadRequest(id=made.id, as_of=Timestamp(seconds=int(NOW.timestamp()) + seconds))
        assert violations(call("GetLead", wanted)) == ["as_of"]


def test_walking_the_pages_shows_every_lead_once_without_facts(call: Callable[[str, Any], Reply]) -> None:
    made = [
        call("QuickAddLead", pb.QuickAddLeadRequest(email=f"ada{number}@example.com")).message
        for number in range(5)
    ]
    found: list[pb.Lead] = []
    token = ""
    for size in (2, 2, 1):
        page = call("ListLeads", pb.ListLeadsRequest(page_size=2, page_token=token)).message
        assert (len(page.leads), page.total_size_estimate) == (size, 5)
        found += page.leads
        token = page.next_page_token
    assert token == ""
    assert found == made[::-1]


def test_filters_are_applied(call: Callable[[str, Any], Reply]) -> None:
    manual = call("QuickAddLead", pb.QuickAddLeadRequest(email="ada@example.com")).message
    other = call("CreateLead", pb.CreateLeadRequest(email="bob@example.com")).message
    for wanted, expected in [
        (pb.ListLeadsRequest(is_manual=True), [manual]),
        (pb.ListLeadsRequest(is_manual=False), [other]),
        (pb.ListLeadsRequest(enrichment_status=PENDING), [other, manual]),
        (pb.ListLeadsRequest(enrichment_status=pb.Lead.EnrichmentStatus.FAILED), []),
    ]:
        assert list(call("ListLeads", wanted).message.leads) == expected


def test_a_page_token_of_another_filter_or_of_nobody_is_refused(call: Callable[[str, Any], Reply]) -> None:
    for number in range(2):
        call("CreateLead", pb.CreateLeadRequest(email=f"ada{number}@example.com"))
    token = call("ListLeads", pb.ListLeadsRequest(page_size=1)).message.next_page_token
    for wrong in (
        pb.ListLeadsRequest(page_size=1, page_token=token, is_manual=False),
        pb.ListLeadsRequest(page_token="nonsense"),
        pb.ListLeadsRequest(page_token=token[:-4]),
        pb.ListLeadsRequest(page_size=-1),
    ):
        assert violations(call("ListLeads", wrong)) in (["page_token"], ["page_size"])


def test_a_forged_position_in_a_token_is_refused(call: Callable[[str, Any], Reply]) -> None:
    from lead_service import wire
    from services import paging

    lead_id = "018f0000-0000-7000-8000-000000000000"
    for position in (
        ["x"],
        ["x", lead_id],
        [NOW.isoformat(), "x"],
        ["\ud800", lead_id],
        ["2026-11-21T09:30:00", lead_id],
        ["0001-01-01T00:00:00+14:00", lead_id],
        ["9999-12-31T23:59:59-14:00", lead_id],
        ["a"] * 3,
    ):
        forged = paging.token(position, binding=wire._binding(pb.ListLeadsRequest()))
        assert violations(call("ListLeads", pb.ListLeadsRequest(page_token=forged))) == ["page_token"]


def info(reply: Reply) -> error_details_pb2.ErrorInfo:
    status = status_pb2.Status()
    status.ParseFromString(dict(reply.trailing_metadata)["grpc-status-details-bin"])
    found = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(found)
    return found


@pytest.fixture
def made(call: Callable[[str, Any], Reply]) -> pb.Lead:
    request = pb.CreateLeadRequest(email="ada@example.com", name="Ada", is_manual=True)
    lead: pb.Lead = call("CreateLead", request).message
    return lead


def update(lead_id: str, *mask: str, etag: str = "", **values: Any) -> pb.UpdateLeadRequest:
    request = pb.UpdateLeadRequest(id=lead_id, lead=pb.Lead(**values), etag=etag)
    request.update_mask.paths.extend(mask)
    return request


def test_a_whole_update_takes_every_editable_value_and_no_other(
    call: Callable[[str, Any], Reply], made: pb.Lead
) -> None:
    values = {"email": " Bob@Example.org", "created_by": "mallory", "enrichment_error": "x", "id": made.id}
    changed = call("UpdateLead", update(made.id, **values)).message
    assert (changed.email, changed.domain, changed.name) == ("Bob@example.org", "example.org", "")
    assert (changed.is_manual, changed.created_by, changed.enrichment_error) == (False, "ada", "")
    assert changed.updated_at.ToDatetime() > made.updated_at.ToDatetime()
    assert changed.etag != made.etag
    assert call("GetLead", pb.GetLeadRequest(id=made.id)).message == changed


def test_a_masked_update_changes_what_the_mask_names(
    call: Callable[[str, Any], Reply], made: pb.Lead
) -> None:
    changed = call("UpdateLead", update(made.id, "name", "id", "etag", name=" Grace ", email="x")).message
    assert (changed.name, changed.email, changed.is_manual) == ("Grace", made.email, True)
    moved = call("UpdateLead", update(made.id, "domain", domain="BÜCHER.example")).message
    assert (moved.domain, moved.name) == ("xn--bcher-kva.example", "Grace")
    assert call("UpdateLead", update(made.id, "domain")).message.domain == "example.com"


def test_an_update_to_what_is_there_already_writes_nothing(
    call: Callable[[str, Any], Reply], made: pb.Lead
) -> None:
    assert call("UpdateLead", update(made.id, "name", name="Ada")).message == made


@pytest.mark.parametrize(
    ("request_", "wrong"),
    [
        (update("ID", "created_by", created_by="mallory"), ["update_mask"]),
        (update("ID", "no_such"), ["update_mask"]),
        (update("ID", "facts.name"), ["update_mask"]),
        (update("ID", "email", email="nobody"), ["email"]),
        (update("ID", "email"), ["email"]),
        (update("ID", email="a@b.local", domain="localhost", name="\x1b"), ["email", "domain", "name"]),
        (update("ID", "name", name="x", id="018f0000-0000-7000-8000-000000000000"), ["lead.id"]),
        (pb.UpdateLeadRequest(id="ID"), ["lead"]),
    ],
)
def test_a_wrong_update_names_its_fields_and_changes_nothing(
    call: Callable[[str, Any], Reply], made: pb.Lead, request_: pb.UpdateLeadRequest, wrong: list[str]
) -> None:
    request_.id = made.id
    assert violations(call("UpdateLead", request_)) == wrong
    assert call("GetLead", pb.GetLeadRequest(id=made.id)).message == made


@pytest.mark.parametrize("method", ["UpdateLead", "DeleteLead", "UndeleteLead"])
def test_an_outdated_etag_is_refused_and_an_unknown_lead_is_not_found(
    call: Callable[[str, Any], Reply], made: pb.Lead, method: str
) -> None:
    def request(lead_id: str, etag: str) -> Any:
        kind = {"DeleteLead": pb.DeleteLeadRequest, "UndeleteLead": pb.UndeleteLeadRequest}.get(method)
        return kind(id=lead_id, etag=etag) if kind else update(lead_id, "name", name="Bob", etag=etag)

    call("UpdateLead", update(made.id, "name", name="Grace"))
    reply = call(method, request(made.id, made.etag))
    assert (reply.code, info(reply).reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    current = call("GetLead", pb.GetLeadRequest(id=made.id)).message
    assert (current.name, current.HasField("delete_time")) == ("Grace", False)
    assert call(method, request(made.id, current.etag)).code is grpc.StatusCode.OK
    unknown = call(method, request("018f0000-0000-7000-8000-000000000000", ""))
    assert unknown.code is grpc.StatusCode.NOT_FOUND


def test_an_etag_inside_the_lead_counts_like_the_one_beside_it(
    call: Callable[[str, Any], Reply], made: pb.Lead
) -> None:
    assert call("UpdateLead", update(made.id, "name", name="x" * 9)).code is grpc.StatusCode.OK
    made.name = "Bob"
    reply = call("UpdateLead", pb.UpdateLeadRequest(id=made.id, lead=made))
    assert (reply.code, info(reply).reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


def test_a_deleted_lead_is_read_and_not_listed_and_comes_back(
    call: Callable[[str, Any], Reply], made: pb.Lead
) -> None:
    gone = call("DeleteLead", pb.DeleteLeadRequest(id=made.id)).message
    assert gone.HasField("delete_time")
    assert gone.etag != made.etag
    assert call("GetLead", pb.GetLeadRequest(id=made.id)).message == gone
    assert call("DeleteLead", pb.DeleteLeadRequest(id=made.id)).message == gone
    assert not call("ListLeads", pb.ListLeadsRequest()).message.leads
    assert list(call("ListLeads", pb.ListLeadsRequest(show_deleted=True)).message.leads) == [gone]
    refused = call("UpdateLead", update(made.id, "name", name="Bob"))
    assert (refused.code, info(refused).reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LEAD_DELETED")
    back = call("UndeleteLead", pb.UndeleteLeadRequest(id=made.id)).message
    assert not back.HasField("delete_time")
    assert call("UndeleteLead", pb.UndeleteLeadRequest(id=made.id)).message == back
    assert list(call("ListLeads", pb.ListLeadsRequest()).message.leads) == [back]


@pytest.mark.parametrize("kind", [pb.CreateLeadRequest, pb.QuickAddLeadRequest])
def test_a_duplicate_is_refused_with_the_id_of_the_lead_that_lives(
    call: Callable[[str, Any], Reply], stores: MemoryLeadStores, made: pb.Lead, kind: Any
) -> None:
    method = kind.__name__.removesuffix("Request")
    reply = call(method, kind(email="ADA@example.com"))
    assert reply.code is grpc.StatusCode.ALREADY_EXISTS
    assert dict(info(reply).metadata) == {"resource": "lead", "name": made.id}
    assert stores.jobs == {}
    call("DeleteLead", pb.DeleteLeadRequest(id=made.id))
    second = call(method, kind(email="ada@example.com")).message
    blocked = call("UndeleteLead", pb.UndeleteLeadRequest(id=made.id))
    assert (blocked.code, info(blocked).metadata["name"]) == (grpc.StatusCode.ALREADY_EXISTS, second.id)
    other = call(method, kind(email="bob@example.com")).message
    moved = call("UpdateLead", update(other.id, "email", email="Ada@example.com"))
    assert (moved.code, info(moved).metadata["name"]) == (grpc.StatusCode.ALREADY_EXISTS, second.id)


KEYED = {
    "CreateLead": (
        lambda _: pb.CreateLeadRequest(email="bob@example.com", request_id="1"),
        lambda _: pb.CreateLeadRequest(email="cy@example.com", request_id="1"),
    ),
    "QuickAddLead": (
        lambda _: pb.QuickAddLeadRequest(email="bob@example.com", request_id="1"),
        lambda _: pb.QuickAddLeadRequest(email="cy@example.com", request_id="1"),
    ),
    "UpdateLead": (
        lambda lead: pb.UpdateLeadRequest(id=lead.id, lead=lead, etag=lead.etag, request_id="1"),
        lambda lead: pb.UpdateLeadRequest(id=lead.id, lead=lead, request_id="1"),
    ),
    "DeleteLead": (
        lambda lead: pb.DeleteLeadRequest(id=lead.id, request_id="1"),
        lambda lead: pb.DeleteLeadRequest(id="018f0000-0000-7000-8000-000000000000", request_id="1"),
    ),
}


@pytest.mark.parametrize("method", KEYED)
def test_the_same_request_gets_the_first_answer_again_and_another_under_its_key_is_refused(
    call: Callable[[str, Any], Reply], stores: MemoryLeadStores, made: pb.Lead, method: str
) -> None:
    same, other = (make(made) for make in KEYED[method])
    if method == "UpdateLead":
        for request in (same, other):
            request.lead.name = "Bob"
            request.lead.etag = ""
    first = call(method, same).message
    call("UpdateLead", update(first.id, "name", name="Changed since"))
    jobs = len(stores.jobs)
    assert call(method, same).message == first
    assert len(stores.jobs) == jobs
    refused = call(method, other)
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert info(refused).reason == "IDEMPOTENCY_KEY_REUSED"


def test_a_request_that_failed_may_be_sent_again(call: Callable[[str, Any], Reply], made: pb.Lead) -> None:
    again = pb.CreateLeadRequest(email="ada@example.com", request_id="1")
    assert call("CreateLead", again).code is grpc.StatusCode.ALREADY_EXISTS
    call("DeleteLead", pb.DeleteLeadRequest(id=made.id))
    assert call("CreateLead", again).code is grpc.StatusCode.OK


def test_lists_are_filtered_and_ordered_and_tokens_are_bound_to_both(
    call: Callable[[str, Any], Reply], made: pb.Lead
) -> None:
    bob = call("CreateLead", pb.CreateLeadRequest(email="bob@bücher.example")).message
    for wanted, expected in [
        (pb.ListLeadsRequest(q=" EXAMPLE.com "), [made]),
        (pb.ListLeadsRequest(email="ADA@example.com"), [made]),
        (pb.ListLeadsRequest(domain="Bücher.example"), [bob]),
        (pb.ListLeadsRequest(created_by="ada"), [bob, made]),
        (pb.ListLeadsRequest(created_by="bob"), []),
        (pb.ListLeadsRequest(created_after=bob.created_at), [bob]),
        (pb.ListLeadsRequest(created_before=bob.created_at), [made]),
        (pb.ListLeadsRequest(order_by="created_at"), [made, bob]),
        (pb.ListLeadsRequest(order_by="email desc"), [bob, made]),
        (pb.ListLeadsRequest(order_by="domain asc"), [made, bob]),
    ]:
        assert list(call("ListLeads", wanted).message.leads) == expected
    for order in ("created_at", "email", "domain desc"):
        first = pb.ListLeadsRequest(page_size=1, order_by=order)
        token = call("ListLeads", first).message.next_page_token
        second = pb.ListLeadsRequest(page_size=1, order_by=order, page_token=token)
        assert len(call("ListLeads", second).message.leads) == 1
        for other in ({"order_by": "email desc"}, {"order_by": order, "q": "a"}, {"show_deleted": True}):
            wrong = pb.ListLeadsRequest(page_size=1, page_token=token, **other)
            assert violations(call("ListLeads", wrong)) == ["page_token"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (pb.ListLeadsRequest(order_by="name"), "order_by"),
        (pb.ListLeadsRequest(order_by="email sideways"), "order_by"),
        (pb.ListLeadsRequest(order_by="email, domain"), "order_by"),
        (pb.ListLeadsRequest(domain="http://x"), "domain"),
        (pb.ListLeadsRequest(created_after=Timestamp(seconds=10**15)), "created_after"),
        (pb.ListLeadsRequest(created_before=Timestamp(seconds=-(10**15))), "created_before"),
    ],
)
def test_a_wrong_list_is_refused_by_its_field(
    call: Callable[[str, Any], Reply], wrong: pb.ListLeadsRequest, field: str
) -> None:
    assert violations(call("ListLeads", wrong)) == [field]
