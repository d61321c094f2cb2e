"""Refused and failed calls, noted in the audit of leads in a transaction of their own."""

from uuid import UUID

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from lead_service.audit import Action, AuditStores
from services.interceptors import OnRefusal, Refusal


def noting(audits: AuditStores) -> OnRefusal:
    """Return what notes a call that was denied, and a call that was to change something and failed.

    Reading that fails, for another reason than a missing right, shows nothing and is not noted.
    """

    async def note(refusal: Refusal) -> None:
        denied = refusal.code == "PERMISSION_DENIED"
        if denied or _writes(refusal.method):
            async with audits.write() as audit:
                action = Action.DENIED if denied else Action.FAILED
                await audit.note(action, _lead_id(refusal.request), refusal.code, refusal.reason)

    return note


def _writes(method: str) -> bool:
    service, _, name = method.partition("/")
    options = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name].GetOptions()
    return not options.Extensions[annotations_pb2.http].get


def _lead_id(request: Message | None) -> UUID | None:
    """Return the lead that a request names, if it does so well."""
    for named in (request, getattr(request, "lead", None)):
        try:
            return UUID(getattr(named, "id", ""))
        except ValueError:
            pass
    return None
