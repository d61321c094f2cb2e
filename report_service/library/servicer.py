"""TemplateService over gRPC: decode, one call, encode."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import grpc
from google.api.httpbody_pb2 import HttpBody

from protos.leadfactory.report.v1 import template_pb2 as pb
from protos.leadfactory.report.v1 import template_pb2_grpc
from report_service.library import preview, versions, wire
from report_service.library.domain import Document, PastInputs
from services import downloads
from services.identity import current_actor

Context = grpc.aio.ServicerContext[Any, Any]


class Studio(preview.Studio, versions.Inspector, Protocol):
    """What renders."""


class TemplateServicer(template_pb2_grpc.TemplateServiceServicer):
    """Keeps the promises of ``template.proto``."""

    def __init__(self, library: versions.Library, studio: Studio, past: PastInputs) -> None:
        """Take where versions are kept, what renders, and the inputs of past reports."""
        self._library = library
        self._studio = studio
        self._past = past

    async def CreateTemplateVersion(
        self, request: pb.CreateTemplateVersionRequest, context: Context
    ) -> pb.TemplateVersion:
        """Keep a bundle as draft."""
        by = current_actor().subject
        return wire.version_message(
            await versions.create(self._library, request.name, request.version, request.archive, by)
        )

    async def ListTemplateVersions(
        self, request: pb.ListTemplateVersionsRequest, context: Context
    ) -> pb.ListTemplateVersionsResponse:
        """Return one page of versions."""
        wanted = wire.template_filter(request)
        return wire.page_message(
            await versions.page(self._library, wanted, request.page_size, request.page_token)
        )

    async def GetTemplateVersion(
        self, request: pb.GetTemplateVersionRequest, context: Context
    ) -> pb.TemplateVersion:
        """Return one version."""
        return wire.version_message(await self._library.shelf.find(request.id))

    async def PublishTemplateVersion(
        self, request: pb.PublishTemplateVersionRequest, context: Context
    ) -> pb.TemplateVersion:
        """Check a draft and publish it."""
        by = current_actor().subject
        return wire.version_message(await versions.publish(self._library, self._studio, request.id, by))

    async def RetireTemplateVersion(
        self, request: pb.RetireTemplateVersionRequest, context: Context
    ) -> pb.TemplateVersion:
        """Retire a published version."""
        return wire.version_message(await versions.retire(self._library, request.id, current_actor().subject))

    async def DeleteTemplateVersion(
        self, request: pb.DeleteTemplateVersionRequest, context: Context
    ) -> pb.DeleteTemplateVersionResponse:
        """Remove a draft."""
        await versions.remove(self._library, request.id)
        return pb.DeleteTemplateVersionResponse()

    async def PreviewTemplateVersion(
        self, request: pb.PreviewTemplateVersionRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Show what a version makes of inputs."""
        made = await preview.preview(
            self._library.shelf, self._studio, self._past, wire.preview_request(request)
        )
        async for body in _sent(context, made, inline=True):
            yield body

    async def DownloadTemplateVersion(
        self, request: pb.DownloadTemplateVersionRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        """Stream a bundle as an archive."""
        made = await versions.download(self._library, request.id)
        async for body in _sent(context, made, inline=False):
            yield body

    async def DiffTemplateVersions(
        self, request: pb.DiffTemplateVersionsRequest, context: Context
    ) -> pb.DiffTemplateVersionsResponse:
        """Say in what two versions differ."""
        return wire.comparison_message(await versions.compare(self._library, request.a, request.b))


def _sent(context: Context, document: Document, *, inline: bool) -> AsyncIterator[HttpBody]:
    return downloads.send(
        context,
        content_type=document.content_type,
        size=len(document.content),
        etag=document.sha256,
        read=document.read,
        filename=document.filename,
        inline=inline,
    )
