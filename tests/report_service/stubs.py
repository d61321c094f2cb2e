"""Neighbours of the report context that do as they are told."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from protos.leadfactory.lead.v1 import lead_pb2
from report_service import payload, peers
from report_service.batch import FoundLead, LeadSelection
from report_service.deliveries import Delivery, Fault, Undelivered
from report_service.rendering.bundles import Bundle
from report_service.rendering.pool import PdfIdentity, Rendering
from services.errors import NotFound

Mishap = Callable[[], None]


def nothing() -> None:
    """Let everything go well."""


def a_lead(lead_id: UUID) -> lead_pb2.Lead:
    """Return what the lead service might answer: not much is known, and it says so."""
    lead = lead_pb2.Lead(
        id=str(lead_id),
        email="hello@example.com",
        domain="example.com",
        enrichment_status=lead_pb2.Lead.COMPLETED,
        facts=[
            lead_pb2.Fact(
                provider="dns",
                name="mx",
                state=lead_pb2.Fact.FOUND,
                values=["10 mx.example.com"],
                source="MX example.com",
                method="DNS",
            ),
            lead_pb2.Fact(
                provider="homepage",
                name="status",
                state=lead_pb2.Fact.UNREACHABLE,
                source="https://example.com/",
                method="HTTP GET",
                reason="the connection timed out",
            ),
        ],
        created_by="ada",
    )
    for fact in lead.facts:
        fact.observed_at.FromJsonString("2026-11-21T07:58:01Z")
    lead.created_at.FromJsonString("2026-11-21T07:57:00Z")
    return lead


class Leads:
    """Leads that are there, or whatever is raised instead."""

    def __init__(self, mishap: Mishap = nothing) -> None:
        self.mishap = mishap
        self.known: set[UUID] | None = None
        self.asked: list[UUID] = []
        self.selections: list[LeadSelection] = []
        self.selected: list[UUID] = []

    async def get(self, lead_id: UUID) -> Mapping[str, Any]:
        self.asked.append(lead_id)
        self.mishap()
        if self.known is not None and lead_id not in self.known:
            raise NotFound("lead", str(lead_id))
        return peers.lead_json(a_lead(lead_id))

    async def find(self, lead_ids: Sequence[UUID]) -> Sequence[FoundLead]:
        known = self.known
        return [FoundLead(each, "example.com" if known is None or each in known else "") for each in lead_ids]

    async def select(self, selection: LeadSelection, limit: int) -> Sequence[FoundLead]:
        self.selections.append(selection)
        return [FoundLead(each, "example.com") for each in self.selected][:limit]


class Renderer:
    """Makes a file that any two renders of the same inputs agree on."""

    def __init__(self, mishap: Mishap = nothing) -> None:
        self.mishap = mishap
        self.rendered: list[tuple[bytes, PdfIdentity]] = []

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        self.rendered.append((inputs, identity))
        self.mishap()
        pdf = b"%PDF-1.7\n" + inputs + repr(identity).encode()
        return Rendering(pdf, payload.sha256(pdf), 2, 0.01, ({"event": "layout.ended", "seconds": 0.01},))


class Objects:
    """Objects in memory."""

    def __init__(self, mishap: Mishap = nothing) -> None:
        self.mishap = mishap
        self.kept: dict[str, bytes] = {}

    def key(self, sha256: str) -> str:
        return f"sha256/{sha256}"

    async def put(self, data: bytes, sha256: str) -> str:
        self.mishap()
        self.kept[f"sha256/{sha256}"] = data
        return f"sha256/{sha256}"

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        yield self.kept[key][start : start + length]


class Evidence:
    """The files of every report's pack, but the PDF."""

    def __init__(self, mishap: Mishap = nothing) -> None:
        self.mishap = mishap
        self.files = {"README.txt": b"read me", "inputs.json.gz": b"1f8b" * 50_000}

    async def evidence(self, report_id: UUID) -> AsyncGenerator[tuple[str, bytes], None]:
        self.mishap()
        for name, data in self.files.items():
            for start in range(0, len(data), 100_000):
                yield name, data[start : start + 100_000]


class Lineages(Evidence):
    """A lineage service that acknowledges, or fails in the way it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Callable[[Delivery], Fault | None] = lambda _: None
        self.loses_replies = False
        self.recorded: dict[UUID, Delivery] = {}
        self.calls: list[UUID] = []

    async def reports_from(self, inputs_sha256: str, limit: int) -> Sequence[UUID]:
        made = self.recorded.items()
        return [key for key, each in made if each.capture.inputs_sha256 == inputs_sha256][:limit]

    async def record(self, delivery: Delivery, deadline: float) -> None:
        self.calls.append(delivery.report_id)
        fault = self.fault(delivery)
        if fault is not None:
            raise Undelivered(fault, f"told to fail: {fault.name}")
        first = self.recorded.setdefault(delivery.report_id, delivery)
        assert first.capture == delivery.capture, "other facts about a report that is recorded"
        if self.loses_replies:
            raise Undelivered(Fault.SERVICE, "DEADLINE_EXCEEDED: the reply was lost")
