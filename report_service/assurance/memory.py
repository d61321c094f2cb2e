"""What assurances rest on, in memory."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from report_service.assurance.domain import Completed, Environment
from report_service.domain import Status
from report_service.memory.state import State
from report_service.records import Window


class MemoryAssuranceStore:
    """What assurances rest on, within one unit of work."""

    def __init__(self, memory: State) -> None:
        """Take the memory."""
        self._memory = memory

    async def remember_environment(self, environment: Environment) -> None:
        """Keep what an environment consists of; what is kept under its digest already stays."""
        self._memory.environments.setdefault(environment.digest, dict(environment.parts))

    async def environment(self, digest: str) -> Mapping[str, str] | None:
        """Return what an environment consists of, None if that was never kept."""
        return self._memory.environments.get(digest)

    async def completed(self, window: Window, size: int) -> Sequence[Completed]:
        """Return up to ``size`` completed reports within a window, in the order of their ids."""
        within = sorted(each for each in self._memory.reports if window.admits(each))
        return (await self.completed_among(within))[:size]

    async def completed_among(self, report_ids: Sequence[UUID]) -> Sequence[Completed]:
        """Return those of these reports that are completed."""
        known = (self._memory.reports.get(each) for each in report_ids)
        return [
            Completed(each.id, each.lineage_status, each.id in self._memory.outbox)
            for each in known
            if each is not None and each.status is Status.COMPLETED
        ]
