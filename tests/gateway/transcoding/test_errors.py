"""Whatever a call fails with is told as AIP-193 has it, and nothing about the inside."""

from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status

from tests.gateway.transcoding.conftest import Zoo, new, status


async def test_the_details_of_an_error_are_told_in_json(zoo: Zoo) -> None:
    async def get(request: Any, context: Any) -> Any:
        await context.abort_with_status(
            rpc_status.to_status(
                status(
                    code_pb2.RESOURCE_EXHAUSTED,
                    "slow down",
                    error_details_pb2.ErrorInfo(reason="TOO_FAST", domain="zoo", metadata={"limit": "5"}),
                    error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=1)),
                )
            )
        )

    zoo.on("GetAnimal", get)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1")
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "2"
    assert reply.json() == {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "slow down",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "TOO_FAST",
                    "domain": "zoo",
                    "metadata": {"limit": "5"},
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "1.000000001s"},
            ],
        }
    }


async def test_a_detail_of_an_unknown_type_is_kept_as_base64(zoo: Zoo) -> None:
    made = status(code_pb2.ABORTED, "no")
    made.details.add(type_url="example.com/no.Such", value=b"\x01")

    async def get(request: Any, context: Any) -> Any:
        await context.abort_with_status(rpc_status.to_status(made))

    zoo.on("GetAnimal", get)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1")
    assert reply.status_code == 409
    assert reply.json()["error"]["details"] == [{"@type": "example.com/no.Such", "value": "AQ=="}]


EVERY_CODE = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}


async def test_every_grpc_status_has_its_http_status(zoo: Zoo) -> None:
    async def get(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode[request.id], "said so")

    zoo.on("GetAnimal", get)
    async with zoo.client() as client:
        for name, code in EVERY_CODE.items():
            reply = await client.get(f"/zoo/animals/{name}")
            assert (reply.status_code, reply.json()["error"]["status"]) == (code, name)


async def test_a_crash_and_a_missing_service_say_nothing_about_the_inside(zoo: Zoo) -> None:
    def crash(request: Any, context: Any) -> Any:
        raise RuntimeError("secret path /srv/x")

    zoo.on("GetAnimal", crash)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1")
    assert reply.status_code == 500
    assert "secret" not in reply.text
    zoo.channel = grpc.aio.insecure_channel("127.0.0.1:1")
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert "127.0.0.1" not in reply.text
    await zoo.channel.close()


async def test_a_reply_that_has_no_json_form_is_a_500(zoo: Zoo) -> None:
    zoo.on("GetAnimal", lambda *_: new("Animal", notes={"fields": {"a": {"number_value": float("nan")}}}))
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1")
    assert (reply.status_code, reply.json()["error"]["status"]) == (500, "INTERNAL")
