"""ReportService over gRPC: decode, one call, encode."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import grpc
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service import archive, batches, dead_letters, pack, reissues, reports, wire
from report_service.batch import BatchStores, LeadSearch, UsedInputs
from report_service.deliveries import OutboxStores
from report_service.domain import Leads, Objects
from report_service.pack import KeptEvidence
from report_service.redaction import Redaction
from report_service.rendering.bundles import ShippedTemplates, Templates
from services import downloads
from services.clock import Clock
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]


class AllLeads(Leads, LeadSearch, Protocol):
    """The lead context: one lead, or many."""


class Lineages(UsedInputs, KeptEvidence, Protocol):
    """The lineage context: what was made from which inputs, and what a pack holds."""


@dataclass(frozen=True)
class Limits:
    """How many reports may wait for a worker, and how many one batch may hold."""

    queue: int
    batch: int
    batch_queue: int


class ReportServicer(report_pb2_grpc.ReportServiceServicer):
    """Keeps the promises of ``report.proto``."""

    def __init__(
        self,
        stores: BatchStores,
        outbox: OutboxStores,
        leads: AllLeads,
        objects: Objects,
        lineages: Lineages,
        *,
        redaction: Redaction,
        limits: Limits,
        clock: Clock,
        templates: Templates | None = None,
    ) -> None:
        """Take what reports are made of, how many may wait for a worker, and the time.

        Without ``templates`` there are those that come with the product.
        """
        self._outbox = outbox
        self._redaction = redaction
        self._stores = stores
        self._leads = leads
        self._objects = objects
        self._lineages = lineages
        self._limits = limits
        self._clock = clock
        self._templates = templates or ShippedTemplates()

    async def GenerateReport(
        self, request: report_pb2.GenerateReportRequest, context: Context
    ) -> report_pb2.Report:
        """Queue a report."""
        # In a thread: megabytes of assessment data take a second, and all other calls would wait.
        wanted = await asyncio.to_thread(wire.report_request, request, self._redaction)
        queued = await reports.generate(
            self._stores,
            self._leads,
            wanted,
            current_actor().subject,
            self._clock,
            queue_limit=self._limits.queue,
            templates=self._templates,
        )
        return wire.report_message(queued)

    async def ListReports(
        self, request: report_pb2.ListReportsRequest, context: Context
    ) -> report_pb2.ListReportsResponse:
        """Return one page of reports."""
        wanted = wire.report_filter(request)
        return wire.page_message(
            await reports.page(self._stores, wanted, request.page_size, request.page_token)
        )

    async def GetReport(self, request: report_pb2.GetReportRequest, context: Context) -> report_pb2.Report:
        """Return one report."""
        return wire.report_message(await reports.get(self._stores, UUID(request.id)))

    async def DownloadReport(
        self, request: report_pb2.DownloadReportRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream a report's PDF."""
        found = await reports.download(self._stores, self._objects, UUID(request.id))
        async for body in downloads.send(
            context,
            content_type="application/pdf",
            size=found.pdf.size_bytes,
            etag=found.pdf.sha256,
            read=found.read,
            filename=found.filename,
            inline=True,
        ):
            yield body

    async def DownloadReportEvidence(
        self, request: report_pb2.DownloadReportEvidenceRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream a report's evidence pack."""
        found = await reports.issued(self._stores, UUID(request.id))
        pack.require_recorded(found)
        made = pack.stream(found, self._lineages, self._objects)
        async for body in downloads.stream(
            context, content_type="application/zip", pieces=made, filename=f"evidence-{found.id}.zip"
        ):
            yield body

    async def ListDeadLetters(
        self, request: report_pb2.ListDeadLettersRequest, context: Context
    ) -> report_pb2.ListDeadLettersResponse:
        """Return one page of dead letters."""
        return wire.dead_letters_message(
            await dead_letters.page(self._outbox, request.page_size, request.page_token)
        )

    async def RedriveDeadLetters(
        self, request: report_pb2.RedriveDeadLettersRequest, context: Context
    ) -> report_pb2.RedriveDeadLettersResponse:
        """Have dead letters delivered again."""
        redriven = await dead_letters.redrive(
            self._outbox,
            [UUID(each) for each in request.report_ids],
            current_actor().subject,
            request.reason,
            self._clock,
        )
        return report_pb2.RedriveDeadLettersResponse(redriven=redriven)

    async def DiscardDeadLetter(
        self, request: report_pb2.DiscardDeadLetterRequest, context: Context
    ) -> report_pb2.Report:
        """Give up a dead letter."""
        report_id = UUID(request.report_id)
        await dead_letters.discard(
            self._outbox, report_id, current_actor().subject, request.reason, self._clock
        )
        return wire.report_message(await reports.get(self._stores, report_id))

    async def WatchReport(
        self, request: report_pb2.WatchReportRequest, context: Context
    ) -> AsyncIterator[report_pb2.Report]:
        """Stream a report until it has ended."""
        async for report in reports.watch(self._stores, UUID(request.id)):
            yield wire.report_message(report)

    async def CancelReport(
        self, request: report_pb2.CancelReportRequest, context: Context
    ) -> report_pb2.Report:
        """End a report that nobody wants any more."""
        return wire.report_message(await reports.cancel(self._stores, UUID(request.id), self._clock))

    async def RetryReport(
        self, request: report_pb2.RetryReportRequest, context: Context
    ) -> report_pb2.Report:
        """Queue a new report in the place of one that failed."""
        queued = await reports.retry(
            self._stores,
            self._leads,
            UUID(request.id),
            request.request_id,
            current_actor().subject,
            self._clock,
            queue_limit=self._limits.queue,
            templates=self._templates,
        )
        return wire.report_message(queued)

    async def GenerateReports(
        self, request: report_pb2.GenerateReportsRequest, context: Context
    ) -> report_pb2.ReportBatch:
        """Queue many reports."""
        queued = await reissues.generate(
            self._stores,
            self._leads,
            self._lineages,
            wire.batch_request(request),
            current_actor().subject,
            self._clock,
            limit=self._limits.batch,
            queue_limit=self._limits.batch_queue,
            templates=self._templates,
        )
        return wire.batch_message(queued)

    async def ListReportBatches(
        self, request: report_pb2.ListReportBatchesRequest, context: Context
    ) -> report_pb2.ListReportBatchesResponse:
        """Return one page of batches."""
        return wire.batches_message(await batches.page(self._stores, request.page_size, request.page_token))

    async def GetReportBatch(
        self, request: report_pb2.GetReportBatchRequest, context: Context
    ) -> report_pb2.ReportBatch:
        """Return a batch."""
        return wire.batch_message(await batches.get(self._stores, UUID(request.id)))

    async def WatchReportBatch(
        self, request: report_pb2.WatchReportBatchRequest, context: Context
    ) -> AsyncIterator[report_pb2.ReportBatch]:
        """Stream a batch until it has ended."""
        async for progress in batches.watch(self._stores, UUID(request.id)):
            yield wire.batch_message(progress)

    async def CancelReportBatch(
        self, request: report_pb2.CancelReportBatchRequest, context: Context
    ) -> report_pb2.ReportBatch:
        """End what nobody wants any more."""
        return wire.batch_message(await batches.cancel(self._stores, UUID(request.id), self._clock))

    async def DownloadReportBatch(
        self, request: report_pb2.DownloadReportBatchRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream a batch's PDFs as a ZIP file."""
        ended = await archive.ended(self._stores, UUID(request.id))
        made = archive.stream(self._stores, self._objects, ended)
        async for body in downloads.stream(
            context, content_type="application/zip", pieces=made, filename=f"reports-{ended.batch.id}.zip"
        ):
            yield body
