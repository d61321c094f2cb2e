"""Between the messages of ``leadfactory.report.v1`` and this context's own values."""

from typing import Any
from uuid import UUID

from google.protobuf import json_format, struct_pb2

from protos.leadfactory.report.v1 import report_pb2
from report_service import payload
from report_service.batch import BatchPage, BatchProgress, BatchRequest, LeadSelection, Reissue
from report_service.deliveries import DeadLetter, DeadLetterPage
from report_service.domain import Report, ReportFilter, ReportPage, ReportRequest, Status
from report_service.redaction import Redaction
from services.times import moment_if_given, timestamp, timestamp_if_given


def report_request(message: report_pb2.GenerateReportRequest, redaction: Redaction) -> ReportRequest:
    """Read what a caller asks for, without the secrets in it."""
    data = None
    if message.HasField("assessment_data"):
        data = payload.canonical(redaction.of(_plain(message.assessment_data)))
    return ReportRequest(
        lead_id=UUID(message.lead_id),
        template=message.template,
        template_version=message.template_version,
        pipeline_run_id=message.pipeline_run_id,
        assessment_data=data,
        locale=message.locale,
        request_id=message.request_id,
    )


def report_filter(message: report_pb2.ListReportsRequest) -> ReportFilter:
    """Read which reports a caller wants to see."""
    status = report_pb2.Report.Status.Name(message.status)
    return ReportFilter(
        lead_id=UUID(message.lead_id) if message.lead_id else None,
        status=Status(status) if message.status else None,
        batch_id=UUID(message.batch_id) if message.batch_id else None,
        template_version_id=message.template_version_id,
        template_digest=message.template_digest,
    )


def report_message(report: Report) -> report_pb2.Report:
    """Write a report."""
    message = report_pb2.Report(
        id=str(report.id),
        lead_id=str(report.lead_id),
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        status=report_pb2.Report.Status.Value(report.status),
        progress=report.progress,
        step=report.step,
        error=report.error,
        lineage_status=report_pb2.Report.LineageStatus.Value(report.lineage_status),
        locale=report.locale,
        created_by=report.created_by,
        created_at=timestamp(report.created_at),
        completed_at=timestamp_if_given(report.completed_at),
        erased_at=timestamp_if_given(report.erased_at),
    )
    if report.retry_of is not None:
        message.retry_of = str(report.retry_of)
    if report.batch_id is not None:
        message.batch_id = str(report.batch_id)
    if report.supersedes is not None:
        message.supersedes = str(report.supersedes)
    if report.superseded_by is not None:
        message.superseded_by = str(report.superseded_by)
    if report.pdf is not None:
        message.pdf_url = "" if report.erased_at else f"/api/reports/{report.id}/pdf"
        message.pdf_sha256 = report.pdf.sha256
        message.pdf_size_bytes = report.pdf.size_bytes
        message.page_count = report.pdf.page_count
    return message


def page_message(page: ReportPage) -> report_pb2.ListReportsResponse:
    """Write a page."""
    return report_pb2.ListReportsResponse(
        reports=map(report_message, page.reports),
        next_page_token=page.next_page_token,
        total_size_estimate=page.total_size_estimate,
    )


def batch_request(message: report_pb2.GenerateReportsRequest) -> BatchRequest:
    """Read what a caller asks for; raises InvalidArgument."""
    return BatchRequest(
        lead_ids=tuple(map(UUID, message.lead_ids)),
        selection=_selection(message.filter) if message.HasField("filter") else None,
        reissue=_reissue(message.reissue) if message.HasField("reissue") else None,
        template=message.template,
        template_version=message.template_version,
        locale=message.locale,
        pipeline_run_id=message.pipeline_run_id,
        request_id=message.request_id,
    )


def batch_message(progress: BatchProgress) -> report_pb2.ReportBatch:
    """Write a batch and how far it has come."""
    batch = progress.batch
    return report_pb2.ReportBatch(
        id=str(batch.id),
        template_version_id=batch.template_version_id,
        locale=batch.locale,
        pipeline_run_id=batch.pipeline_run_id,
        created_by=batch.created_by,
        created_at=timestamp(batch.created_at),
        size=batch.size,
        progress=100 * progress.ended // batch.size,
        zip_url=f"/api/report-batches/{batch.id}/zip" if progress.is_ended else "",
        **{status.lower(): progress.counts.get(status, 0) for status in Status},
    )


def _reissue(message: report_pb2.Reissue) -> Reissue:
    return Reissue(
        template_version_id=message.template_version_id,
        template_digest=message.template_digest,
        inputs_sha256=message.inputs_sha256,
        report_ids=tuple(map(UUID, message.report_ids)),
    )


def batches_message(page: BatchPage) -> report_pb2.ListReportBatchesResponse:
    """Write a page of batches."""
    return report_pb2.ListReportBatchesResponse(
        report_batches=map(batch_message, page.batches), next_page_token=page.next_page_token
    )


def _selection(message: report_pb2.LeadFilter) -> LeadSelection:
    return LeadSelection(
        q=message.q,
        domain=message.domain,
        is_manual=message.is_manual if message.HasField("is_manual") else None,
        enrichment_status=message.enrichment_status,
        created_by=message.created_by,
        created_after=moment_if_given(message, "created_after", below="filter."),
        created_before=moment_if_given(message, "created_before", below="filter."),
    )


def dead_letters_message(page: DeadLetterPage) -> report_pb2.ListDeadLettersResponse:
    """Write a page of dead letters."""
    return report_pb2.ListDeadLettersResponse(
        dead_letters=map(_dead_letter_message, page.dead_letters), next_page_token=page.next_page_token
    )


def _dead_letter_message(letter: DeadLetter) -> report_pb2.DeadLetter:
    return report_pb2.DeadLetter(
        report_id=str(letter.report_id),
        lineage_id=str(letter.lineage_id),
        lead_id=str(letter.lead_id),
        template_version_id=letter.template_version_id,
        pdf_sha256=letter.pdf_sha256 or "",
        inputs_sha256=letter.inputs_sha256,
        created_by=letter.created_by,
        created_at=timestamp(letter.created_at),
        dead_at=timestamp(letter.dead_at),
        attempts=letter.attempts,
        reason=letter.reason,
    )


def _plain(data: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(data)
