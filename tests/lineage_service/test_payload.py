"""Promise: nothing is stored that is not, bit for bit, what was announced, and memory stays bounded."""

import gzip
import os
import random
import subprocess
import sys
import tempfile
import zlib
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_service.domain import LOG_PIECE_BYTES, MIB, Content, Limits, Part
from lineage_service.payload import Delivery, receive
from services.errors import InvalidArgument, ResourceExhausted
from tests.lineage_service.builders import INPUTS, LOG, Sent, a_report, digest, zipped

LIMITS = Limits()


async def taken(sent: Sent, size: int = MIB, limits: Limits = LIMITS) -> dict[Content, bytes]:
    """Receive what was sent and return what would be stored."""
    async with receive(sent.facts, sent.arrivals(size), limits) as delivery:
        return {
            content: b"".join([piece.content async for piece in delivery.pieces(content)])
            for content in Content
        }


async def refusal(sent: Sent, size: int = MIB, limits: Limits = LIMITS) -> tuple[str, str]:
    """Return the field and the reason that what was sent is refused for."""
    with pytest.raises(InvalidArgument) as refused:
        await taken(sent, size, limits)
    ((field, _, reason),) = refused.value.violations
    return field, reason


def deliver(sent: Sent, cuts: list[int]) -> bytes:
    """Receive the inputs cut at these places, then the log; return the spooled bytes."""
    whole = b"".join(sent.parts)
    edges = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    with tempfile.SpooledTemporaryFile() as spool:
        delivery = Delivery(sent.facts, LIMITS, spool)
        for start, end in pairwise(edges):
            delivery.take(Content.INPUTS, whole[start:end])
        delivery.take(Content.LOG, sent.log)
        delivery.finish()
        spool.seek(0)
        return spool.read()


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=6),
    cuts=st.lists(st.integers(min_value=0, max_value=20_000), max_size=20),
)
def test_any_parts_cut_anywhere_arrive_as_they_were_sent(pieces: list[bytes], cuts: list[int]) -> None:
    sent = a_report(*pieces)
    assert deliver(sent, cuts) == b"".join(sent.parts) + sent.log


@pytest.mark.parametrize("size", [1, 7, 1000, MIB])
async def test_the_size_of_messages_does_not_matter(size: int) -> None:
    sent = a_report(b"one" * 50, os.urandom(300), b"3")
    stored = await taken(sent, size)
    assert stored == {Content.INPUTS: b"".join(sent.parts), Content.LOG: sent.log}


async def test_every_flipped_bit_of_a_part_is_refused() -> None:
    sent = a_report(b'{"a":1}' * 8)
    (part,) = sent.parts
    for bit in range(len(part) * 8):
        flipped = bytearray(part)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidArgument):
            deliver(Sent(sent.facts, (bytes(flipped),), sent.log), [])


async def test_every_flipped_bit_of_what_is_unfolded_is_refused_even_with_a_true_digest_of_the_part() -> None:
    sent = a_report(b'{"a":1}' * 8)
    (part,) = sent.parts
    for bit in range(10 * 8, len(part) * 8):
        flipped = bytearray(part)
        flipped[bit // 8] ^= 1 << bit % 8
        lying = a_report(b'{"a":1}' * 8, parts=(bytes(flipped),))
        try:
            stored = deliver(lying, [])
        except InvalidArgument:
            continue
        # Bits that pad the last byte of DEFLATE mean nothing: what is unfolded is still the truth.
        assert gzip.decompress(stored[: len(part)]) == b'{"a":1}' * 8


async def test_every_flipped_bit_of_the_log_is_refused() -> None:
    sent = a_report(log=b'{"event":"x"}\n')
    for bit in range(len(sent.log) * 8):
        flipped = bytearray(sent.log)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidArgument):
            deliver(Sent(sent.facts, sent.parts, bytes(flipped)), [])


@pytest.mark.parametrize("size", [1, MIB])
@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (zipped(INPUTS) + zipped(b""), "GZIP_TRAILING_DATA"),
        (zipped(INPUTS[:100]) + zipped(INPUTS[100:]), "GZIP_TRAILING_DATA"),
        (zipped(INPUTS) + b"\0", "GZIP_TRAILING_DATA"),
        (zipped(INPUTS) + b"junk" * 9999, "GZIP_TRAILING_DATA"),
        (zipped(INPUTS)[:-1], "GZIP_TRUNCATED"),
        (zipped(INPUTS)[:-8], "GZIP_TRUNCATED"),
        (zipped(INPUTS)[:5], "GZIP_TRUNCATED"),
        (zlib.compress(INPUTS), "GZIP_INVALID"),
        (INPUTS, "GZIP_INVALID"),
        (b"\x1f\x8b\x08\xe0" + zipped(INPUTS)[4:], "GZIP_INVALID"),
        (zipped(INPUTS)[:-8] + bytes(8), "GZIP_INVALID"),
        (zipped(INPUTS)[:-4] + (1).to_bytes(4, "little"), "GZIP_INVALID"),
    ],
)
async def test_a_part_is_one_whole_gzip_member_and_nothing_else(
    member: bytes, reason: str, size: int
) -> None:
    assert await refusal(a_report(parts=(member,)), size) == ("raw_inputs", reason)
    assert await refusal(a_report(log=INPUTS, log_gzip=member), size) == ("logs", reason)


