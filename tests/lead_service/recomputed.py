"""The audit of leads recomputed from its rows, by other code than the verifier's: each checks the other."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lead_service.audit import AuditEntry, Values, jsonb


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


def commitment(salt: str, values: Values) -> str:
    """Return what stands for values in canonical bytes: SHA-256 of the salt and the values as jsonb."""
    return hashlib.sha256(f"{salt}{jsonb(values)}".encode()).hexdigest()


def _contradictions(entry: AuditEntry) -> Iterator[str]:
    if hashlib.sha256(entry.canonical).digest() != entry.entry_hash:
        yield "its hash is not that of its canonical bytes"
    try:
        stated = json.loads(entry.canonical)
        committed = {name: stated.pop(name) for name in _COMMITMENTS & stated.keys()}
        fields = set(stated.pop("changed_fields", ())).union(*map(_names, committed.values()))
        at = datetime.fromisoformat(stated.pop("created_at"))
        # As entries of before revision 0011 have it.
        stated = {"workload": None, "ip_address": None} | stated.pop("context", {}) | stated
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
    if set(entry.changed_fields) != fields:
        differing.append("changed_fields")
    differing += _not_committed_to(entry, committed)
    if differing:
        yield f"its canonical bytes state something else: {', '.join(differing)}"


_COMMITMENTS = {"values", "old_values", "new_values"}


def _names(committed: Any) -> Iterable[str]:
    return committed if isinstance(committed, dict) else ()


def _not_committed_to(entry: AuditEntry, committed: Mapping[str, Any]) -> Iterator[str]:
    """Return which values are not those that were committed to; none are if they and salts are erased."""
    if not (entry.salts or entry.old_values or entry.new_values):
        return
    if "values" in committed:
        both = {"new": entry.new_values, "old": entry.old_values}
        salt = entry.salts.get("values", "")
        if entry.salts.keys() != {"values"} or commitment(salt, both) != committed["values"]:
            yield "values"
        return
    for side, values in (("old", entry.old_values), ("new", entry.new_values)):
        salts, known = entry.salts.get(side, {}), dict(committed.get(f"{side}_values", {}))
        # Without value and salt it is erased; with one of the two, or with others, it is damaged.
        for name in sorted(values.keys() | salts.keys()):
            if (
                name not in values
                or name not in salts
                or commitment(salts[name], {name: values[name]}) != known.get(name)
            ):
                yield f"{side}_values.{name}"
