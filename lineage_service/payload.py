"""Bytes that arrive: taken in at any split, believed only if they are what was announced.

Each part of the raw inputs, and the log, is one complete gzip member (RFC 1952) with nothing after
it. Compressed bytes wait in a spool, on disk beyond one part's size, until the last digest was
checked; what they unfold to is only digested, never kept. So the memory that one delivery takes
does not depend on what is sent. All of it runs in threads: the event loop waits for no compression.
"""

import asyncio
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import IO

from lineage_service.domain import LOG_PIECE_BYTES, MAX_PART_BYTES, Content, Facts, Limits, Piece
from lineage_service.words import LogWords
from services.errors import InvalidArgument, ResourceExhausted

GZIP = 31
"""``wbits`` of zlib for gzip and nothing else. Not isal, which lets reserved flag bits pass."""
# What zlib does not take at once it hands back as a copy: small steps in keep those copies small.
STEP_IN = 16 * 1024
STEP_OUT = 1024 * 1024


class Unfolded:
    """What members hold: counted and digested against what the header announced."""

    def __init__(self, size: int, size_field: str, words: LogWords | None = None) -> None:
        """Expect ``size`` bytes, as the field of that name says; collect their words if asked to."""
        self.size = 0
        self._words = words
        self._expected = size
        self._size_field = size_field
        self._digest = sha256()

    def add(self, plain: bytes) -> None:
        """Add the next bytes; raises InvalidArgument as soon as they are too many."""
        self.size += len(plain)
        if self.size > self._expected:
            raise InvalidArgument(self._size_field, "is less than what was sent unfolds to", "SIZE_MISMATCH")
        self._digest.update(plain)
        if self._words is not None:
            self._words.add(plain)

    def close(self, digest: bytes | None = None, digest_field: str = "") -> None:
        """Require all the bytes and, where one was announced, their digest; raises InvalidArgument."""
        if self.size < self._expected:
            raise InvalidArgument(
                self._size_field, f"is more than what was sent unfolds to, {self.size}", "SIZE_MISMATCH"
            )
        if digest is not None and digest != self._digest.digest():
            raise InvalidArgument(
                digest_field, f"is not that of the bytes, {self._digest.hexdigest()}", "DIGEST_MISMATCH"
            )


class Member:
    """One gzip member on its way in."""

    def __init__(self, field: str, name: str, unfolded: Unfolded) -> None:
        """Say in errors that this is ``name`` in ``field``; add what it holds to ``unfolded``."""
        self.size = 0
        self._field = field
        self._name = name
        self._unfolded = unfolded
        self._digest = sha256()
        self._inflater = zlib.decompressobj(wbits=GZIP)

    def feed(self, data: bytes) -> None:
        """Take the next compressed bytes; raises InvalidArgument."""
        self.size += len(data)
        self._digest.update(data)
        for start in range(0, len(data), STEP_IN):
            self._inflate(data[start : start + STEP_IN])

    def close(self, digest: bytes, digest_field: str) -> None:
        """Require that the member is complete and has the announced digest; raises InvalidArgument."""
        if self._digest.digest() != digest:
            raise InvalidArgument(
                digest_field, f"is not that of {self._name}, {self._digest.hexdigest()}", "DIGEST_MISMATCH"
            )
        if not self._inflater.eof:
            raise self.refusal("ends within its gzip member", "GZIP_TRUNCATED")

    def refusal(self, description: str, reason: str) -> InvalidArgument:
        """Say what is wrong with this member."""
        return InvalidArgument(self._field, f"{self._name} {description}", reason)

    def _inflate(self, data: bytes) -> None:
        more = not self._inflater.eof
        while more:
            try:
                plain = self._inflater.decompress(data, STEP_OUT)
            except zlib.error as error:
                raise self.refusal("is not valid gzip", "GZIP_INVALID") from error
            self._unfolded.add(plain)
            data = self._inflater.unconsumed_tail or self._inflater.unused_data
            more = not self._inflater.eof and (bool(data) or len(plain) == STEP_OUT)
        if self._inflater.eof and data:
            raise self.refusal("goes on after its gzip member", "GZIP_TRAILING_DATA")


