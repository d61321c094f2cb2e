"""Files on their way in: bytes become batches of rows, in slices, outside of the event loop."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import Final

from lead_service.columns import Columns
from lead_service.imports import Batch, Rejection, Row, another_file
from lead_service.names import person, registered_apart
from lead_service.records import Record, Records, Unreadable
from services.errors import DeadlineExceeded, InvalidArgument
from services.ids import uuid7

SLICE_BYTES: Final = 64 * 1024
# A second's work at the most, on a busy machine: each row is written with its entry in the audit.
BATCH_ROWS: Final = 500
# However slowly a file comes, what is there is written so often: that is the import's sign of life.
BEAT_SECONDS: Final = 20.0
IDLE_SECONDS: Final = 60.0


class Reading:
    """Reads one file. Up to row `done` its rows are known, and only counted in."""

    def __init__(self, wanted: Mapping[str, str], done: int = 0, done_sha256: bytes = b"") -> None:
        """Take the columns that are asked for, and how far this file was read before."""
        self.columns: Columns | None = None
        self._wanted = wanted
        self._records = Records()
        self._digest = hashlib.sha256()
        self._row = 0
        self._done = done
        self._done_sha256 = done_sha256

    async def batches(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Batch]:
        """Yield what is there behind `done`, the header read first.

        Raises InvalidArgument if the header is wrong or the file cannot be read any further,
        DeadlineExceeded if nothing comes for too long, and FailedPrecondition if this is not the
        file that was read before.
        """
        async for data, end in _slices(pieces):
            for batch in await asyncio.to_thread(self._read, data, end):
                yield batch
        if self.columns is None:
            raise InvalidArgument("content", "the file is empty; it needs a header", "EMPTY")
        if self._row < self._done:
            raise another_file()

    def _read(self, data: bytes, end: bool) -> list[Batch]:
        batches: list[Batch] = []
        rows: list[Row] = []
        rejections: list[Rejection] = []

        def cut() -> None:
            batches.append(Batch(tuple(rows), tuple(rejections), self._row, self._digest.digest()))
            rows.clear()
            rejections.clear()

        for record in self._parsed(data, end):
            if self.columns is None:
                if record.problem:
                    raise InvalidArgument("content", f"row {record.row}: {record.problem}", "HEADER_INVALID")
                if record.cells:
                    self.columns = Columns.find(record.cells, self._wanted)
            elif record.row > self._done and (record.cells or record.problem):
                row = self._row_of(record, rejections)
                if row is not None:
                    rows.append(row)
            self._count_in(record)
            if len(rows) + len(rejections) >= BATCH_ROWS:
                cut()
        # An empty one too: it says that the file still comes.
        if self.columns is not None and self._row > self._done:
            cut()
        return batches

    def _parsed(self, data: bytes, end: bool) -> Iterator[Record]:
        try:
            yield from self._records.feed(data, end=end)
        except Unreadable as error:
            raise InvalidArgument("content", str(error), "UNREADABLE") from error

    def _count_in(self, record: Record) -> None:
        self._row = record.row
        self._digest.update("\0".join(record.cells).encode("utf-8", "surrogatepass") + b"\0\n")
        if record.row == self._done and self._digest.digest() != self._done_sha256:
            raise another_file()

    def _row_of(self, record: Record, rejections: list[Rejection]) -> Row | None:
        assert self.columns is not None
        if record.problem:
            rejections.append(Rejection(record.row, "", "", "", record.problem))
            return None
        try:
            lead = self.columns.draft(record.cells)
        except InvalidArgument as error:
            whose = person(self.columns.address(record.cells))
            for violation in error.violations:
                column, value = self.columns.text(record.cells, violation)
                rejections.append(
                    Rejection(record.row, violation.field, column, value, violation.description, whose)
                )
            return None
        return Row(record.row, uuid7(), lead.email, lead.domain, lead.name, registered_apart(lead.domain))


async def _slices(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield slices of about SLICE_BYTES; the last one says that it is."""
    held = bytearray()
    since = time.monotonic()
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise DeadlineExceeded(
                f"Nothing of the file came for {IDLE_SECONDS:g} seconds.", reason="UPLOAD_STALLED"
            ) from None
        if piece is None:
            break
        held += piece
        # Never in smaller slices than this, or a client could have one long row read again for every byte.
        while len(held) >= SLICE_BYTES or (held and time.monotonic() - since > BEAT_SECONDS):
            yield bytes(held[:SLICE_BYTES]), False
            del held[:SLICE_BYTES]
            since = time.monotonic()
    yield bytes(held), True
