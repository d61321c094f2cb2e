"""Between the messages of the template service and this library's own values."""

from uuid import UUID

from protos.leadfactory.report.v1 import template_pb2 as pb
from report_service.library.comparison import Comparison
from report_service.library.domain import (
    BundleFile,
    TemplateFilter,
    TemplatePage,
    TemplateStatus,
    TemplateVersion,
)
from report_service.library.preview import PreviewRequest
from services.times import timestamp_if_given


def template_filter(message: pb.ListTemplateVersionsRequest) -> TemplateFilter:
    """Read which versions a caller wants to see."""
    status = pb.TemplateVersion.Status.Name(message.status)
    return TemplateFilter(message.name, TemplateStatus(status) if message.status else None)


def preview_request(message: pb.PreviewTemplateVersionRequest) -> PreviewRequest:
    """Read what a caller wants to see of a version."""
    return PreviewRequest(
        version_id=message.id,
        report_id=UUID(message.report_id) if message.report_id else None,
        locale=message.locale,
        pictured=message.format == pb.PreviewTemplateVersionRequest.PNG,
        page=message.page,
        width=message.width,
    )


def version_message(version: TemplateVersion, *, files: bool = True) -> pb.TemplateVersion:
    """Write a version, with or without its files."""
    return pb.TemplateVersion(
        id=version.id,
        name=version.name,
        version=version.version,
        digest=version.digest,
        status=pb.TemplateVersion.Status.Value(version.status),
        origin=pb.TemplateVersion.Origin.Value(version.origin),
        locales=version.locales,
        files=map(_file, version.files) if files else (),
        size_bytes=version.size_bytes,
        created_by=version.created_by,
        created_at=timestamp_if_given(version.created_at),
        published_by=version.published_by,
        published_at=timestamp_if_given(version.published_at),
        retired_by=version.retired_by,
        retired_at=timestamp_if_given(version.retired_at),
    )


def page_message(page: TemplatePage) -> pb.ListTemplateVersionsResponse:
    """Write a page."""
    return pb.ListTemplateVersionsResponse(
        template_versions=[version_message(each, files=False) for each in page.versions],
        next_page_token=page.next_page_token,
    )


def comparison_message(found: Comparison) -> pb.DiffTemplateVersionsResponse:
    """Write in what two versions differ."""
    answer = pb.DiffTemplateVersionsResponse
    return answer(
        identical=found.identical,
        files=[
            answer.FileChange(
                name=each.name,
                change=answer.Change.Value(each.change),
                a=_file(each.a) if each.a else None,
                b=_file(each.b) if each.b else None,
                text_diff=each.text_diff,
            )
            for each in found.files
        ],
        schema=[
            answer.SchemaChange(path=each.place, change=answer.Change.Value(each.change), a=each.a, b=each.b)
            for each in found.schema
        ],
        strings=[
            answer.StringChange(
                locale=each.locale,
                key=each.place,
                change=answer.Change.Value(each.change),
                a=each.a,
                b=each.b,
            )
            for each in found.strings
        ],
    )


def _file(each: BundleFile) -> pb.TemplateVersion.File:
    return pb.TemplateVersion.File(name=each.name, size_bytes=each.size_bytes, sha256=each.sha256)
