"""Leads whose audit is looked at: written by Ada, in one call."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text

from lead_service.audit import AuditEntry, parse
from lead_service.audit_repository import PostgresAuditStore
from lead_service.tables import LeadRow
from services.database import Database
from services.identity import Actor, Call

NOW = datetime(2026, 11, 21, 9, 30, 0, 120000, tzinfo=UTC)
ADA = Actor("ada", frozenset({"operator", "admin"}), None, "2001:db8::1%eth0", "it's \"Ada's\" \\ browser; é")
CALL = Call("leadfactory.lead.v1.LeadService/CreateLead", "request-1")
CONTEXT = json.dumps({"user_id": "root", "roles": [], "user_agent": "", "request_id": "", "method": ""})


def columns(lead_id: UUID, **changes: Any) -> dict[str, Any]:
    return {
        "id": lead_id,
        "email": f"{lead_id}@example.com",
        "domain": "example.com",
        "name": "",
        "is_manual": False,
        "enrichment_status": "PENDING",
        "enrichment_job_id": None,
        "enrichment_attempts": 0,
        "enrichment_error": "",
        "enriched_at": None,
        "created_by": "ada",
        "created_at": NOW,
        "updated_at": NOW,
        **changes,
    }


async def keep(database: Database, *lead_ids: UUID) -> None:
    async with database.write() as session:
        await session.execute(insert(LeadRow), [columns(each) for each in lead_ids])


async def history(database: Database, lead_id: UUID) -> list[AuditEntry]:
    async with database.read() as session:
        return await PostgresAuditStore(session).history(lead_id)


async def live(database: Database, lead_id: UUID) -> dict[str, Any] | None:
    """What a lead is, but for what is NULL of it."""
    async with database.read() as session:
        row = await session.scalar(
            text("SELECT to_jsonb(leads)::text FROM leads WHERE id = :id"), {"id": lead_id}
        )
    return None if row is None else {name: value for name, value in parse(row).items() if value is not None}


def facts_of(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """What of a row is not bookkeeping."""
    return row and {name: value for name, value in row.items() if name not in ("version", "updated_at")}
