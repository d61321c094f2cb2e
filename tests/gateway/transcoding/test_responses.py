"""Files and streams pass byte for byte, and an end before their end is never taken for it."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest

from gateway.transcoding import calls
from tests.gateway.transcoding.conftest import Zoo, body, listening, new


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
