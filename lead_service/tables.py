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
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
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


def _deleted(column: str) -> Index:
    return Index(f"ix_leads_deleted_{column}", column, "id", postgresql_where=text("deleted_at IS NOT NULL"))


class LeadRow(Base):
    """One lead. Every index of a filter ends in an order of lists, so that each pages along its own.

    They hold the living, whom nearly every list is about. The deleted have indexes of the orders alone.
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
    registrable_domain: Mapped[str | None] = mapped_column(Text)
    enrichment_asked_by: Mapped[str | None] = mapped_column(Text)
    import_id: Mapped[UUID | None] = mapped_column(Uuid)
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="SET NULL"))

    __table_args__ = (
        CheckConstraint(
            "merged_into IS NULL OR (merged_into <> id AND deleted_at IS NOT NULL)", name="merged_into"
        ),
        CheckConstraint(
            "enrichment_status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED')",
            name="enrichment_status",
        ),
        Index("ix_leads_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        Index(None, "import_id", "created_at", "id", postgresql_where=text("import_id IS NOT NULL")),
        *(
            _living(*filtered, order)
            for filtered in ([], ["is_manual"], ["enrichment_status"], ["created_by"], ["domain"])
            for order in ("created_at", "email", "domain")
            if order not in filtered
        ),
        *map(_deleted, ("created_at", "email", "domain")),
        Index(
            "ix_leads_under_way",
            "enrichment_job_id",
            postgresql_where=text("enrichment_status IN ('PENDING', 'IN_PROGRESS')"),
        ),
        Index(
            "ix_leads_asked_by",
            "enrichment_asked_by",
            postgresql_where=text("enrichment_status IN ('PENDING', 'IN_PROGRESS')"),
        ),
        Index(
            "ix_leads_searched",
            literal_column(_SEARCHED).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
        ),
    )


_LEADS = LeadRow.__table__.columns
LIVING = _LEADS.deleted_at.is_(None)
DELETED = _LEADS.deleted_at.is_not(None)
# Look-ups that have not ended, in the words of the indexes that hold no other.
UNDER_WAY: ColumnElement[bool] = literal_column(
    "leads.enrichment_status IN ('PENDING', 'IN_PROGRESS')", Boolean()
)
# Of living leads, uq_leads_living admits one for each value of these.
REGISTERED: ColumnElement[str] = func.coalesce(_LEADS.registrable_domain, _LEADS.domain)
UNIQUE = (func.lower(_LEADS.email), REGISTERED)
# What ix_leads_searched finds parts of; its words must be these.
SEARCHED: ColumnElement[str] = literal_column(_SEARCHED, Text())
Index("uq_leads_living", *UNIQUE, unique=True, postgresql_where=LIVING)
Index("ix_leads_deleted_lower_email", func.lower(_LEADS.email), postgresql_where=DELETED)


class MergeRow(Base):
    """A merge that can be undone: what it found and left of the lead that stayed.

    ``facts`` are that lead's own, if the other one's took their place. Goes with either lead.
    """

    __tablename__ = "lead_merges"

    other_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)
    facts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index(None, "lead_id"),)


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


class SuggestionRow(Base):
    """One value that a look-up found for a field that belongs to people."""

    __tablename__ = "lead_suggestions"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    field: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    fact: Mapped[str] = mapped_column(Text)
    observed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("state IN ('OPEN', 'ACCEPTED', 'DISMISSED')", name="state"),
        UniqueConstraint("lead_id", "field", "value", name="uq_lead_suggestions_lead_id_field_value"),
    )


class QuotaRow(Base):
    """When somebody asked for look-ups within the last hour, oldest first."""

    __tablename__ = "enrichment_quotas"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    asked_at: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))


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
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    entry_hash: Mapped[bytes] = mapped_column(LargeBinary, Computed("sha256(canonical)", persisted=False))

    __table_args__ = (
        Index("uq_lead_audit_lead_id_version", "lead_id", "version", unique=True),
        Index("ix_lead_audit_created_at_id", "created_at", "id"),
        Index("ix_lead_audit_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_lead_audit_action_created_at_id", "action", "created_at", "id"),
        Index("ix_lead_audit_ip_address", "ip_address", "created_at"),
        Index("ix_lead_audit_changed_fields", "changed_fields", postgresql_using="gin"),
        Index("ix_lead_audit_transaction_id_id", "transaction_id", "id"),
    )


class ErasureRow(Base):
    """That a lead was erased: see ``erasure.Erasure``."""

    __tablename__ = "lead_erasures"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    erased_by: Mapped[str] = mapped_column(Text)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ImportRow(Base):
    """One import: see ``imports.LeadImport``. ``undo_row`` is the last row that an undo has dealt with."""

    __tablename__ = "lead_imports"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    filename: Mapped[str] = mapped_column(Text)
    existing: Mapped[str] = mapped_column(Text)
    dry_run: Mapped[bool] = mapped_column(Boolean)
    enrich: Mapped[bool] = mapped_column(Boolean)
    wanted_columns: Mapped[dict[str, str]] = mapped_column(JSONB)
    columns: Mapped[dict[str, str]] = mapped_column(JSONB)
    ignored_columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    request_id: Mapped[str] = mapped_column(Text)
    runner: Mapped[UUID] = mapped_column(Uuid)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    last_row: Mapped[int] = mapped_column(Integer)
    content_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[int] = mapped_column(Integer)
    updated: Mapped[int] = mapped_column(Integer)
    unchanged: Mapped[int] = mapped_column(Integer)
    duplicates: Mapped[int] = mapped_column(Integer)
    refused: Mapped[int] = mapped_column(Integer)
    look_ups: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    undo_row: Mapped[int] = mapped_column(Integer)
    undone: Mapped[int] = mapped_column(Integer)
    conflicts: Mapped[int] = mapped_column(Integer)
    undone_by: Mapped[str] = mapped_column(Text)
    undone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("state IN ('RUNNING', 'COMPLETED', 'FAILED', 'UNDOING', 'UNDONE')", name="state"),
        Index(None, "created_by", "id"),
        Index(
            "uq_lead_imports_request",
            "created_by",
            "request_id",
            unique=True,
            postgresql_where=text("request_id <> ''"),
        ),
        Index(
            "ix_lead_imports_under_way", "seen_at", postgresql_where=text("state IN ('RUNNING', 'UNDOING')")
        ),
    )


class ImportedRow(Base):
    """What became of one row of a file: see the migration for ``identity`` and ``audit_version``."""

    __tablename__ = "lead_import_rows"

    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True)
    identity: Mapped[bytes] = mapped_column(LargeBinary)
    outcome: Mapped[str] = mapped_column(Text)
    lead_id: Mapped[UUID | None] = mapped_column(Uuid)
    audit_version: Mapped[int | None] = mapped_column(Integer)
    conflict: Mapped[bool] = mapped_column(Boolean, server_default="false")

    __table_args__ = (
        Index("uq_lead_import_rows_import_id_identity", "import_id", "identity", unique=True),
        Index("ix_lead_import_rows_conflicts", "import_id", "row", postgresql_where=text("conflict")),
    )


class ImportErrorRow(Base):
    """Why one row of a file was passed over."""

    __tablename__ = "lead_import_errors"

    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True)
    field: Mapped[str] = mapped_column(Text, primary_key=True)
    header: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    person: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (Index("ix_lead_import_errors_person", "person", postgresql_where=person.is_not(None)),)


# PgQueuer's queue, which its own migration makes: read here to see whether a job is still alive.
jobs = table("pgqueuer", column("id", BigInteger), column("status"))
