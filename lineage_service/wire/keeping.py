"""How long what is kept, and how much it takes up."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from lineage_service.domain import Due, Hold, Keeping, Policy, Share, Storage
from protos.leadfactory.lineage.v1 import lineage_pb2 as pb
from services.times import timestamp

FEW_REPORTS = 1_000
MOST_REPORTS = 10_000
LARGEST_INT = 2**31 - 1


def storage(found: Storage, alarm_bytes: int) -> pb.StorageUsage:
    """Write what is taken up."""
    return pb.StorageUsage(
        disk=_shares(found.disk),
        by_month=_shares(found.by_month),
        by_template=_shares(found.by_template),
        by_lead=_shares(found.by_lead),
        alarm_bytes=alarm_bytes,
        alarm=0 < alarm_bytes <= sum(share.bytes for share in found.disk),
    )


def preview(policy: Policy, due: Mapping[Keeping, Due], holds: Iterable[Hold]) -> pb.RetentionPreview:
    """Write what is kept for how long, and what is due."""
    return pb.RetentionPreview(
        classes=[
            pb.RetentionPreview.Class(
                content=pb.RetentionPreview.Content.Value(kind.value),
                days=days,
                due=min(due.get(kind, Due()).count, LARGEST_INT),
                due_bytes=due.get(kind, Due()).bytes,
                held=min(due.get(kind, Due()).held, LARGEST_INT),
            )
            for kind, days in policy.days.items()
        ],
        holds=map(hold, holds),
        dry_run=policy.dry_run,
    )


def hold(found: Hold) -> pb.LegalHold:
    """Write a hold that stands."""
    return pb.LegalHold(
        lead_id=str(found.lead_id),
        held=True,
        reason=found.reason,
        held_by=found.held_by,
        held_at=timestamp(found.held_at),
    )


def reports_asked(request: pb.ListRecordedReportsRequest) -> tuple[UUID | None, int]:
    """Read which reports are asked for."""
    after = UUID(request.after_report_id) if request.after_report_id else None
    return after, min(request.page_size or FEW_REPORTS, MOST_REPORTS)


def reports(ids: Iterable[UUID], total: int) -> pb.ListRecordedReportsResponse:
    """Write reports that have a lineage."""
    return pb.ListRecordedReportsResponse(report_ids=map(str, ids), total=min(total, LARGEST_INT))


def _shares(shares: Iterable[Share]) -> list[pb.StorageUsage.Share]:
    return [
        pb.StorageUsage.Share(name=each.name, records=min(each.records, LARGEST_INT), bytes=each.bytes)
        for each in shares
    ]
