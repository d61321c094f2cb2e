"""An upload of any size is a stream of messages: bounded, as fast as it is taken, and never cut unseen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest

from gateway.transcoding import openapi
from gateway.transcoding.uploads import CHUNK_BYTES
from tests.gateway.transcoding.conftest import IMAGE, Zoo, listening, new

PATH = "/zoo/animals/7/film"


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for each in given:
        yield each


def counting(seen: list[Any]) -> Any:
    async def film(requests: Any, _: Any) -> Any:
        seen.extend([each async for each in requests])
        return new("Animal", name="done", weight=sum(len(each.photo.data) for each in seen))

    return film


async def test_the_first_message_says_what_and_the_others_hold_the_bytes(zoo: Zoo) -> None:
    seen: list[Any] = []
    zoo.on("FilmAnimal", counting(seen))
    sent = bytes(range(256)) * 1000
    async with listening(zoo.transcoder()) as client:
        headers = {"content-type": "video/mp4", "idempotency-key": "key-1"}
        reply = await client.post(f"{PATH}?title=Ada", content=sent, headers=headers)
        streamed = await client.post(PATH, content=pieces(b"ab", b"c" * (2 * CHUNK_BYTES)))
        empty = await client.post(PATH, content=b"")
    assert reply.json()["weight"] == str(len(sent))
    opening, *parts = seen[: 1 + len(sent) // CHUNK_BYTES + 1]
    assert opening == new(
        "HangPhotoRequest", id="7", title="Ada", request_id="key-1", photo={"content_type": "video/mp4"}
    )
    assert b"".join(each.photo.data for each in seen)[: len(sent)] == sent
    assert all(0 < len(each.photo.data) <= CHUNK_BYTES and not each.id for each in parts[:-1])
    assert [each.is_last for each in seen].count(True) == 3
    assert seen[-2:] == [new("HangPhotoRequest", id="7", photo={}), new("HangPhotoRequest", is_last=True)]
    assert (streamed.status_code, empty.status_code) == (200, 200)


async def test_what_the_query_gets_wrong_is_said_before_anything_is_sent_on(zoo: Zoo) -> None:
    zoo.on("FilmAnimal", counting([]))
    async with listening(zoo.transcoder()) as client:
        reply = await client.post(f"{PATH}?colour=red", content=b"x" * 100)
    assert (reply.status_code, zoo.requests) == (400, [])


@pytest.mark.parametrize("announced", [True, False])
async def test_too_large_a_body_is_refused_and_the_call_is_cancelled(zoo: Zoo, announced: bool) -> None:
    zoo.on("FilmAnimal", counting([]))
    body = b"x" * 300_000
    async with listening(zoo.transcoder(maximum_upload_bytes=200_000)) as client:
        reply = await client.post(PATH, content=body if announced else pieces(body[:150_000], body[150_000:]))
    assert reply.status_code == 413
    assert "200000 bytes" in reply.json()["error"]["message"]
    if not announced:
        await asyncio.wait_for(zoo.ended.wait(), 5)


async def test_a_body_that_stalls_is_given_up(zoo: Zoo) -> None:
    zoo.on("FilmAnimal", counting([]))

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(30)

    async with listening(zoo.transcoder(upload_idle_timeout=0.2)) as client:
        with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, TimeoutError)):
            async with asyncio.timeout(3):
                await client.post(PATH, content=stalling())
    await asyncio.wait_for(zoo.ended.wait(), 5)


async def test_a_sender_that_goes_away_takes_the_call_along(zoo: Zoo) -> None:
    began = asyncio.Event()
    last: list[bool] = []

    async def film(requests: Any, _: Any) -> Any:
        async for each in requests:
            last.append(each.is_last)
            began.set()
        await asyncio.sleep(60)

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await began.wait()
        raise RuntimeError("the cable was pulled")

    zoo.on("FilmAnimal", film)
    async with listening(zoo.transcoder()) as client:
        with pytest.raises(RuntimeError):
            await client.post(PATH, content=endless())
        await asyncio.wait_for(zoo.ended.wait(), 5)
    assert not any(last)


async def test_a_service_that_has_seen_enough_is_heard_although_the_client_still_sends(zoo: Zoo) -> None:
    async def film(requests: Any, context: Any) -> Any:
        await anext(aiter(requests))
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such film")

    zoo.on("FilmAnimal", film)
    async with listening(zoo.transcoder()) as client:
        # Often: gRPC's own way to send loses such an answer now and then.
        for _ in range(20):
            reply = await client.post(PATH, content=pieces(*[b"x" * 100_000] * 20))
            assert (reply.status_code, reply.json()["error"]["message"]) == (400, "no such film")


async def test_the_body_is_taken_no_faster_than_the_service_reads(zoo: Zoo) -> None:
    go_on = asyncio.Event()
    sent = 0
    total = 64 * 1024 * 1024

    async def film(requests: Any, _: Any) -> Any:
        await go_on.wait()
        return new("Animal", weight=sum([len(each.photo.data) async for each in requests]))

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < total:
            sent += 65_536
            yield b"x" * 65_536

    zoo.on("FilmAnimal", film)
    async with listening(zoo.transcoder()) as client:
        posting = asyncio.create_task(client.post(PATH, content=body()))
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.3)
        # What lies in sockets and windows between here and there, and no more.
        assert sent < total // 2
        go_on.set()
        assert (await posting).json()["weight"] == str(total)


def test_an_upload_is_described_and_another_client_stream_is_not() -> None:
    paths = openapi.document(IMAGE, title="Zoo", version="1")["paths"]
    assert "*/*" in paths["/zoo/animals/{id}/film"]["post"]["requestBody"]["content"]
    named = {each["name"] for each in paths["/zoo/animals/{id}/film"]["post"]["parameters"]}
    assert named == {"id", "title", "request_id", "Idempotency-Key"}
    assert "/zoo/feed" not in paths
