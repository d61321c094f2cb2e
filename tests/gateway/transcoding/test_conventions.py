"""Promise: fields named `etag` and `request_id` are what HTTP's own headers for them say."""

from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from gateway.transcoding import openapi
from tests.gateway.transcoding.conftest import IMAGE, Zoo, listening, new


def served(zoo: Zoo, etag: str = "a1") -> Any:
    zoo.on("GetCage", lambda request, _: new("Cage", id=request.id, etag=etag))
    zoo.on("UpdateCage", lambda request, _: new("Cage", id=request.id, etag=etag))
    return listening(zoo.transcoder())


def refusing(zoo: Zoo, reason: str = "ETAG_MISMATCH") -> None:
    info = Packed()
    info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="zoo"))
    status = status_pb2.Status(code=grpc.StatusCode.ABORTED.value[0], message="no", details=[info])

    async def refuse(_: Any, context: Any) -> None:
        await context.abort_with_status(rpc_status.to_status(status))

    zoo.on("UpdateCage", refuse)


async def change(client: httpx.AsyncClient, headers: Any = None, query: str = "") -> httpx.Response:
    return await client.patch(f"/zoo/cages/7{query}", json={"size": 3}, headers=headers)


async def test_headers_fill_the_fields_that_are_named_for_them(zoo: Zoo) -> None:
    async with served(zoo) as client:
        reply = await change(client, {"if-match": '"a1"', "idempotency-key": '"once"'})
    assert (reply.status_code, reply.headers["etag"]) == (200, '"a1"')
    request = zoo.requests[-1]
    assert (request.etag, request.request_id) == ("a1", "once")
    assert list(request.update_mask.paths) == ["size"]


@pytest.mark.parametrize(
    ("sent", "meant"), [("a1", "a1"), ('"a1"', "a1"), ("*", ""), ('W/"a1"', 'W/"a1"'), ('""', "")]
)
async def test_a_condition_is_understood_as_it_is_written(zoo: Zoo, sent: str, meant: str) -> None:
    async with served(zoo) as client:
        assert (await change(client, {"if-match": sent})).status_code == 200
    assert zoo.requests[-1].etag == meant


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("if-match", '"a", "b"')], ""),
        ([("if-match", "a b")], ""),
        ([("if-match", "")], ""),
        ([("if-match", '"a"'), ("if-match", '"b"')], ""),
        ([("if-match", '"a"')], "?etag=b"),
        ([("idempotency-key", "")], ""),
        ([("idempotency-key", '""')], ""),
        ([("idempotency-key", "\u00fc".encode())], ""),
        ([("idempotency-key", "a")], "?request_id=b"),
    ],
)
async def test_a_header_that_cannot_be_meant_is_refused_by_its_name(
    zoo: Zoo, headers: Any, query: str
) -> None:
    async with served(zoo) as client:
        reply = await change(client, headers, query)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].lower().startswith(headers[0][0])
    assert not zoo.requests


async def test_a_field_and_its_header_may_say_the_same(zoo: Zoo) -> None:
    async with served(zoo) as client:
        assert (await change(client, {"if-match": '"a"'}, "?etag=a")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [('"a1"', 304), ('W/"a1"', 304), ('"b", "a1"', 304), ("*", 304), ('"b"', 200), ("a1", 200), ("", 200)],
)
async def test_who_has_it_is_told_so(zoo: Zoo, method: str, asked: str, status: int) -> None:
    async with served(zoo) as client:
        reply = await client.request(method, "/zoo/cages/7", headers={"if-none-match": asked})
    assert (reply.status_code, reply.headers["etag"]) == (status, '"a1"')
    assert bool(reply.content) == (status == 200 and method == "GET")


async def test_a_change_is_answered_in_full_whatever_the_client_has(zoo: Zoo) -> None:
    async with served(zoo) as client:
        assert (await change(client, {"if-none-match": '"a1"'})).status_code == 200


@pytest.mark.parametrize("etag", ["", 'a"b', "a b", "\u00fc"])
async def test_what_is_no_entity_tag_is_no_header(zoo: Zoo, etag: str) -> None:
    async with served(zoo, etag) as client:
        reply = await client.get("/zoo/cages/7", headers={"if-none-match": "*"})
    assert reply.status_code == 200
    assert "etag" not in reply.headers


@pytest.mark.parametrize(
    ("headers", "reason", "status"),
    [
        ({"if-match": '"a"'}, "ETAG_MISMATCH", 412),
        ({}, "ETAG_MISMATCH", 409),
        ({"if-match": '"a"'}, "CONFLICT", 409),
    ],
)
async def test_a_failed_condition_is_412_for_who_set_it(
    zoo: Zoo, headers: dict[str, str], reason: str, status: int
) -> None:
    refusing(zoo, reason)
    async with listening(zoo.transcoder()) as client:
        reply = await change(client, headers)
    assert reply.status_code == reply.json()["error"]["code"] == status
    assert reply.json()["error"]["status"] == "ABORTED"


def test_the_headers_are_described() -> None:
    operation = openapi.document(IMAGE, title="t", version="1")["paths"]["/zoo/cages/{id}"]["patch"]
    headers = [each["name"] for each in operation["parameters"] if each["in"] == "header"]
    assert headers == ["If-Match", "Idempotency-Key"]
