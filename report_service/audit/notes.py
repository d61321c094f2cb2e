"""What is noted: calls that were denied, and readings of the audit before they are answered."""

from collections.abc import Sequence

from google.protobuf.message import Message

from report_service import pages
from report_service.audit.domain import Action, AuditFilter, AuditStores, Caller, Entry, resource
from services import identity, paging
from services.clock import Clock
from services.ids import uuid7
from services.interceptors import OnRefusal, Refusal

DENIED = "PERMISSION_DENIED"
# The fields that requests of this context name something with.
_NAMES = ("id", "report_id", "endpoint_id", "lead_id", "template_version_id")


def noting(audits: AuditStores, clock: Clock) -> OnRefusal:
    """Return what notes a call that was denied, in a transaction of its own.

    A call that fails for another reason than a missing right shows nothing, changes nothing and is not noted.
    """

    async def note(refusal: Refusal) -> None:
        if refusal.code == DENIED:
            entry = Entry(
                uuid7(), Action.DENIED, _caller(), clock(), _resource(refusal.request), refusal.reason
            )
            async with audits.write() as audit:
                await audit.add(entry)

    return note


async def page(
    audits: AuditStores, wanted: AuditFilter, page_size: int, page_token: str, *, clock: Clock
) -> tuple[Sequence[Entry], str]:
    """Return a page of the audit and the token of the next one; that somebody looked is an entry.

    Raises InvalidArgument for a token of another list.
    """
    asked = paging.request(page_size, page_token, binding=wanted.binding)
    place = pages.place(asked)
    async with audits.write() as audit:
        found = await audit.page(wanted, asked.size + 1, place)
        await audit.add(Entry(uuid7(), Action.READ, _caller(), clock(), wanted.resource or ""))
    shown, more = found[: asked.size], len(found) > asked.size
    return shown, paging.token([str(shown[-1].id)], binding=wanted.binding) if more else ""


def _caller() -> Caller:
    actor, call = identity.current_actor(), identity.current_call()
    return Caller(
        user_id=actor.subject,
        roles=tuple(sorted(actor.roles)),
        workload=actor.workload or "",
        ip_address=actor.ip,
        user_agent=actor.user_agent,
        request_id=call.request_id if call else "",
        method=call.method if call else "",
    )


def _resource(request: Message | None) -> str:
    """Return what a request names, which nobody has validated yet."""
    given = (getattr(request, name, "") for name in _NAMES)
    return resource(*(each for each in given if isinstance(each, str)))
