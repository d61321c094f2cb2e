"""Making a report's PDF again from what lineage keeps of it, and saying what is not as it was.

    report ─> turn ─> record and raw inputs ─> bundle ─> render ─> compare with what was issued
                                                                   and with what is stored

Nothing is stored. A turn is waited for before anything is fetched, so what is in memory is one report's.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Protocol
from uuid import UUID

import structlog

from report_service import failures, metrics, payload
from report_service.assurance.domain import (
    AssuranceStores,
    Difference,
    DifferenceKind,
    Environment,
    KeptLineages,
    Reproduction,
)
from report_service.domain import LineageStatus, Pdf, Report, ReportStores, Status
from report_service.library.shelf import Shelf
from report_service.records import Recorded
from report_service.rendering.bundles import Bundle
from report_service.rendering.pool import Comparison, PdfIdentity, RenderFailed, Rendering
from services.errors import DataLoss, FailedPrecondition, NotFound, Unavailable

MAXIMUM_INPUTS_BYTES = 64 * 1024 * 1024
MAXIMUM_PDF_BYTES = 64 * 1024 * 1024
"""The largest stored PDF that is read: no render makes a larger one."""

ABSENT = {
    LineageStatus.PENDING: "The report's lineage has not arrived yet. Try again in a moment.",
    LineageStatus.DISABLED: "The report was made while capture was switched off: its inputs were not kept.",
    LineageStatus.DISCARDED: "The report's lineage was given up by an admin: its inputs are lost.",
}
UNKNOWN_PARTS = "not recorded"

log = structlog.get_logger(__name__)


class Press(Protocol):
    """What renders and compares."""

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        """Make a PDF; raises RenderFailed."""

    async def compare(self, first: bytes, second: bytes) -> Comparison:
        """Say how the pages of two PDFs look beside each other; raises RenderFailed."""


class Turns(Protocol):
    """Who may use the press."""

    def turn(self) -> AbstractAsyncContextManager[Press]:
        """Wait for a turn; raises ResourceExhausted while too many wait."""


class StoredPdfs(Protocol):
    """Where PDFs are kept."""

    async def as_is(self, key: str, limit: int) -> bytes | None:
        """Return an object, damaged or not, cut after so many bytes; None if it is gone."""


@dataclass(frozen=True)
class Workbench:
    """What reports are made again with."""

    reports: ReportStores
    assurances: AssuranceStores
    lineages: KeptLineages
    objects: StoredPdfs
    shelf: Shelf
    turns: Turns
    environment: Environment
    """Of this machine, now."""


async def reproduce(bench: Workbench, report_id: UUID) -> Reproduction:
    """Make a report again and compare.

    Raises NotFound, FailedPrecondition if there is nothing to make it from, ResourceExhausted while too
    many wait, DataLoss if what lineage keeps is not what it recorded, and Unavailable.
    """
    async with bench.reports.read() as store:
        report = await store.get(report_id)
    issued = _issued(report)
    try:
        async with bench.turns.turn() as press:
            found = await _reproduce(bench, press, report, issued)
    except RenderFailed as failure:
        if failure.transient:
            raise Unavailable(f"The report could not be made again: {failure}.", retry_after=1) from failure
        raise FailedPrecondition(
            f"{report.template_version_id} fails on the report's inputs now: {failure}.",
            reason="TEMPLATE_FAILED",
            metadata={"template_version_id": report.template_version_id},
        ) from failure
    outcome = "identical" if found.identical else "different"
    metrics.REPRODUCTIONS.labels(outcome).inc()
    log.info(metrics.REPORT_REPRODUCED, report_id=str(report_id), outcome=outcome)
    return found


async def _reproduce(bench: Workbench, press: Press, report: Report, issued: Pdf) -> Reproduction:
    recorded = await bench.lineages.recorded(report.id)
    inputs = await _inputs(bench.lineages, recorded)
    bundle = await _bundle(bench.shelf, report)
    identity = PdfIdentity.of(report, bundle.digest, recorded.inputs_sha256)
    made = await press.render(bundle, inputs, identity)
    stored = await bench.objects.as_is(issued.object_key, MAXIMUM_PDF_BYTES)
    stored_sha256 = payload.sha256(stored) if stored else ""
    comparison = Comparison(0, {})
    if stored and stored_sha256 != made.pdf_sha256:
        comparison = await _compared(press, stored, made.pdf)
    async with bench.assurances.read() as store:
        parts = await store.environment(recorded.environment_digest)
    differences = chain(
        _of_record(issued, recorded),
        _of_template(report, bundle),
        _of_environment(recorded.environment_digest, parts, bench.environment),
        _of_bytes(issued, stored_sha256, made),
        _of_pages(comparison),
    )
    return Reproduction(
        report_id=report.id,
        expected_sha256=issued.sha256,
        actual_sha256=made.pdf_sha256,
        stored_sha256=stored_sha256,
        expected_environment=recorded.environment_digest,
        actual_environment=bench.environment.digest,
        differences=tuple(differences),
        pages_compared=comparison.pages,
    )


def _issued(report: Report) -> Pdf:
    if report.status is not Status.COMPLETED or report.pdf is None:
        raise FailedPrecondition(
            f"The report is {report.status}: there is no PDF to make again.",
            reason="REPORT_NOT_COMPLETED",
            metadata={"status": report.status},
        )
    if report.erased_at is not None:
        raise failures.erased(report.erased_at)
    if why := ABSENT.get(report.lineage_status):
        passing = report.lineage_status is LineageStatus.PENDING
        reason = f"LINEAGE_{report.lineage_status}"
        raise FailedPrecondition(why, reason=reason, retry_after=1 if passing else None)
    return report.pdf


async def _inputs(lineages: KeptLineages, recorded: Recorded) -> bytes:
    if recorded.inputs_removed_at is not None:
        raise FailedPrecondition(
            f"The report's inputs were removed on {recorded.inputs_removed_at:%Y-%m-%d}, by retention or an "
            "erasure. Their digest remains.",
            reason="INPUTS_REMOVED",
        )
    try:
        packed = await lineages.raw_inputs(recorded.lineage_id, MAXIMUM_INPUTS_BYTES)
    except NotFound as error:  # removed a moment ago
        raise FailedPrecondition("The report's inputs are gone.", reason="INPUTS_REMOVED") from error
    inputs = await asyncio.to_thread(payload.expand, packed, MAXIMUM_INPUTS_BYTES)
    if await asyncio.to_thread(payload.sha256, inputs) != recorded.inputs_sha256:
        raise DataLoss("The inputs that lineage keeps are not those it recorded.", reason="INPUTS_DAMAGED")
    return inputs


async def _bundle(shelf: Shelf, report: Report) -> Bundle:
    """Return the report's bundle by its digest, else what its version is now, to show what that changes."""
    try:
        try:
            return await shelf.bring(report.template_version_id, report.template_digest)
        except FailedPrecondition:
            return await shelf.bundle(await shelf.find(report.template_version_id))
    except NotFound as error:
        raise FailedPrecondition(
            f"The template {report.template_version_id} is not there any more.",
            reason="TEMPLATE_GONE",
            metadata={"template_version_id": report.template_version_id},
        ) from error


