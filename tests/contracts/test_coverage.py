"""Promise: completed reports are counted against recorded lineages, and whatever does not agree is named."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from report_service.assurance import coverage
from report_service.assurance.coverage import CoverageWatch
from report_service.assurance.domain import GapKind
from report_service.assurance.memory import MemoryAssuranceStore
from report_service.domain import LineageStatus, Status
from report_service.memory import Memory
from report_service.memory.state import MemoryUnitsOfWork
from report_service.metrics import COVERAGE_GAPS
from report_service.records import Window
from services.clock import utc_now
from services.ids import uuid7
from tests.contracts.estate import Estate
from tests.report_service.builders import a_pdf, a_report


async def counted(estate: Estate, **query: str) -> dict[str, Any]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return await estate.got("GET", f"/api/lineage:coverage?{asked}", role="auditor")


def numbers(found: dict[str, Any]) -> dict[str, int]:
    names = ("completed", "recorded", "pending", "disabled", "discarded", "lineages", "differences_total")
    return {name: found[name] for name in names}


async def test_every_completed_report_is_counted_once_on_both_sides(estate: Estate) -> None:
    recorded = [await estate.completed() for _ in range(3)]
    await estate.completed(captures=False)
    await estate.completed(delivers=False)
    await estate.ordered()
    found = await counted(estate)
    assert found["complete"]
    assert numbers(found) == {
        "completed": 5,
        "recorded": len(recorded),
        "pending": 1,
        "disabled": 1,
        "discarded": 0,
        "lineages": 3,
        "differences_total": 0,
    }


async def test_what_only_one_side_has_is_named(estate: Estate) -> None:
    lost, unknown, denied, dropped, _ = [await estate.completed() for _ in range(5)]
    await estate.completed(delivers=False)
    waiting = await estate.completed(delivers=False)
    await estate.sql("lineage", "DELETE FROM lineage_records WHERE report_generation_id = $1", lost)
    await estate.sql("report", "DELETE FROM reports WHERE id = $1", unknown)
    await estate.sql("report", "UPDATE reports SET lineage_status = 'DISABLED' WHERE id = $1", denied)
    await estate.sql("report", "UPDATE reports SET lineage_status = 'DISCARDED' WHERE id = $1", dropped)
    await estate.sql("report", "DELETE FROM lineage_outbox WHERE report_id = $1", waiting)
    found = await counted(estate)
    assert not found["complete"]
    assert found["differences_total"] == 5
    told = {each["report_id"]: (each["kind"], each["lineage_status"]) for each in found["differences"]}
    assert told == {
        lost: ("MISSING", "RECORDED"),
        unknown: ("UNKNOWN", ""),
        denied: ("CONTRADICTED", "DISABLED"),
        dropped: ("CONTRADICTED", "DISCARDED"),
        waiting: ("MISSING", "PENDING"),
    }
    assert all(each["message"] for each in found["differences"])


async def test_a_month_counts_the_reports_that_were_asked_for_in_it(estate: Estate) -> None:
    await estate.completed()
    now = utc_now()
    assert (await counted(estate, month=f"{now:%Y-%m}"))["completed"] == 1
    before = f"{now.year - 1}-{now.month:02}"
    assert set(numbers(await counted(estate, month=before)).values()) == {0}
    for wrong in ("2026", "2026-13", "1969-01", "November"):
        reply = await estate.call("GET", f"/api/lineage:coverage?month={wrong}")
        assert reply.status_code == 400, wrong
    assert (await estate.call("GET", "/api/lineage:coverage", role="viewer")).status_code == 403


async def test_the_watch_raises_the_alarm(estate: Estate) -> None:
    lost = await estate.completed()
    watch = CoverageWatch(estate.assurances, estate.worker_lineages)
    await watch.look()
    assert COVERAGE_GAPS._value.get() == 0
    await estate.sql("lineage", "DELETE FROM lineage_records WHERE report_generation_id = $1", lost)
    await watch.look()
    assert COVERAGE_GAPS._value.get() == 1


class There:
    """Lineages that answer some at a time, after something else has happened."""

    def __init__(self, ids: list[UUID], size: int) -> None:
        self.ids, self.size = sorted(ids), size

    async def recorded_reports(self, window: Window) -> Any:
        within = [each for each in self.ids if window.admits(each)]
        for start in range(0, len(within), self.size):
            yield within[start : start + self.size]


@pytest.mark.parametrize("stretch", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
async def test_any_cut_of_the_two_lists_gives_the_same_count(
    monkeypatch: pytest.MonkeyPatch, stretch: int, size: int
) -> None:
    monkeypatch.setattr(coverage, "STRETCH", stretch)
    memory, recorded = Memory(), []
    expected = set()
    for number in range(24):
        status = [LineageStatus.RECORDED, LineageStatus.DISABLED, LineageStatus.PENDING][number % 3]
        report = a_report(
            id=UUID(int=1000 + number * 10), status=Status.COMPLETED, lineage_status=status, pdf=a_pdf()
        )
        memory.reports[report.id] = report
        kind = {0: GapKind.MISSING, 1: GapKind.CONTRADICTED, 2: None}[number % 3]
        if (number % 4 == 0) == (kind is GapKind.MISSING):
            expected |= {(report.id, kind)} if kind else set()
        if number % 4 != 0 or kind is None:
            recorded.append(report.id)
        if number % 5 == 0:
            recorded.append(UUID(int=report.id.int + 3))
            expected.add((recorded[-1], GapKind.UNKNOWN))
    stores = MemoryUnitsOfWork(memory, MemoryAssuranceStore)
    found = await coverage.count(stores, There(recorded, size), Window(), utc_now)
    assert {(gap.report_id, gap.kind) for gap in found.gaps} == expected
    assert found.gaps_total == len(expected)
    assert (found.completed, found.lineages) == (24, len(recorded))


async def test_a_report_that_is_completed_meanwhile_is_no_difference() -> None:
    memory = Memory()

    class Busy(There):
        async def recorded_reports(self, window: Window) -> Any:
            for each in self.ids:
                memory.reports[each] = a_report(
                    id=each, status=Status.COMPLETED, lineage_status=LineageStatus.RECORDED, pdf=a_pdf()
                )
            yield self.ids

    stores = MemoryUnitsOfWork(memory, MemoryAssuranceStore)
    found = await coverage.count(stores, Busy([uuid7(), uuid7()], 9), Window(), utc_now)
    assert (found.gaps_total, found.completed, found.lineages) == (0, 0, 0)


@pytest.mark.parametrize("text", ["2026-11", "2026-12", "2099-12", "2000-01"])
def test_a_month_is_the_stretch_of_ids_of_its_instants(text: str) -> None:
    def first_id(at: datetime, low: int = 0) -> UUID:
        return UUID(int=(int(at.timestamp() * 1000) << 80) | 7 << 76 | 2 << 62 | low)

    year, number = map(int, text.split("-"))
    begin = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    window = coverage.month(text)
    assert window.admits(first_id(begin))
    assert window.admits(UUID(int=first_id(end).int - (1 << 80) + (1 << 62) - 1))
    assert not window.admits(first_id(end))
    assert not window.admits(UUID(int=first_id(begin).int - (1 << 80)))
