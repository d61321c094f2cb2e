"""Whatever is wrong with a request, the answer is a 4xx that names the field or the fix."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.transcoding.conftest import Zoo, listening, new

JSON = {"content-type": "application/json"}


def error(reply: httpx.Response) -> Any:
    found = reply.json()["error"]
    assert found["code"] == reply.status_code
    assert found["details"][0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert found["details"][0]["domain"] == "zoo"
    return found


def field(reply: httpx.Response) -> str:
    return str(error(reply)["details"][1]["field_violations"][0]["field"])


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"nmae": "Ada"}', "nmae"),
        (b'{"owner": {"nope": 1}}', "owner.nope"),
        (b'{"name": "a\\u0000b"}', "name"),
        (b'{"notes": {"a": "\\u0000"}}', "notes"),
        (b'{"diet": "GRASS"}', "diet"),
        (b'{"weight": "heavy"}', "weight"),
        (b'{"children": [{"name": 5}]}', "children[0].name"),
    ],
)
async def test_a_wrong_body_names_the_field(zoo: Zoo, body: bytes, name: str) -> None:
    async with zoo.client() as client:
        reply = await client.post("/zoo/animals", content=body, headers=JSON)
    assert reply.status_code == 400
    assert field(reply) == name
    assert zoo.requests == []


@pytest.mark.parametrize(
    "body", [b"{", b'{"a": NaN}', b'{"name": "\xff"}', b"[]", b"null", b'"x"', b"[" * 100_000, b"\x00"]
)
async def test_a_body_that_is_no_json_object_is_a_400(zoo: Zoo, body: bytes) -> None:
    async with zoo.client() as client:
        reply = await client.post("/zoo/animals", content=body, headers=JSON)
    assert reply.status_code == 400
    assert "JSON" in error(reply)["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/zoo/animals?nmae=x",
        "/zoo/animals?is_tame=maybe",
        "/zoo/animals?name=%00",
        "/zoo/animals?weight=1e99",
        "/zoo/animals?name=%ff",
        "/zoo/animals?name=%",
        "/zoo/animals/%ff",
        "/zoo/animals/%zz",
        "/zoo/animals/a%00b",
    ],
)
async def test_a_wrong_path_or_query_is_a_400(zoo: Zoo, path: str) -> None:
    zoo.on("FindAnimals", lambda *_: new("Animals"))
    async with zoo.client() as client:
        request = client.build_request("GET", "http://zoo")
        raw, _, query = path.partition("?")
        request.url = httpx.URL("http://zoo").copy_with(raw_path=path.encode())
        assert request.url.raw_path == path.encode(), (raw, query)
        reply = await client.send(request)
    assert reply.status_code == 400
    error(reply)
    assert zoo.requests == []


async def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405_that_says_which(zoo: Zoo) -> None:
    async with zoo.client() as client:
        assert error(await client.get("/zoo/plants"))["status"] == "NOT_FOUND"
        for path in ("/zoo/animals", "/zoo/animals/"):
            reply = await client.delete(path)
            assert reply.status_code == 405
            assert reply.headers["allow"] == "GET, HEAD, OPTIONS, POST"
            assert error(reply)["details"][0]["reason"] == "METHOD_NOT_ALLOWED"
        options = await client.options("/zoo/animals")
        assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "application/jsonx"},
    ],
)
async def test_a_body_that_does_not_say_that_it_is_json_is_a_415(zoo: Zoo, headers: dict[str, str]) -> None:
    async with zoo.client() as client:
        reply = await client.post("/zoo/animals", content=b"{}", headers=headers)
    assert reply.status_code == 415
    assert "Content-Type: application/json" in error(reply)["message"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/merge-patch+json", "Application/JSON"]
)
async def test_json_by_any_of_its_names_is_read(zoo: Zoo, kind: str) -> None:
    zoo.on("CreateAnimal", lambda request, _: request)
    async with zoo.client() as client:
        assert (
            await client.post("/zoo/animals", content=b"{}", headers={"content-type": kind})
        ).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_a_413_that_arrives(zoo: Zoo, announced: bool) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 30_000

    content: Any = b" " * 3_000_000 if announced else chunks()
    async with listening(zoo.transcoder(maximum_body_bytes=10_000)) as client:
        reply = await client.post("/zoo/animals", content=content, headers=JSON)
    assert reply.status_code == 413
    assert "10000 bytes" in error(reply)["message"]


async def test_a_method_without_a_body_refuses_one(zoo: Zoo) -> None:
    async with zoo.client() as client:
        reply = await client.request("GET", "/zoo/animals/1", content=b"{}", headers=JSON)
    assert reply.status_code == 400
    assert "no body" in error(reply)["message"]


@pytest.mark.parametrize(
    "headers", [{"grpc-timeout": "soon"}, {"grpc-timeout": "1"}, {"request-timeout": "-1"}]
)
async def test_a_timeout_that_cannot_be_read_is_a_400(zoo: Zoo, headers: dict[str, str]) -> None:
    async with zoo.client() as client:
        reply = await client.get("/zoo/animals/1", headers=headers)
    assert reply.status_code == 400
    assert field(reply).lower() in headers


async def test_what_streams_from_the_client_is_not_there(zoo: Zoo) -> None:
    async with zoo.client() as client:
        assert (await client.post("/zoo/feed", json={})).status_code == 404


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"]),
    st.text(alphabet="/zo{}animals:%7e0f*?&=[]._-", max_size=24),
    st.binary(max_size=12),
)
async def test_no_request_whatsoever_is_a_5xx(zoo: Zoo, method: str, path: str, content: bytes) -> None:
    zoo.on("FindAnimals", lambda *_: new("Animals"))
    for name in ("GetAnimal", "CreateAnimal", "UpdateAnimal", "File", "Popular", "HangPhoto"):
        zoo.on(name, lambda *_: new("Animal"))
    raw, _, query = path.partition("?")
    sent: list[Any] = []
    events = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Any:
        return events.pop() if events else await asyncio.Event().wait()

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": method,
        "path": raw,
        "raw_path": b"/zoo" + raw.encode(),
        "query_string": query.encode(),
        "headers": [(b"content-type", b"application/json")],
        "root_path": "",
    }
    await zoo.transcoder()(scope, receive, send)
    assert sent[0]["status"] < 500
