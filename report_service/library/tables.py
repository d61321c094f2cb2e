"""The table of template versions; its constraints and triggers stand in ``migrations/``."""

from datetime import datetime
from typing import Any

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from report_service.tables import Base, Instant


class TemplateVersionRow(Base):
    """One version that was created through the API."""

    __tablename__ = "template_versions"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    locales: Mapped[list[str]] = mapped_column(ARRAY(Text))
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    object_key: Mapped[str] = mapped_column(Text)
    archive_size_bytes: Mapped[int]
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    published_by: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    retired_by: Mapped[str | None] = mapped_column(Text)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)
