"""Promise: the RPCs of leadfactory.lead.v1 that change a lead do what the proto's comments say."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from lead_service.memory import MemoryLeadStores
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from tests.contracts.lead_servicer.conftest import violations
from tests.fixtures.rpc import Reply


def info(reply: Reply) -> error_details_pb2.ErrorInfo:
    status = status_pb2.Status()
    status.ParseFromString(dict(reply.trailing_metadata)["grpc-status-details-bin"])
    found = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(found)
    return found


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
