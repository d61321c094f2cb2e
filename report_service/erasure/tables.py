"""The table of erasures; its constraints stand in ``migrations/``."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, Text
from sqlalchemy.orm import Mapped, mapped_column

from report_service.tables import Base, Instant


class ErasureRow(Base):
    """That a lead was erased, and how far this context has followed."""

    __tablename__ = "erasures"

    number: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID]
    erased_by: Mapped[str] = mapped_column(Text)
    erased_at: Mapped[datetime] = mapped_column(Instant)
    found_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
    due_at: Mapped[datetime] = mapped_column(Instant, server_default=FetchedValue())
    held: Mapped[bool] = mapped_column(server_default=FetchedValue())
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
