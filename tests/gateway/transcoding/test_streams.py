"""Promise: a stream of messages is server-sent events to who asks for them, and can be resumed as such."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from gateway.transcoding import openapi, streams
from tests.gateway.transcoding.conftest import IMAGE, Zoo, listening, new

EVENTS = {"accept": "text/event-stream"}


def seen(zoo: Zoo, *tokens: str) -> None:
    async def follow(request: Any, context: Any) -> AsyncIterator[Any]:
        for token in tokens:
            yield new("Sighting", name="line\nbreak", resume_token=token)

    zoo.on("Follow", follow)


async def test_an_event_has_the_message_as_data_and_its_token_as_id(zoo: Zoo) -> None:
    seen(zoo, "a", "", "b\nid: x")
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals:follow", headers=EVENTS)
    assert reply.headers["content-type"] == "text/event-stream"
    assert (reply.headers["cache-control"], reply.headers["x-accel-buffering"]) == ("no-store", "no")
    first, second, third, rest = reply.text.split("\n\n")
    assert first.splitlines()[0] == "id: a"
    assert json.loads(first.splitlines()[1].removeprefix("data: ")) == {
        "name": "line\nbreak",
        "resume_token": "a",
    }
    # Without a token, or with one that would break out of its line, there is no id.
    assert [second[:6], third[:6], rest] == ["data: ", "data: ", ""]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/event-stream", streams.EVENTS),
        ("application/json;q=0.4, Text/Event-Stream;q=0.5", streams.EVENTS),
        ("text/event-stream, application/x-ndjson, application/json", streams.EVENTS),
        ("text/event-stream;q=0.5, application/x-ndjson", streams.LINES),
        ("text/event-stream;q=0", streams.LINES),
        ("application/x-ndjson, application/json", streams.LINES),
        ("application/json, text/plain, */*", streams.ARRAY),
        ("application/json, text/event-stream;q=0.5", streams.ARRAY),
        ("application/json;q=0", streams.LINES),
        ("*/*", streams.LINES),
        ("", streams.LINES),
        (";q=,,;;q=1", streams.LINES),
    ],
)
async def test_the_form_of_a_stream_is_a_matter_of_what_is_accepted(zoo: Zoo, accept: str, form: str) -> None:
    seen(zoo, "a")
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals:follow", headers={"accept": accept})
    assert reply.headers["content-type"] == form
    if form == streams.LINES:
        assert json.loads(reply.text)["result"]["resume_token"] == "a"


@pytest.mark.parametrize("accept", ["*/*", "", "text/html", "application/json;q=0"])
def test_who_names_no_form_gets_the_usual_one(accept: str) -> None:
    assert streams.framing(accept, streams.EVENTS).content_type == streams.EVENTS
    assert streams.framing(accept).content_type == streams.LINES


@pytest.mark.parametrize("tokens", [[], ["a"], ["a", "b", "c"]])
async def test_an_array_is_whole_json_of_any_length(zoo: Zoo, tokens: list[str]) -> None:
    seen(zoo, *tokens)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals:follow", headers={"accept": "application/json"})
    assert [each["result"]["resume_token"] for each in reply.json()] == tokens


async def test_an_array_that_breaks_off_is_whole_json_with_the_failure_last(zoo: Zoo) -> None:
    async def follow(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("Sighting", resume_token="a")
        await context.abort(grpc.StatusCode.ABORTED, "too slow")

    zoo.on("Follow", follow)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals:follow", headers={"accept": "application/json"})
    first, last = reply.json()
    assert first["result"]["resume_token"] == "a"
    assert last["error"]["status"] == "ABORTED"


async def test_a_client_resumes_with_the_header_or_the_query_and_the_header_is_newer(zoo: Zoo) -> None:
    seen(zoo)
    async with zoo.client() as client:
        for query, headers, token in (
            ("", {}, ""),
            ("?resume_token=a", {}, "a"),
            ("", {"last-event-id": "b"}, "b"),
            ("?resume_token=a", {"last-event-id": "b"}, "b"),
        ):
            await client.get(f"/zoo/animals:follow{query}", headers={**EVENTS, **headers})
            assert zoo.requests[-1].resume_token == token
        refused = await client.get("/zoo/animals:follow", headers={"last-event-id": b"\xe9"})
    assert refused.status_code == 400
    assert "Last-Event-ID" in refused.text


async def test_a_stream_without_tokens_has_events_without_ids(zoo: Zoo) -> None:
    async def watch(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("Animal", name="a")

    zoo.on("Watch", watch)
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals:watch", headers={**EVENTS, "last-event-id": "nobody asked"})
    assert reply.text.startswith("data: {")


async def test_events_that_break_off_end_with_a_failure(zoo: Zoo) -> None:
    async def follow(request: Any, context: Any) -> AsyncIterator[Any]:
        yield new("Sighting", resume_token="a")
        await context.abort(grpc.StatusCode.ABORTED, "too slow")

    zoo.on("Follow", follow)
    async with zoo.client() as client:
        text = (await client.get("/zoo/animals:follow", headers=EVENTS)).text
    kind, data = text.split("\n\n")[1].splitlines()
    assert kind == "event: failure"
    assert json.loads(data.removeprefix("data: "))["error"]["status"] == "ABORTED"


async def endless(request: Any, context: Any) -> AsyncIterator[Any]:
    yield new("Sighting", resume_token="a")
    await asyncio.Event().wait()


async def test_silence_is_told_from_death(zoo: Zoo) -> None:
    zoo.on("Follow", endless)
    async with (
        listening(zoo.transcoder(silence=0.01)) as client,
        client.stream("GET", "/zoo/animals:follow", headers=EVENTS) as reply,
    ):
        text = ""
        async for piece in reply.aiter_text():
            text += piece
            if text.endswith("\n\n:\n\n:\n\n"):
                break
    await asyncio.wait_for(zoo.ended.wait(), 10)


@pytest.mark.parametrize("headers", [EVENTS, {}])
async def test_a_server_that_stops_ends_its_streams_properly(zoo: Zoo, headers: dict[str, str]) -> None:
    zoo.on("Follow", endless)
    transcoder = zoo.transcoder()
    async with (
        listening(transcoder) as client,
        client.stream("GET", "/zoo/animals:follow", headers=headers) as reply,
    ):
        pieces = reply.aiter_bytes()
        await anext(pieces)
        transcoder.drain()
        # A cut connection would raise.
        assert [piece async for piece in pieces] == []
    await asyncio.wait_for(zoo.ended.wait(), 10)


async def test_a_client_that_leaves_a_stream_ends_the_call(zoo: Zoo) -> None:
    zoo.on("Follow", endless)
    async with listening(zoo.transcoder()) as client:
        async with client.stream("GET", "/zoo/animals:follow", headers=EVENTS) as reply:
            await anext(reply.aiter_bytes())
        await asyncio.wait_for(zoo.ended.wait(), 10)


def test_the_document_tells_of_all_forms_and_of_the_header() -> None:
    document = openapi.document(IMAGE, title="Zoo", version="v1")
    operation = document["paths"]["/zoo/animals:follow"]["get"]
    assert set(operation["responses"]["200"]["content"]) == {streams.EVENTS, streams.LINES, streams.ARRAY}
    assert {"resume_token", "Last-Event-ID"} == {each["name"] for each in operation["parameters"]}
