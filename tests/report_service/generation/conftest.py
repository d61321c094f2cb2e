"""A workshop whose neighbours do as they are told, over reports in memory."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from report_service import generation
from report_service.domain import Report
from report_service.generation import Workshop
from report_service.memory import Memory
from report_service.rendering import bundles
from services import jobs
from tests.report_service.builders import NOON, a_report
from tests.report_service.stubs import Leads, Objects, Renderer

BUNDLE = bundles.find("website_audit")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def workshop(memory: Memory) -> Workshop:
    return Workshop(
        stores=memory.reports_stores(),
        leads=Leads(),
        objects=Objects(),
        renderer=Renderer(),
        environment_digest="cd" * 32,
        clock=lambda: NOON,
    )


async def queued(memory: Memory, **values: Any) -> Report:
    report = a_report(template_version_id=BUNDLE.template_version_id, template_digest=BUNDLE.digest, **values)
    async with memory.reports_stores().write() as store:
        await store.add(report, b'{"note":"of the caller"}')
    return report


def job(report: Report) -> jobs.Job:
    return jobs.Job("1", str(report.id).encode(), 0)


def raising(error: Exception) -> Callable[[], None]:
    def mishap() -> None:
        raise error

    return mishap


async def run_to_the_end(workshop: Workshop, report: Report) -> int:
    """Run the job as the queue would, without the pauses; return how many runs it took."""
    for runs in range(1, 20):
        try:
            await generation.generate(workshop, job(report))
        except jobs.Retry:
            continue
        return runs
    raise AssertionError("the report never ended")


def log_of(memory: Memory, report: Report) -> list[dict[str, Any]]:
    log = gzip.decompress(memory.outbox[report.id].delivery.capture.logs)
    return [json.loads(line) for line in log.splitlines()]
