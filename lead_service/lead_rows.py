"""Leads as rows: the statements that read and write one, and what a row tells of.

The statements are put together once: to do so takes longer than to send one.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Function, Table, bindparam, func, select, update
from sqlalchemy.dialects import postgresql

from lead_service.domain import Lead
from lead_service.facts import Enrichment, EnrichmentStatus, Fact, FactState
from lead_service.suggestions import Suggestion, SuggestionState
from lead_service.tables import LIVING, UNIQUE, Base, FactRow, LeadRow, SuggestionRow

LEADS = cast("Table", LeadRow.__table__)
ROWS = select(*LEADS.columns)


def _kept(table: type[Base], kind: type[Fact | Suggestion], *order: str) -> Function[Any]:
    """Select a lead's rows of another table as one array of records, each with the fields of `kind`."""
    its = cast("Table", table.__table__).columns
    rows = (
        select(func.row(*(its[field.name] for field in fields(kind))))
        .where(its.lead_id == LEADS.columns.id)
        .order_by(*(its[name] for name in order))
    )
    return func.array(rows.scalar_subquery())


_THIS: ColumnElement[bool] = LEADS.columns.id == bindparam("lead_id")
WHOLE = ROWS.add_columns(
    _kept(FactRow, Fact, "provider", "name").label("facts"),
    _kept(SuggestionRow, Suggestion, "field", "value").label("suggestions"),
).where(_THIS)
HELD = ROWS.where(_THIS).with_for_update()
ADD = (
    postgresql.insert(LEADS)
    .on_conflict_do_nothing(index_elements=UNIQUE, index_where=LIVING)
    .returning(LEADS.columns.id)
)
CHANGE = (
    update(LEADS)
    .where(_THIS, LEADS.columns.version == bindparam("known_version"))
    .returning(LEADS.columns.id)
)


def columns(lead: Lead) -> dict[str, Any]:
    """Return a row's values, but for the id."""
    return {
        "email": lead.email,
        "domain": lead.domain,
        "name": lead.name,
        "is_manual": lead.is_manual,
        "enrichment_status": lead.enrichment.status.value,
        "enrichment_job_id": int(lead.enrichment.task_id) if lead.enrichment.task_id else None,
        "enrichment_attempts": lead.enrichment.attempts,
        "enrichment_error": lead.enrichment.error,
        "enriched_at": lead.enrichment.ended_at,
        "created_by": lead.created_by,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
        "version": lead.version,
        "deleted_at": lead.deleted_at,
        "registrable_domain": lead.registrable_domain,
        "enrichment_asked_by": lead.enrichment.asked_by or None,
        "import_id": lead.import_id,
        "merged_into": lead.merged_into,
    }


class Named(Protocol):
    """A row by the names of its columns, SQLAlchemy's or the driver's."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column's value."""


def mapped(row: LeadRow) -> dict[str, Any]:
    """Return a row by the names of its columns."""
    return {column.name: getattr(row, column.name) for column in LEADS.columns}


def lead(row: Named, facts: tuple[Fact, ...] = (), suggestions: tuple[Suggestion, ...] = ()) -> Lead:
    """Return the lead that a row of ROWS tells of."""
    return Lead(
        id=row["id"],
        email=row["email"],
        domain=row["domain"],
        name=row["name"],
        is_manual=row["is_manual"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        enrichment=Enrichment(
            status=EnrichmentStatus(row["enrichment_status"]),
            task_id="" if row["enrichment_job_id"] is None else str(row["enrichment_job_id"]),
            attempts=row["enrichment_attempts"],
            error=row["enrichment_error"],
            ended_at=row["enriched_at"],
            asked_by=row["enrichment_asked_by"] or "",
        ),
        facts=facts,
        suggestions=suggestions,
        version=row["version"],
        deleted_at=row["deleted_at"],
        registrable_domain=row["registrable_domain"],
        import_id=row["import_id"],
        merged_into=row["merged_into"],
    )


def whole(row: Named) -> Lead:
    """Return the lead that a row of WHOLE tells of."""
    return lead(row, tuple(map(_fact, row["facts"])), tuple(map(_suggestion, row["suggestions"])))


def _fact(record: Sequence[Any]) -> Fact:
    provider, name, state, values, source, method, reason, observed_at, evidence_sha256 = record
    return Fact(
        provider, name, FactState(state), tuple(values), source, method, reason, observed_at, evidence_sha256
    )


def _suggestion(record: Sequence[Any]) -> Suggestion:
    id_, field, value, source, fact, observed_at, state, *decision = record
    return Suggestion(id_, field, value, source, fact, observed_at, SuggestionState(state), *decision)
