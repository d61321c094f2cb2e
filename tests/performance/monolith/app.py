"""The application. `uvicorn tests.performance.monolith.app:app`"""

import base64
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from publicsuffixlist import PublicSuffixList
from sqlalchemy import Select, func, make_url, select, true, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, selectinload

from services.ids import uuid7
from tests.performance.monolith.identity import Reader, Writer
from tests.performance.monolith.models import LeadChange, LeadIn, LeadOut, Page
from tests.performance.monolith.tables import IS_AUDITED, Lead, VersionedSession

# Up to here a total is counted, as in the product; beyond, the planner's word would do.
EXACT_TOTAL = 1000

app = FastAPI(title="Leads")
engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"),
    pool_size=int(os.environ["MONOLITH_CONNECTIONS"]),
    max_overflow=0,
    connect_args={"server_settings": {"application_name": "monolith"}},
)
sessions = async_sessionmaker(
    engine, sync_session_class=VersionedSession if IS_AUDITED else Session, expire_on_commit=False
)
suffixes = cache(PublicSuffixList)


async def opened() -> AsyncIterator[AsyncSession]:
    """Open a session for one request."""
    async with sessions() as session:
        yield session


Database = Annotated[AsyncSession, Depends(opened)]


@app.get("/api/leads/{lead_id}", response_model=LeadOut, response_model_exclude_none=True)
async def get_lead(lead_id: UUID, _: Reader, database: Database, response: Response) -> Lead:
    """Return one lead."""
    lead = await _lead(database, lead_id)
    response.headers["etag"] = f'"{lead.etag}"'
    return lead


@app.get("/api/leads", response_model=Page, response_model_exclude_none=True)
async def list_leads(
    _: Reader,
    database: Database,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    page_token: str = "",
    created_by: str = "",
    is_manual: bool | None = None,
    enrichment_status: str = "",
    domain: str = "",
) -> dict[str, Any]:
    """Return the newest leads first, from the place that the token names."""
    matching = select(Lead).where(Lead.deleted_at.is_(None))
    for column, value in (
        (Lead.created_by, created_by or None),
        (Lead.is_manual, is_manual),
        (Lead.enrichment_status, enrichment_status or None),
        (Lead.domain, domain or None),
    ):
        if value is not None:
            matching = matching.where(column == value)
    page = matching.order_by(Lead.created_at.desc(), Lead.id.desc()).limit(page_size + 1)
    if page_token:
        page = page.where(tuple_(Lead.created_at, Lead.id) < _place(page_token))
    leads = (await database.scalars(page)).all()
    total = await database.scalar(_count(matching))
    last = leads[page_size - 1] if len(leads) > page_size else None
    return {
        "leads": leads[:page_size],
        "next_page_token": _token(last) if last else "",
        "total_size_estimate": total,
    }


@app.post("/api/leads", response_model=LeadOut, response_model_exclude_none=True)
async def create_lead(given: LeadIn, user: Writer, database: Database, response: Response) -> Lead:
    """Keep a new lead."""
    now = datetime.now(UTC)
    domain = (given.domain or given.email.rpartition("@")[2]).strip().lower()
    lead = Lead(
        id=uuid7(),
        email=given.email,
        domain=domain,
        name=given.name.strip(),
        is_manual=given.is_manual,
        enrichment_status="PENDING",
        enrichment_attempts=0,
        enrichment_error="",
        registrable_domain=_registered_apart(domain),
        created_by=user.subject,
        created_at=now,
        updated_at=now,
        version=1,
        facts=[],
        suggestions=[],
    )
    database.add(lead)
    await _commit(database)
    response.headers["etag"] = f'"{lead.etag}"'
    return lead


@app.patch("/api/leads/{lead_id}", response_model=LeadOut, response_model_exclude_none=True)
async def change_lead(
    lead_id: UUID,
    given: LeadChange,
    _: Writer,
    database: Database,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> Lead:
    """Change what is given of a lead."""
    lead = await _lead(database, lead_id, for_update=True)
    if if_match is not None and if_match != f'"{lead.etag}"':
        raise HTTPException(412, "Somebody else changed this lead.")
    for name, value in given.model_dump(exclude_unset=True).items():
        setattr(lead, name, value)
    lead.registrable_domain = _registered_apart(lead.domain)
    lead.version += 1
    lead.updated_at = datetime.now(UTC)
    await _commit(database)
    response.headers["etag"] = f'"{lead.etag}"'
    return lead


async def _lead(database: AsyncSession, lead_id: UUID, *, for_update: bool = False) -> Lead:
    lead = await database.get(
        Lead,
        lead_id,
        options=[selectinload(Lead.facts), selectinload(Lead.suggestions)],
        with_for_update=for_update,
    )
    if lead is None:
        raise HTTPException(404, "There is no such lead.")
    return lead


async def _commit(database: AsyncSession) -> None:
    try:
        await database.commit()
    except IntegrityError as error:
        raise HTTPException(409, "There is a lead with this address and domain.") from error


def _count(matching: Select[tuple[Lead]]) -> Select[tuple[int]]:
    some = matching.with_only_columns(true()).limit(EXACT_TOTAL + 1).subquery()
    return select(func.count()).select_from(some)


def _registered_apart(domain: str) -> str | None:
    registered = suffixes().privatesuffix(domain) or domain
    return None if registered == domain else registered


def _token(lead: Lead) -> str:
    return base64.urlsafe_b64encode(json.dumps([lead.created_at.isoformat(), str(lead.id)]).encode()).decode()


def _place(token: str) -> tuple[datetime, UUID]:
    try:
        moment, lead_id = json.loads(base64.urlsafe_b64decode(token))
        return datetime.fromisoformat(moment), UUID(lead_id)
    except (ValueError, TypeError) as error:
        raise HTTPException(400, "The page token is not one that a page returned.") from error
