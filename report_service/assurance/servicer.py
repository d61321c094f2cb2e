"""AssuranceService over gRPC: decode, one call, encode."""

from typing import Any
from uuid import UUID

import grpc

from protos.leadfactory.report.v1 import assurance_pb2 as pb
from protos.leadfactory.report.v1 import assurance_pb2_grpc
from report_service.assurance import coverage, wire
from report_service.assurance.domain import RecordedLineages
from report_service.assurance.runs import Runs
from services.clock import Clock

Context = grpc.aio.ServicerContext[Any, Any]


class AssuranceServicer(assurance_pb2_grpc.AssuranceServiceServicer):
    """Keeps the promises of ``assurance.proto``."""

    def __init__(self, runs: Runs, lineages: RecordedLineages, clock: Clock) -> None:
        """Take what reports are made again with, what they are counted against, and the time."""
        self._runs = runs
        self._lineages = lineages
        self._clock = clock

    async def ReproduceReport(self, request: pb.ReproduceReportRequest, context: Context) -> pb.Reproduction:
        """Make a report again."""
        return wire.reproduction_message(await self._runs.reproduce(UUID(request.id)))

    async def GetCoverage(self, request: pb.GetCoverageRequest, context: Context) -> pb.Coverage:
        """Count completed reports against recorded lineages."""
        window = coverage.month(request.month)
        return wire.coverage_message(
            await coverage.count(self._runs.bench.assurances, self._lineages, window, self._clock)
        )
