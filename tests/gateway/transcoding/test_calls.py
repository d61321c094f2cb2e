"""An HTTP request is one RPC on a real gRPC server, and its answer is the RPC's."""

import asyncio
from typing import Any

import pytest

from gateway.transcoding import Fault
from tests.gateway.transcoding.conftest import Zoo, body, listening, new


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
