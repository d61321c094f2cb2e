"""What people take out: every lead of a filter, as CSV or as a line of JSON each."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from lead_service import cells, visibility
from lead_service.audit import Action, AuditStores
from lead_service.domain import Lead, LeadFilter, LeadStores, Order
from services.identity import Actor

# Small beside the memory of a process, large beside a round trip.
_PAGE_LEADS: Final = 1000
# A column of `email`, `domain` and `name` is what an import looks for.
_FIELDS: Final = (
    "id", "email", "domain", "name", "is_manual", "enrichment_status", "created_by", "created_at",
    "updated_at", "delete_time", "import_id",
)  # fmt: skip


class Form(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return "text/csv; charset=utf-8" if self is Form.CSV else "application/x-ndjson"


def export(
    stores: LeadStores,
    audits: AuditStores,
    wanted: LeadFilter,
    order: Order,
    form: Form,
    told: str,
    actor: Actor,
) -> AsyncIterator[bytes]:
    """Return the leads of a filter, page by page; `told` is what the audit says of it before the first.

    Raises PermissionDenied at once, before anything is sent.
    """
    visibility.require_allowed(wanted, actor)
    return _pages(stores, audits, wanted, order, form, told)


async def _pages(
    stores: LeadStores, audits: AuditStores, wanted: LeadFilter, order: Order, form: Form, told: str
) -> AsyncIterator[bytes]:
    async with audits.write() as audit:
        await audit.note(Action.EXPORT, None, "OK", told)
    write = _csv if form is Form.CSV else _ndjson
    yield cells.lines([_FIELDS]) if form is Form.CSV else b""
    after = None
    while True:
        async with stores.read() as store:
            leads, after = await store.following(wanted, _PAGE_LEADS, after, order)
        yield write(leads)
        if after is None:
            return


def _csv(leads: Iterable[Lead]) -> bytes:
    return cells.lines([_cell(value) for value in _values(lead)] for lead in leads)


def _ndjson(leads: Iterable[Lead]) -> bytes:
    lines: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return "".join(f"{lines(dict(zip(_FIELDS, _values(lead), strict=True)))}\n" for lead in leads).encode()


def _values(lead: Lead) -> tuple[str | bool | None, ...]:
    return (
        str(lead.id),
        lead.email,
        lead.domain,
        lead.name,
        lead.is_manual,
        lead.enrichment.status.value,
        lead.created_by,
        _time(lead.created_at),
        _time(lead.updated_at),
        _time(lead.deleted_at) if lead.deleted_at else None,
        str(lead.import_id) if lead.import_id else None,
    )


def _cell(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