class Delivery:
    """The bytes that one header announces, as far as they have come."""

    def __init__(self, facts: Facts, limits: Limits, spool: IO[bytes]) -> None:
        """Expect what the facts say; compressed bytes go to the spool, in order."""
        self._facts = facts
        self._limits = limits
        self._spool = spool
        self._parts_done = 0
        self._inputs = Unfolded(facts.inputs_size, "header.raw_inputs_size_bytes")
        self._words = LogWords()
        self._log_lines = Unfolded(facts.log_size, "header.logs_size_bytes", self._words)
        self._log = Member("logs", "the log", self._log_lines)
        self._log_begun = False
        self._inputs_gzip = sha256()
        self._begin_part()

    @property
    def log_gzip_size(self) -> int:
        """In bytes, compressed."""
        return self._log.size

    @property
    def log_words(self) -> frozenset[str]:
        """What the log can be found by."""
        return self._words.found()

    @property
    def inputs_gzip_sha256(self) -> bytes:
        """Over the compressed bytes of all parts, one after the other."""
        return self._inputs_gzip.digest()

    def take(self, content: Content, data: bytes) -> None:
        """Take the next bytes; raises InvalidArgument that names the field at fault."""
        if content is Content.INPUTS:
            self._take_inputs(data)
        else:
            self._take_log(data)

    def finish(self) -> None:
        """Require that everything has come and is what was announced; raises InvalidArgument."""
        if missing := len(self._facts.parts) - self._parts_done:
            raise InvalidArgument("raw_inputs", f"end with {missing} part(s) missing", "MISSING_BYTES")
        self._inputs.close(self._facts.inputs_sha256, "header.inputs_sha256")
        if not self._log_begun:
            raise InvalidArgument("logs", "are missing", "MISSING_BYTES")
        self._log.close(self._facts.log_sha256, "header.logs_sha256")
        self._log_lines.close()
        self._refuse_bomb(self._log, self._log_lines.size, self._log.size)

    async def pieces(self, content: Content) -> AsyncIterator[Piece]:
        """Yield what is to be stored, in order, one piece in memory at a time."""
        start = 0
        for part in self._facts.parts:
            if content is Content.INPUTS:
                yield Piece(await self._read(start, part.size), part.sha256)
            start += part.size
        end = start + self._log.size if content is Content.LOG else start
        for at in range(start, end, LOG_PIECE_BYTES):
            yield Piece.of(await self._read(at, min(LOG_PIECE_BYTES, end - at)))

    def _begin_part(self) -> None:
        self._part = Member("raw_inputs", f"part {self._parts_done + 1}", self._inputs)
        self._part_starts_at = self._inputs.size

    def _take_inputs(self, data: bytes) -> None:
        if self._log_begun:
            raise InvalidArgument("raw_inputs", "must come before the log", "OUT_OF_ORDER")
        while data:
            if self._parts_done == len(self._facts.parts):
                raise InvalidArgument("raw_inputs", "go on after the last part", "TOO_MANY_BYTES")
            announced = self._facts.parts[self._parts_done]
            room = announced.size - self._part.size
            now, data = data[:room], data[room:]
            self._part.feed(now)
            self._inputs_gzip.update(now)
            # Against the announced size, not what has come so far: the verdict must not hang on
            # where the sender happened to cut.
            self._refuse_bomb(self._part, self._inputs.size - self._part_starts_at, announced.size)
            self._spool.write(now)
            if self._part.size == announced.size:
                self._part.close(announced.sha256, f"header.parts[{self._parts_done}].sha256")
                self._parts_done += 1
                self._begin_part()

    def _take_log(self, data: bytes) -> None:
        if self._parts_done < len(self._facts.parts):
            raise InvalidArgument("logs", "must come after all raw inputs", "OUT_OF_ORDER")
        self._log_begun = True
        if self._log.size + len(data) > self._limits.log_bytes:
            raise InvalidArgument("logs", f"must be at most {self._limits.log_bytes} bytes", "TOO_LARGE")
        self._log.feed(data)
        self._spool.write(data)

    def _refuse_bomb(self, member: Member, unfolded: int, compressed: int) -> None:
        if unfolded > self._limits.unfolded(compressed):
            raise member.refusal("unfolds to too many times its size", "COMPRESSION_RATIO")

    async def _read(self, start: int, length: int) -> bytes:
        def read() -> bytes:
            self._spool.seek(start)
            return self._spool.read(length)

        return await asyncio.to_thread(read)


@asynccontextmanager
async def receive(
    facts: Facts, arrivals: AsyncIterator[tuple[Content, bytes]], limits: Limits
) -> AsyncIterator[Delivery]:
    """Take in what the facts announce and yield it, inspected; forget it when the block ends.

    Raises InvalidArgument that names the field at fault, and ResourceExhausted if there is no room
    to keep the bytes meanwhile.
    """
    facts.check(limits)
    with tempfile.SpooledTemporaryFile(max_size=MAX_PART_BYTES) as spool:
        delivery = Delivery(facts, limits, spool)
        async for content, data in arrivals:
            try:
                await asyncio.to_thread(delivery.take, content, data)
            except OSError as error:
                raise ResourceExhausted("There is no room to receive this now.", retry_after=30) from error
        delivery.finish()
        yield delivery
