"""The lead context's tables."""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    Uuid,
    column,
    func,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.database import NAMING


class Base(DeclarativeBase):
    """What this context's tables have in common."""

    metadata = MetaData(naming_convention=NAMING)


_SEARCHED = "lower((((email || chr(10)) || domain) || chr(10)) || name)"


def _living(*columns: str) -> Index:
    name = "_".join(("ix_leads_living", *columns))
    return Index(name, *columns, "id", postgresql_where=text("deleted_at IS NULL"))


class LeadRow(Base):
    """One lead. Every index of a filter ends in the order of lists, so that each pages along its own.

    They hold the living, whom nearly every list is about; the deleted are found by time alone.
    """

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
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(
            "enrichment_status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED')",
            name="enrichment_status",
        ),
        Index(None, "created_at", "id"),
        _living("created_at"),
        _living("is_manual", "created_at"),
        _living("enrichment_status", "created_at"),
        _living("created_by", "created_at"),
        _living("domain", "created_at"),
        _living("email"),
        _living("domain"),
        Index(
            "ix_leads_under_way",
            "enrichment_job_id",
            postgresql_where=text("enrichment_status IN ('PENDING', 'IN_PROGRESS')"),
        ),
        Index(
            "ix_leads_searched",
            literal_column(_SEARCHED).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
        ),
    )


LIVING = LeadRow.deleted_at.is_(None)
# Of living leads, uq_leads_living admits one for each value of these.
UNIQUE = (func.lower(LeadRow.email), LeadRow.domain)
# What ix_leads_searched finds parts of; its words must be these.
SEARCHED: ColumnElement[str] = literal_column(_SEARCHED, Text())
Index("uq_leads_living", *UNIQUE, unique=True, postgresql_where=LIVING)


class AnswerRow(Base):
    """The first answer to a request that may be sent again; empty only inside its own transaction."""

    __tablename__ = "idempotency_keys"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    method: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    response: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index(None, "created_at"),)


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


class AuditRow(Base):
    """One entry of the audit, which the database writes: see ``audit.AuditEntry``.

    ``transaction_id`` is the writer's; an entry is settled once pg_snapshot_xmin is above it.
    """

    __tablename__ = "lead_audit"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    lead_id: Mapped[UUID | None] = mapped_column(Uuid)
    version: Mapped[int | None] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    workload: Mapped[str | None] = mapped_column(Text)
    ip_address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET)
    user_agent: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    old_values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    new_values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    bookkeeping: Mapped[dict[str, Any]] = mapped_column(JSONB)
    salts: Mapped[dict[str, dict[str, str]]] = mapped_column(JSONB)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    canonical: Mapped[bytes] = mapped_column(LargeBinary)
    entry_hash: Mapped[bytes] = mapped_column(LargeBinary)
    transaction_id: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("uq_lead_audit_lead_id_version", "lead_id", "version", unique=True),
        Index("ix_lead_audit_lead_id_created_at_id", "lead_id", "created_at", "id"),
        Index("ix_lead_audit_created_at_id", "created_at", "id"),
        Index("ix_lead_audit_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_lead_audit_action_created_at_id", "action", "created_at", "id"),
        Index("ix_lead_audit_ip_address", "ip_address", "created_at"),
        Index("ix_lead_audit_changed_fields", "changed_fields", postgresql_using="gin"),
    )


# PgQueuer's queue, which its own migration makes: read here to see whether a job is still alive.
jobs = table("pgqueuer", column("id", BigInteger), column("status"))
