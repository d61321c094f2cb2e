"""The session of this context: a report cannot end through it without its capture.

The listener stands on the class, once, so there is no session without it and none to remove. It
runs in ``before_flush``, because what is added there joins the same flush and thereby the same
transaction; later hooks see an empty ``session.new``. Statements that bypass the unit of work (bulk
updates, written SQL) are caught at commit by the constraint triggers in ``migrations/``.
"""

from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import History

from report_service.domain import ENDED, LineageStatus
from report_service.tables import LineageOutboxRow, ReportRow


class ReportSession(Session):
    """A session that captures lineage."""


class UncapturedReport(Exception):
    """A report was about to end with neither a capture nor the mark of being without one."""


@event.listens_for(ReportSession, "before_flush")
def _put_capture_into_outbox(session: ReportSession, _context: Any, _instances: Any) -> None:
    for row in (*session.new, *session.dirty):
        if isinstance(row, ReportRow) and _is_ending(row):
            if row.lineage_status in (LineageStatus.DISABLED, LineageStatus.NONE):
                continue
            if row.capture is None:
                raise UncapturedReport(str(row.id))
            session.add(_outbox_row(row))


def _is_ending(row: ReportRow) -> bool:
    history: History = inspect(row).attrs.status.history
    return not ENDED.isdisjoint(history.added or ()) and ENDED.isdisjoint(history.deleted or ())


def _outbox_row(row: ReportRow) -> LineageOutboxRow:
    capture = row.capture
    assert capture is not None
    return LineageOutboxRow(
        report_id=row.id,
        lineage_id=row.lineage_id,
        lead_id=row.lead_id,
        pipeline_run_id=row.pipeline_run_id,
        template_version_id=row.template_version_id,
        template_digest=row.template_digest,
        pdf_sha256=row.pdf_sha256,
        created_by=row.created_by,
        environment_digest=capture.environment_digest,
        started_at=capture.started_at,
        ended_at=capture.ended_at,
        inputs_sha256=capture.inputs_sha256,
        inputs_size_bytes=capture.inputs_size_bytes,
        raw_inputs=capture.raw_inputs,
        parts=[{"size_bytes": each.size_bytes, "sha256": each.sha256} for each in capture.parts],
        logs=capture.logs,
        logs_size_bytes=capture.logs_size_bytes,
        logs_sha256=capture.logs_sha256,
        payload_size_bytes=capture.payload_size_bytes,
    )
