"""How long what is kept, whose is held, and how much it takes up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from lineage_service.domain.facts import Content
from services.errors import NotFound

LARGEST_LEADS: Final = 100
HOLDS_SHOWN: Final = 200


class PayloadExpired(NotFound):
    """What is asked for was removed; its header and digests are still there."""

    default_reason = "PAYLOAD_EXPIRED"

    def __init__(self, content: Content, lineage_id: UUID, at: datetime) -> None:
        """Say what was removed, and when."""
        super().__init__(f"{content.value} of lineage", str(lineage_id))
        self.message = f"This was removed on {at:%Y-%m-%d}. Its header and its digests remain."
        self.args = (self.message,)
        self.reason = self.default_reason


class Keeping(StrEnum):
    """What has a time for which it is kept."""

    RAW_INPUTS = "RAW_INPUTS"
    LOGS = "LOGS"
    AUDIT_DETAILS = "AUDIT_DETAILS"


CONTENTS: Mapping[Keeping, Content] = {Keeping.RAW_INPUTS: Content.INPUTS, Keeping.LOGS: Content.LOG}
"""Which content is meant; the details of audit entries are none."""


@dataclass(frozen=True)
class Policy:
    """For how long what is kept."""

    days: Mapping[Keeping, int]
    """0 is for ever."""
    dry_run: bool = False
    """Whether what is due is counted only."""

    def dues(self, now: datetime) -> dict[Keeping, datetime]:
        """Return the times before which is due what was recorded, by what may be due at all."""
        return {kind: now - timedelta(days=days) for kind, days in self.days.items() if days}


@dataclass(frozen=True)
class Due:
    """What would be removed now."""

    count: int = 0
    """Lineages, or entries of the audit."""
    bytes: int = 0
    held: int = 0
    """What would be removed as well if its lead were not held."""


@dataclass(frozen=True)
class Removed:
    """What was removed of one lineage."""

    lineage_id: UUID
    report_id: UUID
    bytes: int


@dataclass(frozen=True)
class Hold:
    """A lead whose payloads are not to be removed."""

    lead_id: UUID
    reason: str
    held_by: str
    held_at: datetime


@dataclass(frozen=True)
class Share:
    """What one month, template, lead or kind of data takes up."""

    name: str
    records: int
    bytes: int


@dataclass(frozen=True)
class Storage:
    """What the context takes up, and what for."""

    disk: tuple[Share, ...]
    by_month: tuple[Share, ...]
    """Newest first."""
    by_template: tuple[Share, ...]
    """Largest first."""
    by_lead: tuple[Share, ...]
    """The largest."""
