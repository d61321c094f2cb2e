"""All that is known of one report, with proofs: everything of an evidence pack but the PDF."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from lineage_service import accesses, readings
from lineage_service.domain import Action, Content, Lineage, LineageStores, Reader
from services.clock import Clock
from services.errors import NotFound, Unavailable
from services.evidence import archive, proving
from services.evidence.archive import Evidence
from services.evidence.attachments import Attachment
from services.evidence.entries import Entry
from services.evidence.ledger import Ledgers

PDF = Attachment(
    "report.pdf", "pdf_sha256", "The report as it was issued: its SHA-256 is pdf_sha256 in record.json."
)
FILES = {
    Content.INPUTS: Attachment(
        "inputs.json.gz",
        "inputs_gzip_sha256",
        "The raw inputs that it was made from: canonical JSON (RFC 8785) in gzip. inputs_sha256 is over the\n"
        "    JSON, inputs_gzip_sha256 over this file.",
    ),
    Content.LOG: Attachment(
        "log.ndjson.gz",
        "logs_sha256",
        "What happened when it was made: a line of JSON each, in gzip. logs_sha256 is over this file.",
    ),
}


@dataclass
class Pack:
    """The files of a pack, ready to leave."""

    stores: LineageStores
    lineage: Lineage
    evidence: Evidence
    sent: int = field(default=0, init=False)
    """Bytes that were taken so far."""

    async def files(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield each file in pieces, with its name; raises DataLoss for stored bytes that are damaged."""
        for name, data in archive.contents(self.evidence):
            yield name, data
            self.sent += len(data)
        digests = {
            Content.INPUTS: self.lineage.inputs_gzip_sha256,
            Content.LOG: self.lineage.facts.log_sha256,
        }
        for content, file in _kept(self.lineage).items():
            reading = readings.whole(self.stores, self.lineage, content, 0, digests[content])
            async for piece in reading.read(0, reading.size):
                yield file.name, piece
                self.sent += len(piece)


@asynccontextmanager
async def open_pack(
    stores: LineageStores, ledgers: Ledgers, report_id: UUID, reader: Reader, *, clock: Clock
) -> AsyncIterator[Pack]:
    """Note that somebody reads all there is of a lineage, as a reading of its raw inputs, then let them.

    Raises NotFound, and Unavailable if nothing can be proved yet.
    """
    async with stores.write() as store:
        lineage = await store.by_report(report_id)
        if lineage is None:
            raise NotFound("lineage of report", str(report_id))
        access = accesses.view(lineage, Action.DOWNLOAD, reader, clock(), streams=True)
        await store.note(access)
    pack: Pack | None = None
    async with accesses.concluded(stores, access, lambda: pack.sent if pack else 0, clock=clock):
        files = [*([PDF] if lineage.facts.pdf_sha256 else []), *_kept(lineage).values()]
        evidence = await proving.collect(ledgers, lineage.facts.lineage_id, clock(), files)
        if not any(each.proof and _records(each.canonical) for each in evidence.entries):
            raise Unavailable("What was recorded is not under a checkpoint yet. Try again.", retry_after=1)
        pack = Pack(stores, lineage, evidence)
        yield pack


def _kept(lineage: Lineage) -> dict[Content, Attachment]:
    return {content: file for content, file in FILES.items() if content not in lineage.expired}


def _records(canonical: bytes) -> bool:
    return Entry.parse(canonical, "lineage_id").record is not None
