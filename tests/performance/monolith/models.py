"""What goes over the wire, in pydantic."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field


def _text(value: Any) -> str:
    return "" if value is None else str(value)


Text = Annotated[str, BeforeValidator(_text)]


class FactOut(BaseModel):
    """One fact."""

    model_config = ConfigDict(from_attributes=True)

    provider: str
    name: str
    state: str
    values: list[str]
    source: str
    method: str
    reason: str
    observed_at: datetime
    evidence_sha256: str


class SuggestionOut(BaseModel):
    """One suggestion."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    field: str
    value: str
    source: str
    fact: str
    observed_at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None = None


class ListedLead(BaseModel):
    """A lead in a list."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    domain: str
    name: str
    is_manual: bool
    enrichment_status: str
    enrichment_task_id: Text = Field(validation_alias="enrichment_job_id")
    enrichment_error: str
    enriched_at: datetime | None = None
    created_by: str
    created_at: datetime
    updated_at: datetime
    etag: str
    delete_time: datetime | None = Field(None, validation_alias="deleted_at")
    merged_into: Text
    import_id: Text


class LeadOut(ListedLead):
    """A lead with everything that is known about it."""

    facts: list[FactOut]
    suggestions: list[SuggestionOut]


class Page(BaseModel):
    """A page of a list."""

    leads: list[ListedLead]
    next_page_token: str
    total_size_estimate: int


class LeadIn(BaseModel):
    """A new lead."""

    model_config = ConfigDict(extra="forbid")

    email: EmailStr
    domain: str = Field("", max_length=253)
    name: str = Field("", max_length=200)
    is_manual: bool = False


class LeadChange(BaseModel):
    """What a change may say."""

    model_config = ConfigDict(extra="forbid")

    email: EmailStr | None = None
    domain: str | None = Field(None, max_length=253)
    name: str | None = Field(None, max_length=200)
    is_manual: bool | None = None
