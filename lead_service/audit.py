"""The audit of leads: what an entry is, how it is checked, and what a lead was at any version.

An entry's canonical bytes are JSON that names everything about it, the hash of the lead's entry
before included, but in place of each value SHA-256 of a random salt and the value. So a value can be
erased, together with its salt, and every hash stays right; and nobody can guess it from what is left.

Changes of the facts that a look-up found are not kept one by one: each fact bears its own source,
time and evidence, and is replaced as a whole. What is kept is the look-up: its beginnings and its end.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    `updated_at` are since. `canonical` are the bytes whose SHA-256 is `entry_hash`. Of an erased value,
    `old_values`, `new_values` and `salts` hold nothing any more.
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
    salts: Mapping[str, Mapping[str, str]] = field(repr=False)
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


@dataclass(frozen=True, slots=True)
class Damage:
    """Something about one entry, or about the place where one is missing, that cannot be true."""

    lead_id: UUID | None
    version: int | None
    entry_id: UUID | None
    what: str


def verify(entries: Iterable[AuditEntry]) -> list[Damage]:
    """Recompute every hash from the entries themselves, and return what does not agree.

    `entries` are whole histories of leads, in any order, calls among them or not. That the newest
    entries of a lead were cut off, nothing in the entries can tell: for that they are compared with
    the lead as it is (`replay`).
    """
    damages: list[Damage] = []
    chains: dict[UUID | None, list[AuditEntry]] = {}
    for entry in entries:
        damages += (Damage(entry.lead_id, entry.version, entry.id, what) for what in _contradictions(entry))
        if entry.version is not None:
            chains.setdefault(entry.lead_id, []).append(entry)
    for lead_id, chain in chains.items():
        previous: bytes | None = None
        version = 1
        for entry in sorted(chain, key=lambda each: each.version or 0):
            assert entry.version is not None
            if entry.version != version:
                what = "is missing" if entry.version > version else "is there twice"
                damages.append(Damage(lead_id, min(version, entry.version), None, what))
            elif entry.previous_hash != previous:
                damages.append(Damage(lead_id, version, entry.id, "does not follow the entry before"))
            previous, version = entry.entry_hash, entry.version + 1
    return damages


def replay(history: Iterable[AuditEntry | Change]) -> dict[str, Any] | None:
    """Return a lead's columns after these changes, oldest first; None if it is not there then.

    An erased value is not in the result.
    """
    state: dict[str, Any] | None = None
    for entry in history:
        if entry.action is Action.DELETE and not entry.new_values and "id" in entry.changed_fields:
            state = None
        else:
            erased = set(entry.changed_fields) - set(entry.new_values)
            state = {key: value for key, value in (state or {}).items() if key not in erased}
            state = {**state, **entry.new_values, **entry.bookkeeping}
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


def commitment(salt: str, name: str, value: Any) -> str:
    """Return what stands for a value in canonical bytes: SHA-256 of the salt and `{"name": value}`."""
    return hashlib.sha256(f"{salt}{jsonb({name: value})}".encode()).hexdigest()


def _contradictions(entry: AuditEntry) -> Iterator[str]:
    if hashlib.sha256(entry.canonical).digest() != entry.entry_hash:
        yield "its hash is not that of its canonical bytes"
    try:
        stated = json.loads(entry.canonical)
        commitments = {side: dict(stated.pop(f"{side}_values")) for side in ("old", "new")}
        at = datetime.fromisoformat(stated.pop("created_at"))
    except (ValueError, TypeError, KeyError, AttributeError):
        yield "its canonical bytes cannot be read"
        return
    stored = {
        "id": str(entry.id),
        "lead_id": None if entry.lead_id is None else str(entry.lead_id),
        "version": entry.version,
        "action": str(entry.action),
        "code": entry.code,
        "reason": entry.reason,
        "user_id": entry.user_id,
        "roles": list(entry.roles),
        "workload": entry.workload,
        "ip_address": None if entry.ip_address is None else str(entry.ip_address),
        "user_agent": entry.user_agent,
        "request_id": entry.request_id,
        "method": entry.method,
        "bookkeeping": entry.bookkeeping,
        "previous_hash": None if entry.previous_hash is None else entry.previous_hash.hex(),
    }
    differing = sorted(key for key in stored.keys() | stated.keys() if stored.get(key) != stated.get(key))
    if at != entry.created_at:
        differing.append("created_at")
    if set(entry.changed_fields) != set(commitments["old"]) | set(commitments["new"]):
        differing.append("changed_fields")
    for side, values in (("old", entry.old_values), ("new", entry.new_values)):
        salts = entry.salts.get(side, {})
        # Without value and salt it is erased; with one of the two, or with others, it is damaged.
        for name in sorted(commitments[side].keys() | values.keys() | salts.keys()):
            if name not in values and name not in salts:
                continue
            if (
                name not in values
                or name not in salts
                or commitment(salts[name], name, values[name]) != commitments[side].get(name)
            ):
                differing.append(f"{side}_values.{name}")
    if differing:
        yield f"its canonical bytes state something else: {', '.join(differing)}"
