"""Promise: downloads are byte-exact, in small messages, with conditions and ranges as in RFC 9110."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st

from services.downloads import CHUNK_BYTES, Answer, disposition, negotiate, send
from services.errors import DataLoss

ETAG = "ab" * 32


class Call:
    """The two sides of a server context that a download touches."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.asked = tuple(headers.items())
        self.answered: dict[str, str] = {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self.asked

    async def send_initial_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None:
        assert not self.answered
        self.answered = dict(metadata)


class Stored:
    """Bytes that remember how they were read."""

    def __init__(self, content: bytes, piece: int = 100_000) -> None:
        self.content, self.piece = content, piece
        self.readings: list[tuple[int, int]] = []

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        self.readings.append((start, length))
        for at in range(start, start + length, self.piece):
            yield self.content[at : min(at + self.piece, start + length)]


async def download(
    stored: Stored, headers: Mapping[str, str] | None = None, **options: Any
) -> tuple[dict[str, str], list[HttpBody]]:
    call = Call(headers or {})
    bodies = [
        body
        async for body in send(
            call,  # type: ignore[arg-type]
            content_type="application/gzip",
            size=len(stored.content),
            etag=ETAG,
            read=stored.read,
            **options,
        )
    ]
    return call.answered, bodies


def together(bodies: list[HttpBody]) -> bytes:
    return b"".join(body.data for body in bodies)


async def test_the_whole_arrives_unchanged_in_messages_of_at_most_64_kib() -> None:
    stored = Stored(bytes(range(256)) * 1000)
    answered, bodies = await download(stored, filename="inputs.json.gz")
    assert together(bodies) == stored.content
    assert max(len(body.data) for body in bodies) <= CHUNK_BYTES
    assert [body.content_type for body in bodies] == ["application/gzip"] + [""] * (len(bodies) - 1)
    assert answered == {
        "http-status": "200",
        "http-etag": f'"{ETAG}"',
        "http-accept-ranges": "bytes",
        "http-cache-control": "private, no-cache",
        "http-content-length": "256000",
        "http-content-disposition": 'attachment; filename="inputs.json.gz"',
    }


async def test_a_content_coding_is_named_and_the_bytes_are_left_alone() -> None:
    answered, bodies = await download(Stored(b"\x1f\x8b..."), content_encoding="gzip")
    assert answered["http-content-encoding"] == "gzip"
    assert "http-content-disposition" not in answered
    assert together(bodies) == b"\x1f\x8b..."


async def test_a_range_reads_only_its_own_bytes() -> None:
    stored = Stored(bytes(range(100)))
    answered, bodies = await download(stored, {"http-range": "bytes=10-19"})
    assert together(bodies) == bytes(range(10, 20))
    assert stored.readings == [(10, 10)]
    assert (answered["http-status"], answered["http-content-range"]) == ("206", "bytes 10-19/100")
    assert answered["http-content-length"] == "10"


async def test_a_range_beyond_the_end_is_told_the_size_and_reads_nothing() -> None:
    stored = Stored(bytes(100))
    answered, bodies = await download(stored, {"http-range": "bytes=100-"}, filename="a")
    assert (answered["http-status"], answered["http-content-range"]) == ("416", "bytes */100")
    assert together(bodies) == b""
    assert stored.readings == []
    assert "http-content-disposition" not in answered
    assert "http-content-length" not in answered


async def test_a_current_copy_is_not_sent_again() -> None:
    stored = Stored(bytes(100))
    answered, bodies = await download(stored, {"http-if-none-match": f'"x", W/"{ETAG}"'})
    assert answered["http-status"] == "304"
    assert answered["http-etag"] == f'"{ETAG}"'
    assert "http-content-length" not in answered
    assert together(bodies) == b""
    assert stored.readings == []


async def test_an_empty_file_is_one_empty_message_with_its_type() -> None:
    answered, bodies = await download(Stored(b""), {"http-range": "bytes=0-"})
    assert answered["http-status"] == "200"
    assert answered["http-content-length"] == "0"
    assert [body.content_type for body in bodies] == ["application/gzip"]
    assert together(bodies) == b""


@pytest.mark.parametrize("yielded", [b"", b"123", b"12345"])
async def test_bytes_that_are_not_what_was_announced_are_an_error(yielded: bytes) -> None:
    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        yield yielded

    with pytest.raises(DataLoss):
        async for _ in send(
            Call({}),  # type: ignore[arg-type]
            content_type="text/plain",
            size=4,
            etag=ETAG,
            read=read,
        ):
            pass


@pytest.mark.parametrize(
    ("byte_range", "expected"),
    [
        ("bytes=0-0", Answer(206, 0, 1)),
        ("bytes=0-", Answer(206, 0, 10)),
        ("bytes=9-", Answer(206, 9, 1)),
        ("bytes=3-99", Answer(206, 3, 7)),
        ("bytes=-3", Answer(206, 7, 3)),
        ("bytes=-99", Answer(206, 0, 10)),
        ("Bytes= 1-2 ", Answer(206, 1, 2)),
        ("bytes=10-", Answer(416)),
        ("bytes=10-20", Answer(416)),
        ("bytes=-0", Answer(416)),
        ("bytes=5-4", Answer(200, 0, 10)),
        ("bytes=-", Answer(200, 0, 10)),
        ("bytes=0-1,3-4", Answer(200, 0, 10)),
        ("lines=0-1", Answer(200, 0, 10)),
        ("bytes=a-b", Answer(200, 0, 10)),
        ("bytes=٣-٤", Answer(200, 0, 10)),
        ("bytes=0-" + "9" * 5000, Answer(200, 0, 10)),
        ("", Answer(200, 0, 10)),
    ],
)
def test_a_range_of_ten_bytes(byte_range: str, expected: Answer) -> None:
    assert negotiate(10, ETAG, byte_range=byte_range) == expected


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(f'"{ETAG}"', 206), (f'W/"{ETAG}"', 200), ('"other"', 200), ("Sat, 21 Nov 2026 10:00:00 GMT", 200)],
)
def test_a_range_is_only_resumed_on_the_very_same_bytes(if_range: str, status: int) -> None:
    assert negotiate(10, ETAG, byte_range="bytes=1-2", if_range=if_range).status == status


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [("*", 304), (f'"{ETAG}"', 304), (f'"a,b", "{ETAG}"', 304), ('"other"', 200), (ETAG, 200), ("", 200)],
)
def test_if_none_match_comes_before_any_range(if_none_match: str, status: int) -> None:
    assert negotiate(10, ETAG, if_none_match=if_none_match).status == status
    assert negotiate(10, ETAG, if_none_match=if_none_match, byte_range="bytes=99-").status == (
        304 if status == 304 else 416
    )