async def _compared(press: Press, stored: bytes, made: bytes) -> Comparison:
    try:
        return await press.compare(stored, made)
    except RenderFailed:
        return Comparison(0, {})  # what is stored cannot be read as a PDF; that it differs is told anyway


def _of_record(issued: Pdf, recorded: Recorded) -> Iterator[Difference]:
    if issued.sha256 != recorded.pdf_sha256:
        yield Difference(
            DifferenceKind.RECORD,
            "pdf_sha256",
            recorded.pdf_sha256,
            issued.sha256,
            "The report names another PDF than its lineage does.",
        )


def _of_template(report: Report, bundle: Bundle) -> Iterator[Difference]:
    if bundle.digest != report.template_digest:
        yield Difference(
            DifferenceKind.TEMPLATE,
            report.template_version_id,
            report.template_digest,
            bundle.digest,
            f"{report.template_version_id} is another bundle now.",
        )


def _of_environment(digest: str, then: Mapping[str, str] | None, now: Environment) -> Iterator[Difference]:
    if digest == now.digest:
        return
    if then is None:
        yield Difference(
            DifferenceKind.ENVIRONMENT,
            "environment",
            UNKNOWN_PARTS,
            now.digest,
            "The environment is another one; of what the one of then consisted is not recorded.",
        )
        return
    for name in sorted(then.keys() | now.parts.keys()):
        before, after = then.get(name, ""), now.parts.get(name, "")
        if before != after:
            message = f"{name} was {before or 'not there'} and is {after or 'not there'}."
            yield Difference(DifferenceKind.ENVIRONMENT, name, before, after, message)


def _of_bytes(issued: Pdf, stored_sha256: str, made: Rendering) -> Iterator[Difference]:
    if stored_sha256 != issued.sha256:
        what = "is not the one that was issued" if stored_sha256 else "is gone"
        message = f"The stored PDF {what}."
        yield Difference(DifferenceKind.STORED_PDF, "stored PDF", issued.sha256, stored_sha256, message)
    if made.pdf_sha256 != issued.sha256:
        yield Difference(
            DifferenceKind.PDF,
            "PDF",
            issued.sha256,
            made.pdf_sha256,
            "The same inputs make other bytes now than were issued.",
        )


def _of_pages(comparison: Comparison) -> Iterator[Difference]:
    for page, share in sorted(comparison.shares.items()):
        message = f"Page {page} looks different: {share:.1%} of its pixels."
        yield Difference(DifferenceKind.PAGE, f"page {page}", "", "", message, page, share)
