"""The audit of leads: what an entry is, and what a lead was at any version.

An entry's canonical bytes are JSON that names everything about it, the hash of the lead's entry
before included, but in place of the values SHA-256 of a random salt and the values. So these can be
erased, together with the salt, and every hash stays right; and nobody can guess them from what is
left. Entries of before revision 0010 have a salt and a SHA-256 for each value, and those of before 0011
name what is `context` since piece by piece.

Changes of the facts that a look-up found are not kept one by one: each fact bears its own source,
time and evidence, and is replaced as a whole. What is kept is the look-up: its beginnings and its end.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, NamedTuple, Protocol
from uuid import UUID

Values = Mapping[str, Any]
"""Columns by name, as JSON; numbers are int or Decimal, so that no digit is lost."""


class Action(StrEnum):
    """What an entry tells of. The first five are changes, the others calls that changed nothing."""

    BASELINE = "BASELINE"
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    UNDELETE = "UNDELETE"
    READ = "READ"
    DENIED = "DENIED"
    FAILED = "FAILED"
    ERASE = "ERASE"
    EXPORT = "EXPORT"
    IMPORT = "IMPORT"
    UNDO = "UNDO"


class Change(NamedTuple):
    """What of an entry it takes to tell what a lead is since."""

    action: Action
    changed_fields: Sequence[str]
    new_values: Values
    bookkeeping: Values


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry, as stored.

    A change has the `version` of its lead, counted from 1 without a gap, and is chained to the change
    before by `previous_hash`; a call has neither. `bookkeeping` is what the lead's own `version` and
    `updated_at` are since. `canonical` are the bytes whose SHA-256 is `entry_hash`. `salts` is the
    one salt, as `values`, or those of each value, by `old` and `new` and its name. After an erasure,
    it, `old_values` and `new_values` hold nothing any more.
    """

    id: UUID
    lead_id: UUID | None
    version: int | None
    action: Action
    code: str
    reason: str
    user_id: str
    roles: tuple[str, ...]
    workload: str | None
    ip_address: IPv4Address | IPv6Address | None
    user_agent: str
    request_id: str
    method: str
    created_at: datetime
    changed_fields: tuple[str, ...]
    old_values: Values
    new_values: Values
    bookkeeping: Values
    salts: Mapping[str, Any] = field(repr=False)
    previous_hash: bytes | None = field(repr=False)
    canonical: bytes = field(repr=False)
    entry_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; None matches all. `READ` entries are listed only if asked for."""

    lead_id: UUID | None = None
    user_id: str | None = None
    action: Action | None = None
    changed_field: str | None = None
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""
    network: IPv4Network | IPv6Network | None = None


class AuditPosition(NamedTuple):
    """An entry's place in the order of lists: newest first, ids deciding between equal times."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of a list. `next` is the last entry's place if more follow."""

    entries: tuple[AuditEntry, ...]
    next: AuditPosition | None


class AuditStore(Protocol):
    """The audit inside one unit of work. Changes are noted by the database itself."""

    async def page(self, wanted: AuditFilter, size: int, after: AuditPosition | None) -> AuditPage:
        """Return at most `size` entries behind `after`, newest first."""

    async def history(self, lead_id: UUID) -> list[AuditEntry]:
        """Return every change of a lead, oldest first; empty if there never was such a lead."""

    async def knows(self, lead_id: UUID) -> bool:
        """Return whether there ever was such a lead."""

    async def note(self, action: Action, lead_id: UUID | None, code: str, reason: str) -> None:
        """Keep a call that changed nothing, as the current actor's."""


class AuditStores(Protocol):
    """Where units of work on the audit begin."""

    def read(self) -> AbstractAsyncContextManager[AuditStore]:
        """Open a unit of work that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[AuditStore]:
        """Open a unit of work whose notes are kept if it ends well."""


def replay(history: Iterable[AuditEntry | Change]) -> dict[str, Any] | None:
    """Return a lead's columns after these changes, oldest first; None if it is not there then.

    An erased value is not in the result, nor is what is NULL: a lead's first entry does not tell of that.
    """
    state: dict[str, Any] | None = None
    for entry in history:
        if entry.action is Action.DELETE and not entry.new_values and "id" in entry.changed_fields:
            state = None
        else:
            erased = set(entry.changed_fields) - set(entry.new_values)
            state = {key: value for key, value in (state or {}).items() if key not in erased}
            known = {**state, **entry.new_values, **entry.bookkeeping}
            state = {key: value for key, value in known.items() if value is not None}
    return state


def parse(text: str) -> Any:
    """Read JSON without losing a digit."""
    return json.loads(text, parse_float=Decimal)


def jsonb(value: Any) -> str:
    """Write JSON as PostgreSQL writes jsonb: keys by length, then by bytes; one space after , and :."""
    match value:
        case dict():
            pairs = sorted(
                (len(key.encode()), key.encode(), f"{jsonb(key)}: {jsonb(each)}")
                for key, each in value.items()
            )
            return f"{{{', '.join(text for *_, text in pairs)}}}"
        case list():
            return f"[{', '.join(map(jsonb, value))}]"
        case Decimal():
            return format(value, "f")
        case _:
            return json.dumps(value, ensure_ascii=False)