@given(
    content=st.binary(max_size=300),
    first=st.none() | st.integers(0, 400),
    last=st.none() | st.integers(0, 400),
)
def test_every_range_is_the_slice_that_it_names(content: bytes, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    answer = negotiate(len(content), ETAG, byte_range=header)
    got = content[answer.start : answer.start + answer.length]
    if answer.status == 206:
        assert got == (
            content[-(last or 0) :] if first is None else content[first : None if last is None else last + 1]
        )
        assert len(got) == answer.length > 0
    elif answer.status == 416:
        assert (first or 0) >= len(content) or (first is None and last == 0)
    else:
        assert got == content


@given(st.text())
def test_no_file_name_breaks_out_of_its_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2


def test_a_name_of_another_script_is_kept_beside_a_plain_one() -> None:
    assert disposition("Prüfung.pdf", inline=True) == (
        "inline; filename=\"Pr_fung.pdf\"; filename*=UTF-8''Pr%C3%BCfung.pdf"
    )


async def test_a_header_sent_twice_is_one_list_and_binary_metadata_are_none_of_ours() -> None:
    call = Call({})
    call.asked = (
        ("http-if-none-match", '"x"'),
        ("http-if-none-match", f'"{ETAG}"'),
        ("http-range", b"bytes=0-1"),  # type: ignore[assignment]
    )
    sending = send(call, content_type="a/b", size=4, etag=ETAG, read=Stored(b"1234").read)  # type: ignore[arg-type]
    assert together([body async for body in sending]) == b""
    assert call.answered["http-status"] == "304"


async def test_a_real_call_gets_status_and_headers_before_the_bytes() -> None:
    stored = Stored(bytes(200_000))

    async def serve(_: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[HttpBody]:
        async for body in send(
            context, content_type="a/b", size=200_000, etag=ETAG, read=stored.read, filename="ä.pdf"
        ):
            yield body

    server = grpc.aio.server()
    handler = grpc.unary_stream_rpc_method_handler(serve, response_serializer=HttpBody.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Get": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_stream("/t.T/Get", response_deserializer=HttpBody.FromString)(
            b"", metadata=(("http-range", "bytes=-100000"),), timeout=10
        )
        answered = dict(await call.initial_metadata())  # type: ignore[arg-type]
        received = together([body async for body in call])
    await server.stop(None)
    assert answered["http-content-range"] == "bytes 100000-199999/200000"
    assert received == bytes(100_000)
