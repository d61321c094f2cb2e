"""The tables of webhooks; their constraints, and the trigger that fills one, stand in ``migrations/``."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from report_service.tables import Base, Instant


class WebhookEndpointRow(Base):
    """Where messages are sent."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    status: Mapped[str] = mapped_column(Text)
    disabled_reason: Mapped[str] = mapped_column(Text)
    failing_since: Mapped[datetime | None] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int]


class WebhookSecretRow(Base):
    """A key that signs, encrypted."""

    __tablename__ = "webhook_secrets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)


class WebhookDeliveryRow(Base):
    """One message to one endpoint."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id"))
    event: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
    next_attempt_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    status: Mapped[str] = mapped_column(Text, server_default=FetchedValue())
    attempts: Mapped[int] = mapped_column(server_default=FetchedValue())
    response_status: Mapped[int | None]
    error: Mapped[str] = mapped_column(Text, server_default=FetchedValue())
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class WebhookChangeRow(Base):
    """Who did what about an endpoint; never changed or removed."""

    __tablename__ = "webhook_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID]
    action: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
