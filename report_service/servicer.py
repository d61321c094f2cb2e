"""ReportService over gRPC: decode, one call, encode."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service import reports, wire
from report_service.domain import Leads, Objects, ReportStores
from report_service.rendering.bundles import ShippedTemplates, Templates
from services import downloads
from services.clock import Clock
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]


class ReportServicer(report_pb2_grpc.ReportServiceServicer):
    """Keeps the promises of ``report.proto``."""

    def __init__(
        self,
        stores: ReportStores,
        leads: Leads,
        objects: Objects,
        *,
        queue_limit: int,
        clock: Clock,
        templates: Templates | None = None,
    ) -> None:
        """Take what reports are made of, how many may wait for a worker, and the time.

        Without ``templates`` there are those that come with the product.
        """
        self._stores = stores
        self._leads = leads
        self._objects = objects
        self._queue_limit = queue_limit
        self._clock = clock
        self._templates = templates or ShippedTemplates()

    async def GenerateReport(
        self, request: report_pb2.GenerateReportRequest, context: Context
    ) -> report_pb2.Report:
        """Queue a report."""
        # In a thread: megabytes of assessment data take a second, and all other calls would wait.
        wanted = await asyncio.to_thread(wire.report_request, request)
        queued = await reports.generate(
            self._stores,
            self._leads,
            wanted,
            current_actor().subject,
            self._clock,
            queue_limit=self._queue_limit,
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
