"""Tables of the report context; the constraints and triggers stand in ``migrations/``."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from report_service.deliveries import Capture
from services.database import NAMING

Instant = TIMESTAMP(timezone=True)


class Base(DeclarativeBase):
    """The tables of this context."""

    metadata = MetaData(naming_convention=NAMING)


class BatchRow(Base):
    """Many reports that were asked for at once."""

    __tablename__ = "report_batches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    template_version_id: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    pipeline_run_id: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ReportRow(Base):
    """One generation of one PDF."""

    __tablename__ = "reports"
    __allow_unmapped__ = True  # for ``capture``
    # Brings back the version that the trigger sets.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  (SQLAlchemy reads it so)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    lineage_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    domain: Mapped[str] = mapped_column(Text)
    pipeline_run_id: Mapped[str] = mapped_column(Text)
    template_version_id: Mapped[str] = mapped_column(Text)
    template_digest: Mapped[str] = mapped_column(Text)
    # Up to 1 MiB and wanted by the worker alone: never part of a list.
    assessment_data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    locale: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    progress: Mapped[int]
    step: Mapped[str] = mapped_column(Text)
    error: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    render_time: Mapped[datetime | None] = mapped_column(Instant)
    pdf_sha256: Mapped[str | None] = mapped_column(Text)
    pdf_size_bytes: Mapped[int | None]
    page_count: Mapped[int | None]
    object_key: Mapped[str | None] = mapped_column(Text)
    lineage_status: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    completed_at: Mapped[datetime | None] = mapped_column(Instant)
    retry_of: Mapped[UUID | None]
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("report_batches.id"))
    batch_position: Mapped[int] = mapped_column(default=0)
    supersedes: Mapped[UUID | None]
    erased_at: Mapped[datetime | None] = mapped_column(Instant)
    # Counted up by a trigger, whoever changes the row.
    version: Mapped[int] = mapped_column(server_default=FetchedValue(), server_onupdate=FetchedValue())

    capture: Capture | None = None
    """Not a column: what the flush that ends this row puts into the outbox."""


class LineageOutboxRow(Base):
    """A capture that the lineage service has not acknowledged yet; exists for no longer than that."""

    __tablename__ = "lineage_outbox"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    lineage_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    pipeline_run_id: Mapped[str] = mapped_column(Text)
    template_version_id: Mapped[str] = mapped_column(Text)
    template_digest: Mapped[str] = mapped_column(Text)
    pdf_sha256: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    environment_digest: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime] = mapped_column(Instant)
    inputs_sha256: Mapped[str] = mapped_column(Text)
    inputs_size_bytes: Mapped[int]
    raw_inputs: Mapped[bytes] = mapped_column(LargeBinary)
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    logs: Mapped[bytes] = mapped_column(LargeBinary)
    logs_size_bytes: Mapped[int]
    logs_sha256: Mapped[str] = mapped_column(Text)
    payload_size_bytes: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
    attempts: Mapped[int] = mapped_column(server_default=FetchedValue())
    next_attempt_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    last_error: Mapped[str] = mapped_column(Text, server_default=FetchedValue())
    dead_at: Mapped[datetime | None] = mapped_column(Instant)


class DeadLetterDecisionRow(Base):
    """What a person decided about a dead letter; never changed or removed."""

    __tablename__ = "dead_letter_decisions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    report_id: Mapped[UUID] = mapped_column(ForeignKey("reports.id"))
    verdict: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(Text)
    last_error: Mapped[str] = mapped_column(Text)
    inputs_sha256: Mapped[str] = mapped_column(Text)
    pdf_sha256: Mapped[str | None] = mapped_column(Text)


class RequestRow(Base):
    """What a request made that may be sent again."""

    __tablename__ = "requests"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    method: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_sha256: Mapped[str] = mapped_column(Text)
    made: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(Instant)
