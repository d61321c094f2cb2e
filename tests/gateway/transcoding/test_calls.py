"""An HTTP request is one RPC on a real gRPC server, and its answer is the RPC's, byte for byte."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from gateway.transcoding import Fault, calls
from tests.gateway.transcoding.conftest import Zoo, listening, new


async def body(*pieces: bytes, content_type: str = "image/png", **metadata: str) -> AsyncIterator[Any]:
    for at, piece in enumerate(pieces):
        yield new("google.api.HttpBody", content_type="" if at else content_type, data=piece)


async def test_a_get_is_a_call_and_its_reply_is_json_with_snake_case_names_and_defaults(zoo: Zoo) -> None:
    zoo.on("GetAnimal", lambda request, _: new("Animal", id=request.id, owner={"full_name": "Bo"}, weight=5))
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/a%2Fb")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {
        "id": "a/b",
        "name": "",
        "diet": "DIET_UNSPECIFIED",
        "owner": {"full_name": "Bo"},
        "children": [],
        "weight": "5",
    }


@pytest.mark.parametrize(
    "path", ["/zoo/animals", "/zoo/animals/", "/zoo/animals?name=a", "/zoo/animals/?name=a"]
)
async def test_a_trailing_slash_is_the_same_route_without_a_redirect(zoo: Zoo, path: str) -> None:
    zoo.on("FindAnimals", lambda *_: new("Animals"))
    async with zoo.client() as client:
        assert (await client.get(path)).json() == {"animals": []}


async def test_a_trailing_slash_can_be_told_apart(zoo: Zoo) -> None:
    zoo.on("FindAnimals", lambda *_: new("Animals"))
    async with zoo.client(trailing_slash=False) as client:
        assert (await client.get("/zoo/animals/")).status_code == 404


async def test_a_literal_beats_a_variable_and_a_variable_may_hold_slashes(zoo: Zoo) -> None:
    for method in ("GetAnimal", "Popular", "File"):
        zoo.on(method, lambda request, _, method=method: new("Animal", name=method))
    async with zoo.client() as client:
        assert (await client.get("/zoo/animals/popular")).json()["name"] == "Popular"
        assert (await client.get("/zoo/animals/other")).json()["name"] == "GetAnimal"
        await client.get("/v1/cages/1/animals/2")
        assert zoo.requests[-1].id == "cages/1/animals/2"
        await client.get("/zoo/files/a/b%2Fc")
        assert zoo.requests[-1].path == "a/b%2Fc"


async def test_bodies_and_response_bodies_are_what_the_rules_say(zoo: Zoo) -> None:
    zoo.on("CreateAnimal", lambda request, _: request)
    zoo.on(
        "MoveAnimal", lambda request, _: new("Animals", animals=[{"id": request.id, "name": request.cage}])
    )
    async with zoo.client() as client:
        made = await client.post("/zoo/animals", json={"name": "Ada", "notes": {"a": [1, None]}})
        assert made.json()["notes"] == {"a": [1, None]}
        moved = await client.post("/zoo/animals/7:move", json={"cage": "x"})
        assert [(each["id"], each["name"]) for each in moved.json()] == [("7", "x")]


async def test_a_head_is_a_get_without_its_body(zoo: Zoo) -> None:
    zoo.on("GetAnimal", lambda *_: new("Animal", name="Ada"))
    zoo.on("Photo", lambda *_: body(b"12345"))
    async with listening(zoo.transcoder()) as client:
        got, head = await client.get("/zoo/animals/1"), await client.head("/zoo/animals/1")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"]
        photo = await client.head("/zoo/animals/1/photo")
        assert (photo.headers["content-type"], photo.content) == ("image/png", b"")


async def test_a_streamed_file_arrives_byte_for_byte_with_the_headers_that_the_service_set(zoo: Zoo) -> None:
    content = bytes(range(256)) * 1000
    packed = gzip.compress(content)

    async def photo(request: Any, context: Any) -> AsyncIterator[Any]:
        headers = {
            "http-etag": '"x"',
            "http-content-encoding": "gzip",
            "http-content-length": str(len(packed)),
        }
        await context.send_initial_metadata((*headers.items(), ("http-set-cookie", "a=b"), ("other", "c")))
        pieces = [packed[at : at + 1000] for at in range(0, len(packed), 1000)]
        async for each in body(*pieces, content_type="application/x-thing"):
            yield each

    zoo.on("Photo", photo)
    async with listening(zoo.transcoder()) as client, client.stream("GET", "/zoo/animals/1/photo") as reply:
        raw = b"".join([chunk async for chunk in reply.aiter_raw()])
    assert raw == packed
    assert reply.headers["content-type"] == "application/x-thing"
    assert reply.headers["etag"] == '"x"'
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["content-length"] == str(len(packed))
    assert "set-cookie" not in reply.headers
    assert "other" not in reply.headers


@pytest.mark.parametrize(
    ("status", "data"),
    [("206", b"part"), ("304", b""), ("416", b"")],
    ids=["part", "not modified", "no such range"],
)
async def test_the_service_answers_ranges_and_preconditions_itself(
    zoo: Zoo, status: str, data: bytes
) -> None:
    async def photo(request: Any, context: Any) -> AsyncIterator[Any]:
        await context.send_initial_metadata((("http-status", status), ("http-content-range", "bytes 0-3/9")))
        yield new("google.api.HttpBody", content_type="application/pdf", data=data)

    zoo.on("Photo", photo)
    asked = {"range": "bytes=0-3", "if-none-match": '"a"', "if-range": '"b"'}
    async with listening(zoo.transcoder()) as client:
        reply = await client.get("/zoo/animals/1/photo", headers=asked)
        again = await client.get("/zoo/animals/1/photo", headers=asked)
    assert (reply.status_code, reply.content) == (int(status), data)
    assert again.status_code == int(status)
    assert reply.headers["content-range"] == "bytes 0-3/9"
    assert {key: zoo.metadata[f"http-{key}"] for key in asked} == asked


async def test_a_body_in_one_piece_is_sent_as_it_is(zoo: Zoo) -> None:
    zoo.on("Badge", lambda *_: new("google.api.HttpBody", content_type="image/svg+xml", data=b"<svg/>"))
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1/badge")
    assert (reply.headers["content-type"], reply.content) == ("image/svg+xml", b"<svg/>")


async def test_bytes_of_any_type_can_be_uploaded(zoo: Zoo) -> None:
    zoo.on("HangPhoto", lambda *_: new("Animal"))
    async with zoo.client() as client:
        await client.put("/zoo/animals/1/photo", content=b"\x00\xff", headers={"content-type": "image/png"})
    assert zoo.requests[0] == new(
        "HangPhotoRequest", id="1", photo={"content_type": "image/png", "data": b"\x00\xff"}
    )


@pytest.mark.parametrize(("size", "aside"), [(10, False), (200_000, True)])
async def test_a_large_body_is_read_aside_and_holds_up_nobody(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, size: int, aside: bool
) -> None:
    parse, readers = calls.parse, []

    def note_reader(text: bytes) -> Any:
        readers.append(threading.current_thread())
        return parse(text)

    monkeypatch.setattr(calls, "parse", note_reader)
    zoo.on("CreateAnimal", lambda request, _: request)
    async with zoo.client() as client:
        made = await client.post("/zoo/animals", json={"name": "x" * size})
        assert made.json()["name"] == "x" * size
        refused = await client.post("/zoo/animals", json={"nickname": "x" * size})
        assert refused.status_code == 400
        assert "nickname" in refused.text
    assert [reader is not threading.main_thread() for reader in readers] == [aside, aside]


async def test_a_stream_is_one_json_object_a_line(zoo: Zoo) -> None:
    async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
        for name in ("a", "b"):
            yield new("Animal", name=name)

    zoo.on("Watch", watch)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals:watch")
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["result"]["name"] for line in reply.content.splitlines()] == ["a", "b"]


async def test_a_stream_that_fails_before_its_first_message_is_an_error(zoo: Zoo) -> None:
    async def photo(request: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not hung yet")
        yield

    zoo.on("Photo", photo)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1/photo")
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "not hung yet"


async def test_lines_that_break_off_end_with_the_error(zoo: Zoo) -> None:
    async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("Animal")
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watchers")

    zoo.on("Watch", watch)
    async with zoo.client() as client:
        lines = (await client.get("/zoo/animals:watch")).content.splitlines()
    assert json.loads(lines[-1])["error"]["status"] == "RESOURCE_EXHAUSTED"


async def test_bytes_that_break_off_are_never_taken_for_the_whole(zoo: Zoo) -> None:
    async def photo(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("google.api.HttpBody", content_type="image/png", data=b"half")
        await context.abort(grpc.StatusCode.DATA_LOSS, "the disk is gone")

    zoo.on("Photo", photo)
    async with listening(zoo.transcoder()) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/zoo/animals/1/photo")


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_client_that_leaves_ends_the_call(zoo: Zoo, streaming: bool) -> None:
    begun = asyncio.Event()

    async def forever(request: Any, context: Any) -> Any:
        begun.set()
        await asyncio.Event().wait()

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("google.api.HttpBody", content_type="image/png", data=b"x")
        await forever(request, context)

    zoo.on("GetAnimal", forever)
    zoo.on("Photo", stream)
    async with listening(zoo.transcoder()) as client:
        asking = asyncio.create_task(client.get("/zoo/animals/1/photo" if streaming else "/zoo/animals/1"))
        await begun.wait()
        asking.cancel()
        await asyncio.wait_for(zoo.ended.wait(), 10)


@pytest.mark.parametrize(
    ("headers", "most"),
    [
        ({}, 30),
        ({"grpc-timeout": "2S"}, 2),
        ({"request-timeout": "2.5"}, 2.5),
        ({"grpc-timeout": "99999999H"}, 30),
        ({"grpc-timeout": "9000m", "request-timeout": "4"}, 4),
    ],
)
async def test_a_client_can_only_shorten_the_deadline(zoo: Zoo, headers: dict[str, str], most: float) -> None:
    remaining = []

    def get(request: Any, context: Any) -> Any:
        remaining.append(context.time_remaining())
        return new("Animal")

    zoo.on("GetAnimal", get)
    async with zoo.client() as client:
        await client.get("/zoo/animals/1", headers=headers)
    assert most * 0.5 < remaining[0] <= most + 0.1


async def test_a_call_that_takes_too_long_is_a_504(zoo: Zoo) -> None:
    async def slow(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    zoo.on("GetAnimal", slow)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1", headers={"grpc-timeout": "50m"})
    assert (reply.status_code, reply.json()["error"]["status"]) == (504, "DEADLINE_EXCEEDED")


async def test_only_allowed_headers_and_the_application_s_metadata_reach_the_service(zoo: Zoo) -> None:
    async def metadata(scope: Any) -> list[tuple[str, str]]:
        return [("x-client-ip", scope["client"][0])]

    zoo.on("GetAnimal", lambda *_: new("Animal"))
    async with zoo.client(
        request_headers={"accept-language": "accept-language"}, metadata=metadata
    ) as client:
        sent = {
            "accept-language": "de",
            "x-client-ip": "6.6.6.6",
            "grpc-metadata-x": "y",
            "range": "bytes=0-",
        }
        await client.get("/zoo/animals/1", headers=sent)
    assert zoo.metadata["accept-language"] == "de"
    assert zoo.metadata["x-client-ip"] == "127.0.0.1"
    assert not {"grpc-metadata-x", "x", "range", "http-range"} & zoo.metadata.keys()


async def test_the_application_may_refuse_a_request(zoo: Zoo) -> None:
    async def metadata(scope: Any) -> list[tuple[str, str]]:
        raise Fault("UNAUTHENTICATED", "who are you?", headers={"www-authenticate": "Bearer"})

    zoo.on("GetAnimal", lambda *_: new("Animal"))
    async with zoo.client(metadata=metadata) as client:
        reply = await client.get("/zoo/animals/1")
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert zoo.requests == []


def status(code: int, message: str, *details: Any) -> status_pb2.Status:
    made = status_pb2.Status(code=code, message=message)
    for detail in details:
        made.details.add().Pack(detail)
    return made


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


def named(zoo: Zoo, length: int, etag: str = "") -> None:
    zoo.on("GetCage", lambda request, context: new("Cage", id="a" * length, etag=etag))


@pytest.mark.parametrize(
    ("accepted", "is_coded"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("gzip, *;q=0", True),
        ("gzip;q=0, *", False),
        ("gzip;q=0", False),
        ("br", False),
        ("identity", False),
        ("", False),
    ],
)
async def test_json_worth_it_is_compressed_for_who_accepts_that(
    zoo: Zoo, accepted: str, is_coded: bool
) -> None:
    named(zoo, 2000)
    async with zoo.client() as client:
        reply = await client.get("/zoo/cages/a", headers={"accept-encoding": accepted})
    assert reply.json()["id"] == "a" * 2000
    assert ("content-encoding" in reply.headers) is is_coded
    assert (int(reply.headers["content-length"]) < 200) is is_coded
    assert reply.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(("length", "etag"), [(100, ""), (2000, "v1")])
async def test_little_and_what_has_an_entity_tag_goes_as_it_is(zoo: Zoo, length: int, etag: str) -> None:
    named(zoo, length, etag)
    async with zoo.client() as client:
        reply = await client.get("/zoo/cages/a", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in reply.headers
