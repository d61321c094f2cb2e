"""Reports and their outbox in memory: what the stores in PostgreSQL promise, without PostgreSQL.

For tests and trials; a unit of work sees all or nothing here too, one at a time.
"""

from report_service.memory.batches import MemoryBatchStore
from report_service.memory.outbox import MemoryOutboxStore
from report_service.memory.reports import MemoryReportStore
from report_service.memory.state import MemoryUnitsOfWork, State


class Memory(State):
    """Everything that this context would keep in its database."""

    def reports_stores(self) -> "MemoryUnitsOfWork[MemoryReportStore]":
        """Return what opens units of work on the reports."""
        return MemoryUnitsOfWork(self, MemoryReportStore)

    def batch_stores(self) -> "MemoryUnitsOfWork[MemoryBatchStore]":
        """Return what opens units of work on batches and their reports."""
        return MemoryUnitsOfWork(self, MemoryBatchStore)

    def outbox_stores(self) -> "MemoryUnitsOfWork[MemoryOutboxStore]":
        """Return what opens units of work on the outbox."""
        return MemoryUnitsOfWork(self, MemoryOutboxStore)
