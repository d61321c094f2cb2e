"""The lead context's tables."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    SmallInteger,
    Text,
    Uuid,
    column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.database import NAMING


class Base(DeclarativeBase):
    """What this context's tables have in common."""

    metadata = MetaData(naming_convention=NAMING)


class LeadRow(Base):
    """One lead. Every index ends in the order of lists, so that each filter pages along its own."""

    __tablename__ = "leads"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    domain: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    is_manual: Mapped[bool] = mapped_column(Boolean)
    enrichment_status: Mapped[str] = mapped_column(Text)
    enrichment_job_id: Mapped[int | None] = mapped_column(BigInteger)
    enrichment_attempts: Mapped[int] = mapped_column(SmallInteger)
    enrichment_error: Mapped[str] = mapped_column(Text)
    enriched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(
            "enrichment_status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED')",
            name="enrichment_status",
        ),
        Index(None, "created_at", "id"),
        Index(None, "is_manual", "created_at", "id"),
        Index(None, "enrichment_status", "created_at", "id"),
        Index(None, "email", "created_at", "id"),
        Index(None, "domain", "created_at", "id"),
        Index(
            "ix_leads_under_way",
            "enrichment_job_id",
            postgresql_where=text("enrichment_status IN ('PENDING', 'IN_PROGRESS')"),
        ),
    )


class FactRow(Base):
    """One fact about a lead's domain; the latest look-up's only."""

    __tablename__ = "lead_facts"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    values: Mapped[list[str]] = mapped_column(ARRAY(Text))
    source: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    observed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    evidence_sha256: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("state IN ('FOUND', 'NOT_FOUND', 'UNREACHABLE', 'REFUSED', 'ERROR')", name="state"),
    )


# PgQueuer's queue, which its own migration makes: read here to see whether a job is still alive.
jobs = table("pgqueuer", column("id", BigInteger), column("status"))
