"""Who has looked: the access audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from services.ids import uuid7

DONE: Final = "OK"
UNDER_WAY: Final = ""


class Action(StrEnum):
    """What a reading was of."""

    VIEW = "VIEW"
    LOGS = "LOGS"
    DOWNLOAD = "DOWNLOAD"
    SEARCH = "SEARCH"
    LOOKUP = "LOOKUP"
    DIFF = "DIFF"
    AUDIT = "AUDIT"
    DENIED = "DENIED"
    EXPIRE = "EXPIRE"
    HOLD = "HOLD"
    RELEASE = "RELEASE"
    RECORD = "RECORD"
    FORGET = "FORGET"

    @property
    def counts(self) -> bool:
        """Whether this is a reading of the lineage itself, to be counted as one."""
        return self in _READINGS


_READINGS = frozenset({Action.VIEW, Action.LOGS, Action.DOWNLOAD, Action.LOOKUP, Action.DIFF})


@dataclass(frozen=True)
class Reader:
    """Who reads, as the call's credentials and not its request say."""

    subject: str
    workload: str | None
    """The process that reads for itself or for the subject; None where a person's token came in."""
    ip: IPv4Address | IPv6Address | None
    user_agent: str
    request_id: str
    method: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """One reading, about to be noted."""

    lineage_id: UUID | None
    """None for a reading that is of no lineage in particular."""
    report_id: UUID | None
    action: Action
    reader: Reader
    at: datetime
    part: int | None = None
    """Which part of the log or the raw inputs; None for all of them, and for other actions."""
    details: Mapping[str, object] = field(default_factory=dict)
    """What was asked for, where ids alone do not say it."""
    code: str = DONE
    """gRPC's name of how it ended; UNDER_WAY if bytes are still to leave when it is noted."""
    forgotten_before: datetime | None = None
    """With action FORGET: entries of before that moment have lost their details."""
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True)
class Outcome:
    """How a reading ended whose bytes left after it was noted."""

    access_id: UUID
    code: str
    """gRPC's name of the status."""
    sent: int
    """In bytes."""
    at: datetime
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True)
class Entry:
    """One reading, as the audit keeps it."""

    access: Access
    version: int | None
    """Its place in its lineage's chain, counted from 1."""
    outcome: Outcome | None
    sha256: bytes
    """Over the canonical bytes, which name the entry before."""


@dataclass(frozen=True)
class AccessFilter:
    """Which entries to list; empty values admit all."""

    lineage_id: UUID | None = None
    subject: str = ""
    action: Action | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def admits(self, access: Access) -> bool:
        """Say whether an entry is to be listed."""
        return (
            self.lineage_id in (None, access.lineage_id)
            and self.subject in ("", access.reader.subject)
            and self.action in (None, access.action)
            and (self.created_after is None or access.at >= self.created_after)
            and (self.created_before is None or access.at < self.created_before)
        )


@dataclass(frozen=True)
class AccessPage:
    """One page of entries, newest first. `next` is the place of the last one if more follow."""

    entries: tuple[Entry, ...]
    next: tuple[datetime, UUID] | None
