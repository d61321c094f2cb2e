"""The table of environments; its constraints stand in ``migrations/``."""

from datetime import datetime

from sqlalchemy import FetchedValue, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from report_service.tables import Base, Instant


class EnvironmentRow(Base):
    """What an environment consists of; written once, never changed."""

    __tablename__ = "environments"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    parts: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
