"""Any PDF leads to its lineage, if it has one here."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import IO
from uuid import UUID

from lineage_service.confined.process import Confinement
from lineage_service.domain import (
    MOST_PDF_BYTES,
    Access,
    Action,
    Evidence,
    Finding,
    LineageStore,
    LineageStores,
    Reader,
    Verdict,
)
from services.clock import Clock
from services.errors import InvalidArgument, ResourceExhausted

HEADER = b"%PDF-"
HEADER_WITHIN = 1024
"""Bytes within which readers look for the header."""


@dataclass(frozen=True)
class Upload:
    """A PDF that was sent, or only its digest."""

    sha256: bytes
    file: IO[bytes] | None = None


@asynccontextmanager
async def receive(digest: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[Upload]:
    """Take a PDF in, or only its digest; forget it when the block ends.

    Raises InvalidArgument for neither, both, too much, or what is no PDF.
    """
    with tempfile.TemporaryFile() as file:
        hashed, size = sha256(), 0
        async for data in pieces:
            size += len(data)
            if size > MOST_PDF_BYTES:
                raise InvalidArgument("pdf", f"must be at most {MOST_PDF_BYTES} bytes", "TOO_LARGE")
            try:
                await asyncio.to_thread(hashed.update, data)
                await asyncio.to_thread(file.write, data)
            except OSError as error:
                raise ResourceExhausted("There is no room to receive this now.", retry_after=30) from error
        if digest and size:
            raise InvalidArgument("sha256", "stands instead of the PDF, not beside it", "GIVEN_TWICE")
        if digest:
            yield Upload(digest)
            return
        if not size:
            raise InvalidArgument("pdf", "is missing: send the PDF, or its sha256", "MISSING")
        file.seek(0)
        if HEADER not in file.read(HEADER_WITHIN + len(HEADER)):
            raise InvalidArgument("pdf", "is not a PDF", "NOT_A_PDF")
        yield Upload(hashed.digest(), file)


async def lookup(
    stores: LineageStores, upload: Upload, reader: Reader, confinement: Confinement, *, clock: Clock
) -> Finding:
    """Find the lineage of a PDF, and note that somebody asked."""
    async with stores.write() as store:
        known = await store.by_pdf(upload.sha256)
        if known is not None:
            genuine = Finding(Verdict.GENUINE, upload.sha256, known, Evidence.SHA256)
            return await _noted(store, genuine, reader, clock)
    said = {} if upload.file is None else await _read(upload.file, confinement)
    async with stores.write() as store:
        finding = Finding(Verdict.UNKNOWN, upload.sha256, remark=said.get("remark", ""))
        for evidence, text in (
            (Evidence.XMP, said.get("xmp", "")),
            (Evidence.PDF_IDENTIFIER, said.get("identifier", "")),
        ):
            lineage = await store.by_id(UUID(text)) if text else None
            if lineage is not None:
                finding = replace(finding, verdict=Verdict.ALTERED, lineage=lineage, evidence=evidence)
                break
        return await _noted(store, finding, reader, clock)


async def _noted(store: LineageStore, finding: Finding, reader: Reader, clock: Clock) -> Finding:
    details = {"sha256": finding.sha256.hex(), "verdict": finding.verdict.value}
    if finding.lineage is None:
        await store.note(Access(None, None, Action.LOOKUP, reader, clock(), details=details))
        return finding
    facts = finding.lineage.facts
    access = Access(facts.lineage_id, facts.report_id, Action.LOOKUP, reader, clock(), details=details)
    return replace(finding, lineage=replace(finding.lineage, readings=await store.note(access)))


async def _read(file: IO[bytes], confinement: Confinement) -> dict[str, str]:
    file.flush()
    answer = await confinement.run("pdf", file)
    # The last line that is whole: a process that was ended may leave half of one.
    lines = answer.split(b"\n")[:-1]
    said: dict[str, str] = json.loads(lines[-1]) if lines else {"remark": "The file could not be read."}
    return said
