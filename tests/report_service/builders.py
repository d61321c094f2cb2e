"""Reports, captures and deliveries for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from report_service import payload
from report_service.deliveries import Capture, Part
from report_service.domain import Pdf, Report
from services.ids import uuid7

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def a_report(**values: Any) -> Report:
    """Return a queued report."""
    return replace(
        Report(
            id=uuid7(),
            lineage_id=uuid7(),
            lead_id=uuid7(),
            domain="example.com",
            pipeline_run_id=str(uuid4()),
            template_version_id="website_audit@1.0.0",
            template_digest="ab" * 32,
            locale="en",
            created_by="ada",
            created_at=NOON,
        ),
        **values,
    )


def a_pdf(content: bytes = b"%PDF-1.7 test") -> Pdf:
    """Return a stored PDF."""
    digest = payload.sha256(content)
    return Pdf(digest, len(content), 2, f"sha256/{digest[:2]}/{digest}")


def a_capture(inputs: bytes = b'{"format":1}', limit: int = payload.PART_LIMIT_BYTES) -> Capture:
    """Return a capture of some inputs, in parts of at most ``limit`` bytes."""
    members = payload.members(inputs, limit)
    log = b'{"event":"run.started"}\n'
    packed = payload.compress(log)
    return Capture(
        environment_digest="cd" * 32,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=1.5),
        inputs_sha256=payload.sha256(inputs),
        inputs_size_bytes=len(inputs),
        raw_inputs=b"".join(members),
        parts=tuple(Part(len(each), payload.sha256(each)) for each in members),
        logs=packed,
        logs_size_bytes=len(log),
        logs_sha256=payload.sha256(packed),
    )
