"""Leads as the monolith maps them: the product's tables, columns and indexes, with relations of its own."""

import hashlib
import os
from typing import Any

import sqlalchemy_continuum as continuum
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, configure_mappers, relationship

from lead_service.tables import FactRow, LeadRow, SuggestionRow

IS_AUDITED = bool(os.environ.get("MONOLITH_AUDITED"))


class VersionedSession(Session):
    """The sessions that Continuum listens to."""


if IS_AUDITED:
    continuum.make_versioned(session=VersionedSession, user_cls=None)


class Base(DeclarativeBase):
    """What the tables have in common."""


class Fact(Base):
    """What was learned of a lead's domain."""

    __table__ = FactRow.__table__.to_metadata(Base.metadata)


class Suggestion(Base):
    """What a look-up suggests."""

    __table__ = SuggestionRow.__table__.to_metadata(Base.metadata)


class Lead(Base):
    """A lead. With Continuum, every flush writes its row once more, into `leads_version`."""

    __table__ = LeadRow.__table__.to_metadata(Base.metadata)
    if IS_AUDITED:
        __versioned__: dict[str, Any] = {}

    facts: Mapped[list[Fact]] = relationship(order_by=[Fact.provider, Fact.name], lazy="raise")
    suggestions: Mapped[list[Suggestion]] = relationship(
        order_by=[Suggestion.field, Suggestion.value], lazy="raise"
    )

    @property
    def etag(self) -> str:
        """Another text after every write."""
        return hashlib.sha256(f"{self.id} {self.version}".encode()).hexdigest()[:16]


configure_mappers()