@pytest.mark.parametrize(
    ("sent", "field", "reason"),
    [
        (a_report().but(inputs_size=len(INPUTS) - 1), "header.raw_inputs_size_bytes", "SIZE_MISMATCH"),
        (a_report().but(inputs_size=len(INPUTS) + 1), "header.raw_inputs_size_bytes", "SIZE_MISMATCH"),
        (a_report().but(inputs_sha256=digest(b"")), "header.inputs_sha256", "DIGEST_MISMATCH"),
        (a_report().but(log_size=len(LOG) - 1), "header.logs_size_bytes", "SIZE_MISMATCH"),
        (a_report().but(log_size=len(LOG) + 1), "header.logs_size_bytes", "SIZE_MISMATCH"),
        (a_report().but(log_sha256=digest(b"")), "header.logs_sha256", "DIGEST_MISMATCH"),
    ],
)
async def test_a_lie_is_told_by_the_field_that_tells_it(sent: Sent, field: str, reason: str) -> None:
    assert await refusal(sent) == (field, reason)


async def test_a_digest_that_is_not_the_parts_own_names_the_part() -> None:
    sent = a_report(b"one", b"two")
    lying = sent.but(parts=(sent.facts.parts[0], Part(sent.facts.parts[1].size, digest(b""))))
    assert await refusal(lying) == ("header.parts[1].sha256", "DIGEST_MISMATCH")


async def test_parts_in_another_order_are_refused() -> None:
    sent = a_report(b"same size 1", b"same size 2")
    swapped = Sent(sent.facts, sent.parts[::-1], sent.log)
    assert await refusal(swapped) == ("header.parts[0].sha256", "DIGEST_MISMATCH")


async def test_bytes_that_are_missing_or_too_many_are_refused() -> None:
    sent = a_report(b"one", b"two")
    assert await refusal(Sent(sent.facts, sent.parts[:1], b"")) == ("raw_inputs", "MISSING_BYTES")
    assert await refusal(Sent(sent.facts, sent.parts[:1], sent.log)) == ("logs", "OUT_OF_ORDER")
    assert await refusal(Sent(sent.facts, (), b"")) == ("raw_inputs", "MISSING_BYTES")
    assert await refusal(Sent(sent.facts, sent.parts, b"")) == ("logs", "MISSING_BYTES")
    assert await refusal(Sent(sent.facts, (*sent.parts, b"x"), sent.log)) == ("raw_inputs", "TOO_MANY_BYTES")


async def test_inputs_after_the_log_are_refused() -> None:
    sent = a_report()
    with tempfile.SpooledTemporaryFile() as spool:
        delivery = Delivery(sent.facts, LIMITS, spool)
        delivery.take(Content.INPUTS, sent.parts[0])
        delivery.take(Content.LOG, sent.log)
        with pytest.raises(InvalidArgument, match="raw_inputs: must come before the log"):
            delivery.take(Content.INPUTS, b"x")


async def test_what_a_header_may_announce_has_limits() -> None:
    limits = Limits(inputs_bytes=1000, log_bytes=500)
    with pytest.raises(InvalidArgument) as refused:
        await taken(a_report(bytes(1001), log=bytes(501)), limits=limits)
    assert [each.field for each in refused.value.violations] == [
        "header.raw_inputs_size_bytes",
        "header.logs_size_bytes",
    ]
    assert await taken(a_report(bytes(1000), log=bytes(500)), limits=limits)


async def test_repetitive_data_is_no_attack_while_it_is_small_and_is_one_beyond() -> None:
    limits = Limits(any_ratio_bytes=10_000, ratio=10)
    assert await taken(a_report(bytes(10_000), log=bytes(10_000)), limits=limits)
    assert await refusal(a_report(bytes(10_001)), limits=limits) == ("raw_inputs", "COMPRESSION_RATIO")
    assert await refusal(a_report(log=bytes(10_001)), limits=limits) == ("logs", "COMPRESSION_RATIO")


@pytest.mark.parametrize("size", [100, MIB])
async def test_where_a_member_is_cut_does_not_make_it_a_bomb(size: int) -> None:
    """Its first bytes unfold a hundredfold, but the whole does not."""
    data = bytes(50_000) + random.Random(7).randbytes(10_000)
    limits = Limits(any_ratio_bytes=1000, ratio=7)
    assert await taken(a_report(data, log=data), size, limits)


