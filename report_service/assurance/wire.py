"""Between the messages of ``assurance.proto`` and this room's own values."""

from protos.leadfactory.report.v1 import assurance_pb2 as pb
from report_service.assurance.domain import Coverage, Difference, Gap, GapKind, Reproduction
from report_service.domain import LineageStatus
from services.times import timestamp

_GAPS = {
    GapKind.MISSING: "Lineage has no record of this completed report.",
    GapKind.UNKNOWN: "Lineage has a record of a PDF, and there is no completed report of this id.",
    GapKind.CONTRADICTED: "Lineage has a record of this report, which is marked as having none.",
}


def reproduction_message(found: Reproduction) -> pb.Reproduction:
    """Write what came of making a report again."""
    return pb.Reproduction(
        report_id=str(found.report_id),
        identical=found.identical,
        expected_sha256=found.expected_sha256,
        actual_sha256=found.actual_sha256,
        stored_sha256=found.stored_sha256,
        environment_matches=found.environment_matches,
        expected_environment_digest=found.expected_environment,
        actual_environment_digest=found.actual_environment,
        differences=map(_difference_message, found.differences),
        pages_compared=found.pages_compared,
    )


def coverage_message(found: Coverage) -> pb.Coverage:
    """Write a count."""
    return pb.Coverage(
        complete=not found.gaps_total,
        completed=found.completed,
        recorded=found.counts.get(LineageStatus.RECORDED, 0),
        pending=found.counts.get(LineageStatus.PENDING, 0),
        disabled=found.counts.get(LineageStatus.DISABLED, 0),
        discarded=found.counts.get(LineageStatus.DISCARDED, 0),
        lineages=found.lineages,
        differences=map(_gap_message, found.gaps),
        differences_total=found.gaps_total,
        counted_at=timestamp(found.counted_at),
    )


def _difference_message(each: Difference) -> pb.Reproduction.Difference:
    return pb.Reproduction.Difference(
        kind=pb.Reproduction.Kind.Value(each.kind),
        name=each.name,
        expected=each.expected,
        actual=each.actual,
        page=each.page,
        share=each.share,
        message=each.message,
    )


def _gap_message(gap: Gap) -> pb.Coverage.Difference:
    return pb.Coverage.Difference(
        report_id=str(gap.report_id),
        kind=pb.Coverage.Kind.Value(gap.kind),
        lineage_status=gap.lineage_status or "",
        message=_GAPS[gap.kind],
    )
