"""The RPCs: decode, one call, encode."""

from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

import grpc.aio
from google.api.httpbody_pb2 import HttpBody

from lineage_service import lineage, wire
from lineage_service.domain import Limits, LineageStores, Reader
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from protos.leadfactory.lineage.v1 import lineage_pb2_grpc
from services import downloads, identity
from services.clock import Clock

Context = grpc.aio.ServicerContext[Any, Any]


class LineageServicer(lineage_pb2_grpc.LineageServiceServicer):
    """Serves lineage from its stores."""

    def __init__(self, stores: LineageStores, *, limits: Limits, clock: Clock) -> None:
        """Take the stores, how much one lineage may hold, and the time."""
        self._stores = stores
        self._limits = limits
        self._clock = clock

    async def RecordLineage(
        self, request_iterator: AsyncIterator[pb.RecordLineageRequest], context: Context
    ) -> pb.Lineage:
        """Remember how one report came to be."""
        facts, arrivals = await wire.delivery(request_iterator)
        return wire.lineage(
            await lineage.record(self._stores, facts, arrivals, limits=self._limits, clock=self._clock)
        )

    async def GetLineageByReport(self, request: pb.GetLineageByReportRequest, context: Context) -> pb.Lineage:
        """Return the lineage of one report."""
        return wire.lineage(
            await lineage.by_report(self._stores, UUID(request.report_id), _reader(), clock=self._clock)
        )

    async def GetLineageLogs(
        self, request: pb.GetLineageLogsRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream the pipeline's log as stored."""
        log = await lineage.open_log(self._stores, UUID(request.lineage_id), _reader(), clock=self._clock)
        async for body in downloads.send(
            context,
            content_type="application/x-ndjson",
            content_encoding="gzip",
            size=log.size,
            etag=log.etag,
            read=log.read,
        ):
            yield body

    async def DownloadRawInputs(
        self, request: pb.DownloadRawInputsRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream the raw inputs as stored."""
        inputs = await lineage.open_inputs(
            self._stores, UUID(request.lineage_id), request.part, _reader(), clock=self._clock
        )
        async for body in downloads.send(
            context,
            content_type="application/gzip",
            filename=inputs.lineage.inputs_filename(request.part),
            size=inputs.size,
            etag=inputs.etag,
            read=inputs.read,
        ):
            yield body


def _reader() -> Reader:
    """Name who reads, from what the interceptors verified; never from the request."""
    actor, call = identity.current_actor(), identity.current_call()
    return Reader(
        subject=actor.subject,
        workload=actor.workload,
        ip=_address(actor.ip),
        user_agent=actor.user_agent,
        request_id=call.request_id if call else "",
        method=call.method if call else "",
    )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address without its zone, which means something on that machine only."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
