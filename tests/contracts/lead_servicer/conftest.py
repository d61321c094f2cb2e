"""The servicer of leads, over leads in memory."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

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


@pytest.fixture
def made(call: Callable[[str, Any], Reply]) -> pb.Lead:
    request = pb.CreateLeadRequest(email="ada@example.com", name="Ada", is_manual=True)
    lead: pb.Lead = call("CreateLead", request).message
    return lead
