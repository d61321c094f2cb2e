"""The access audit, listed."""

from datetime import datetime
from uuid import UUID

import orjson

from lineage_service.domain import AccessFilter, AccessPage, Action, Entry
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services import paging
from services.times import from_token, moment_if_given, timestamp

ALL = "-"
"""Stands for the entries of every lineage and of none."""


def wanted(request: pb.ListLineageAccessesRequest) -> AccessFilter:
    """Read which entries to list; raises InvalidArgument."""
    return AccessFilter(
        lineage_id=None if request.lineage_id == ALL else UUID(request.lineage_id),
        subject=request.user_id,
        action=Action(pb.LineageAccess.Action.Name(request.action)) if request.action else None,
        created_after=moment_if_given(request, "created_after"),
        created_before=moment_if_given(request, "created_before"),
    )


def place(request: pb.ListLineageAccessesRequest) -> tuple[int, tuple[datetime, UUID] | None]:
    """Read the page's size and the place behind which it begins; raises InvalidArgument."""
    asked = paging.request(request.page_size, request.page_token, binding=repr(wanted(request)))
    if asked.after is None:
        return asked.size, None
    try:
        time, entry_id = asked.after
        return asked.size, (from_token(time), UUID(entry_id))
    except ValueError:
        raise paging.foreign_token() from None


def page(found: AccessPage, request: pb.ListLineageAccessesRequest) -> pb.ListLineageAccessesResponse:
    """Write the reply to a request."""
    following = ""
    if found.next is not None:
        time, entry_id = found.next
        following = paging.token([time.isoformat(), str(entry_id)], binding=repr(wanted(request)))
    return pb.ListLineageAccessesResponse(accesses=map(_entry, found.entries), next_page_token=following)


def _entry(entry: Entry) -> pb.LineageAccess:
    access, outcome = entry.access, entry.outcome
    reader = access.reader
    message = pb.LineageAccess(
        id=str(access.id),
        lineage_id=str(access.lineage_id or ""),
        report_generation_id=str(access.report_id or ""),
        version=entry.version or 0,
        action=pb.LineageAccess.Action.Value(access.action),
        part=access.part or 0,
        user_id=reader.subject,
        workload=reader.workload or "",
        ip_address=str(reader.ip or ""),
        user_agent=reader.user_agent,
        request_id=reader.request_id,
        method=reader.method,
        created_at=timestamp(access.at),
        details=orjson.dumps(dict(access.details)).decode(),
        outcome=access.code,
        entry_hash=entry.sha256.hex(),
    )
    if outcome is not None:
        message.outcome = outcome.code
        message.sent_bytes = outcome.sent
        message.ended_at.CopyFrom(timestamp(outcome.at))
    return message