async def test_a_log_that_never_unfolds_has_a_limit_too() -> None:
    """Empty blocks of DEFLATE can go on for ever."""
    empty_block = b"\x00\x00\x00\xff\xff"
    sent = a_report(log=b"", log_gzip=zipped(b"")[:10] + empty_block * 300)
    assert await refusal(sent, 100, Limits(log_bytes=1000)) == ("logs", "TOO_LARGE")


async def test_many_parts_and_a_long_log_come_back_in_pieces() -> None:
    log = random.Random(7).randbytes(2 * MIB + 5)
    sent = a_report(*(bytes([number]) * 10 for number in range(128)), log=log)
    async with receive(sent.facts, sent.arrivals(), LIMITS) as delivery:
        parts = [piece async for piece in delivery.pieces(Content.INPUTS)]
        pieces = [piece async for piece in delivery.pieces(Content.LOG)]
    assert [piece.content for piece in parts] == list(sent.parts)
    assert [len(piece.content) for piece in pieces[:2]] == [LOG_PIECE_BYTES] * 2
    assert gzip.decompress(b"".join(piece.content for piece in pieces)) == log
    assert all(piece.sha256 == digest(piece.content) for piece in parts + pieces)


async def test_a_full_disk_says_so_and_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(ResourceExhausted):
        await taken(a_report())


BOMBS = """
import asyncio, resource, sys, zlib
from dataclasses import replace
from hashlib import sha256
from lineage_service.domain import Content, Limits, Part
from lineage_service.payload import receive
from services.errors import InvalidArgument
from tests.lineage_service.builders import a_report, zipped

packer = zlib.compressobj(9, wbits=-15)
mebibyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
checksum = 0
for _ in range(1024):
    checksum = zlib.crc32(bytes(1 << 20), checksum)
trailer = checksum.to_bytes(4, "little") + (1 << 30).to_bytes(4, "little")
bomb = zipped(b"")[:10] + mebibyte * 1024 + b"\\x03\\x00" + trailer
assert len(bomb) < 1_100_000
small = a_report()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

async def refused(sent):
    try:
        async with receive(sent.facts, sent.arrivals(), Limits()):
            return "accepted"
    except InvalidArgument as error:
        return error.violations[0].reason

async def main():
    parts, one = (bomb,), (Part(len(bomb), sha256(bomb).digest()),)
    for size in (1000, 1 << 20, 255 << 20, 1 << 30):
        sent = replace(small, parts=parts).but(parts=one, inputs_size=size)
        print(await refused(sent))
    for size in (1000, 64 << 20, 1 << 30):
        sent = replace(small, log=bomb).but(log_sha256=one[0].sha256, log_size=size)
        print(await refused(sent))

asyncio.run(main())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


LARGEST = """
import asyncio, os, resource
from lineage_service.domain import Content, Limits
from lineage_service.payload import receive
from tests.lineage_service.builders import a_report, zipped

pieces = [os.urandom(2_000_000) for _ in range(4)]
sent = a_report(*pieces * 10, parts=tuple(map(zipped, pieces)) * 10)

async def arrivals():
    for part in sent.parts:
        yield Content.INPUTS, part
    yield Content.LOG, sent.log

async def main():
    async with receive(sent.facts, arrivals(), Limits()) as delivery:
        async for piece in delivery.pieces(Content.INPUTS):
            pass

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(main())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def printed(script: str) -> list[str]:
    """Run a script in a process of its own, whose memory nothing else fills; return its words."""
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return run.stdout.split()


def test_a_gibibyte_of_zeros_in_a_megabyte_is_refused_whatever_it_claims_to_be_in_little_memory() -> None:
    *reasons, grown = printed(BOMBS)
    assert reasons == [
        *("SIZE_MISMATCH", "SIZE_MISMATCH", "SIZE_MISMATCH", "TOO_LARGE"),
        *("SIZE_MISMATCH", "SIZE_MISMATCH", "TOO_LARGE"),
    ]
    assert int(grown) < 32 * 1024


def test_the_largest_delivery_takes_no_more_memory_than_a_small_one() -> None:
    (grown,) = printed(LARGEST)
    assert int(grown) < 32 * 1024


def test_the_digest_of_the_inputs_is_over_all_parts_together() -> None:
    sent = a_report(b"one", b"two")
    assert sent.facts.inputs_sha256 == sha256(b"onetwo").digest()
    assert deliver(sent, [])


@settings(max_examples=200)
@given(junk=st.binary(max_size=300))
def test_no_bytes_whatsoever_break_the_inspection(junk: bytes) -> None:
    sent = a_report(parts=(junk or b"x",))
    with pytest.raises(InvalidArgument):
        deliver(sent, [])
