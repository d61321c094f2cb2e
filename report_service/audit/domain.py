"""Entries of the audit, and what keeps them."""

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

# As templates are named and numbered; anything else that is no UUID is not worth keeping.
_VERSION = re.compile(r"[a-z0-9_]{1,64}@[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")


class Action(StrEnum):
    """What happened."""

    DENIED = "DENIED"
    READ = "READ"


@dataclass(frozen=True)
class Caller:
    """Who called, and how."""

    user_id: str
    roles: tuple[str, ...] = ()
    workload: str = ""
    ip_address: str = ""
    user_agent: str = ""
    request_id: str = ""
    method: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry; it is never changed."""

    id: UUID
    action: Action
    caller: Caller
    created_at: datetime
    resource: str = ""
    """What the call named; empty for nothing."""
    reason: str = ""
    """Why it was refused; empty for a reading."""


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are asked for; None asks for all."""

    action: Action | None = None
    user_id: str | None = None
    resource: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    @property
    def binding(self) -> str:
        """This filter in canonical text."""
        return repr(self)

    def admits(self, entry: Entry) -> bool:
        """Tell whether an entry is asked for."""
        return (
            self.action in (None, entry.action)
            and self.user_id in (None, entry.caller.user_id)
            and self.resource in (None, entry.resource)
            and (self.created_after is None or entry.created_at >= self.created_after)
            and (self.created_before is None or entry.created_at < self.created_before)
        )


def resource(*names: str) -> str:
    """Return the first of these that names something well; a UUID as it is usually written."""
    for name in names:
        if _VERSION.fullmatch(name):
            return name
        try:
            return str(UUID(name))
        except ValueError:
            continue
    return ""


class AuditStore(Protocol):
    """The audit within one unit of work."""

    async def add(self, entry: Entry) -> None:
        """Keep an entry."""

    async def page(self, wanted: AuditFilter, size: int, after: UUID | None) -> Sequence[Entry]:
        """Return up to ``size`` entries behind an id, the newest first."""


class AuditStores(Protocol):
    """Opens units of work on the audit."""

    def read(self) -> AbstractAsyncContextManager[AuditStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[AuditStore]:
        """Open one that commits if its block ends well."""
