"""Promise: the RPCs of leadfactory.lead.v1 that make and list leads do what the proto's comments say."""

from collections.abc import Callable
from datetime import UTC
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from lead_service.facts import EnrichmentTask
from lead_service.memory import MemoryLeadStores
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from tests.contracts.lead_servicer.conftest import NOW, violations
from tests.fixtures.rpc import Reply

PENDING = pb.Lead.EnrichmentStatus.PENDING


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
