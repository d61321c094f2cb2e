"""The RPCs: decode, one call, encode."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc.aio
from google.api.httpbody_pb2 import HttpBody

from lineage_service import accesses, diff, lineage, lookup, readings, retention, search, usage
from lineage_service.confined.process import Confinement
from lineage_service.domain import Limits, LineageStores, Policy
from lineage_service.evidence_servicer import EvidenceServicer
from lineage_service.wire import audit, keeping, openlineage, records, searches, verdicts
from lineage_service.wire.callers import reader
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services import downloads
from services.clock import Clock
from services.evidence.ledger import Ledgers

Context = grpc.aio.ServicerContext[Any, Any]


class LineageServicer(EvidenceServicer):
    """Serves lineage from its stores."""

    def __init__(
        self,
        stores: LineageStores,
        *,
        limits: Limits,
        clock: Clock,
        policy: Policy | None = None,
        alarm_bytes: int = 0,
        ledgers: Ledgers | None = None,
    ) -> None:
        """Take the stores, how much one lineage may hold, the time, what is said of keeping, and the log.

        Lineage in memory has no log, and nothing of it can be proved.
        """
        super().__init__(stores, ledgers, clock)
        self._stores = stores
        self._limits = limits
        self._policy = policy or Policy({})
        self._alarm_bytes = alarm_bytes
        self._clock = clock
        self._confinement = Confinement()

    async def RecordLineage(
        self, request_iterator: AsyncIterator[pb.RecordLineageRequest], context: Context
    ) -> pb.Lineage:
        """Remember how one report came to be."""
        facts, arrivals = await records.delivery(request_iterator)
        return records.lineage(
            await lineage.record(
                self._stores, facts, arrivals, reader(), limits=self._limits, clock=self._clock
            )
        )

    async def GetLineageByReport(self, request: pb.GetLineageByReportRequest, context: Context) -> pb.Lineage:
        """Return the lineage of one report."""
        return records.lineage(
            await lineage.by_report(self._stores, UUID(request.report_id), reader(), clock=self._clock)
        )

    async def GetLineageLogs(
        self, request: pb.GetLineageLogsRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream the pipeline's log as stored."""
        lineage_id, part = UUID(request.lineage_id), request.part
        async with readings.open_log(self._stores, lineage_id, part, reader(), clock=self._clock) as log:
            async for body in downloads.send(
                context,
                # A part is no log yet: only all of them, one after the other, can be unfolded.
                content_type="application/octet-stream" if part else "application/x-ndjson",
                content_encoding=None if part else "gzip",
                filename=log.lineage.log_filename(part) if part else None,
                size=log.size,
                etag=log.sha256.hex(),
                sha256=log.sha256,
                read=log.read,
            ):
                yield body

    async def DownloadRawInputs(
        self, request: pb.DownloadRawInputsRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream the raw inputs as stored."""
        lineage_id, part = UUID(request.lineage_id), request.part
        opened = readings.open_inputs(self._stores, lineage_id, part, reader(), clock=self._clock)
        async with opened as inputs:
            async for body in downloads.send(
                context,
                content_type="application/gzip",
                filename=inputs.lineage.inputs_filename(part),
                size=inputs.size,
                etag=inputs.sha256.hex(),
                sha256=inputs.sha256,
                read=inputs.read,
            ):
                yield body

    async def GetOpenLineage(self, request: pb.GetOpenLineageRequest, context: Context) -> HttpBody:
        """Return a lineage in the words of OpenLineage."""
        return openlineage.body(
            await lineage.by_id(self._stores, UUID(request.lineage_id), reader(), clock=self._clock)
        )

    async def SearchLineage(
        self, request: pb.SearchLineageRequest, context: Context
    ) -> pb.SearchLineageResponse:
        """Find lineages, one page at a time."""
        wanted, place = searches.wanted(request), searches.place(request)
        found = await search.search(self._stores, wanted, *place, reader(), clock=self._clock)
        return searches.page(found, request)

    async def LookupPdf(
        self, request_iterator: AsyncIterator[pb.LookupPdfRequest], context: Context
    ) -> pb.LookupPdfResponse:
        """Say whether a PDF was issued here."""
        async with lookup.receive(*await verdicts.question(request_iterator)) as upload:
            return verdicts.finding(
                await lookup.lookup(self._stores, upload, reader(), self._confinement, clock=self._clock)
            )

    async def DiffLineage(self, request: pb.DiffLineageRequest, context: Context) -> pb.LineageDiff:
        """Say what differs between two reports."""
        pair = UUID(request.a), UUID(request.b)
        return verdicts.comparison(
            await diff.diff(self._stores, *pair, reader(), self._confinement, clock=self._clock)
        )

    async def ListLineageAccesses(
        self, request: pb.ListLineageAccessesRequest, context: Context
    ) -> pb.ListLineageAccessesResponse:
        """List who read a lineage."""
        wanted, place = audit.wanted(request), audit.place(request)
        found = await accesses.page(self._stores, wanted, *place, reader(), clock=self._clock)
        return audit.page(found, request)

    async def GetStorage(self, request: pb.GetStorageRequest, context: Context) -> pb.StorageUsage:
        """Say how much lineage takes up."""
        return keeping.storage(await usage.storage(self._stores), self._alarm_bytes)

    async def PreviewRetention(
        self, request: pb.PreviewRetentionRequest, context: Context
    ) -> pb.RetentionPreview:
        """Say what is kept for how long, and what is due."""
        due = await retention.preview(self._stores, self._policy, clock=self._clock)
        return keeping.preview(self._policy, due, await retention.holds(self._stores))

    async def SetLegalHold(self, request: pb.SetLegalHoldRequest, context: Context) -> pb.LegalHold:
        """Hold or release a lead."""
        lead_id, reason = UUID(request.lead_id), request.reason
        if request.held:
            held = await retention.hold(self._stores, lead_id, reason, reader(), clock=self._clock)
            return keeping.hold(held)
        await retention.release(self._stores, lead_id, reason, reader(), clock=self._clock)
        return pb.LegalHold(lead_id=str(lead_id))

    async def EraseLeadPayloads(
        self, request: pb.EraseLeadPayloadsRequest, context: Context
    ) -> pb.EraseLeadPayloadsResponse:
        """Remove the raw inputs and logs of a lead's reports."""
        erased = await retention.erase(self._stores, UUID(request.lead_id), reader(), clock=self._clock)
        return pb.EraseLeadPayloadsResponse(erased=erased)

    async def ListRecordedReports(
        self, request: pb.ListRecordedReportsRequest, context: Context
    ) -> pb.ListRecordedReportsResponse:
        """List the reports that have a lineage."""
        return keeping.reports(*await lineage.reports(self._stores, *keeping.reports_asked(request)))
