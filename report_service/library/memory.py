"""Created versions in memory: what the store in PostgreSQL promises, without PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from report_service.library.domain import TemplateStatus, TemplateVersion


class MemoryTemplateStores:
    """Opens units of work on a memory, one at a time; each sees all or nothing."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.kept: dict[str, TemplateVersion] = {}
        self.lock = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator["MemoryTemplateStore"]:
        """Open one that changes nothing."""
        async with self.lock:
            yield MemoryTemplateStore(dict(self.kept))

    @asynccontextmanager
    async def write(self) -> AsyncIterator["MemoryTemplateStore"]:
        """Open one that commits if its block ends well."""
        async with self.lock:
            store = MemoryTemplateStore(dict(self.kept))
            yield store
            self.kept = store.kept


class MemoryTemplateStore:
    """Created versions within one unit of work."""

    def __init__(self, kept: dict[str, TemplateVersion]) -> None:
        """Take the versions by id, to read and change."""
        self.kept = kept

    async def add(self, version: TemplateVersion) -> TemplateVersion:
        """Keep a draft; returns what stands under its id, which is another if there was one before."""
        return self.kept.setdefault(version.id, version)

    async def get(self, version_id: str) -> TemplateVersion | None:
        """Return a version by ``name@version``, or None."""
        return self.kept.get(version_id)

    async def every(self, name: str = "") -> Sequence[TemplateVersion]:
        """Return all versions, or those of one template, in any order."""
        return [each for each in self.kept.values() if name in ("", each.name)]

    async def publish(self, version_id: str, digest: str, by: str, at: datetime) -> bool:
        """Publish a draft if it still is the bundle with this digest; False if there is no such draft."""
        draft = self._in(version_id, TemplateStatus.DRAFT)
        if draft is None or draft.digest != digest:
            return False
        self.kept[version_id] = replace(
            draft, status=TemplateStatus.PUBLISHED, published_by=by, published_at=at
        )
        return True

    async def retire(self, version_id: str, by: str, at: datetime) -> bool:
        """Retire a published version; False if there is none."""
        published = self._in(version_id, TemplateStatus.PUBLISHED)
        if published is None:
            return False
        self.kept[version_id] = replace(
            published, status=TemplateStatus.RETIRED, retired_by=by, retired_at=at
        )
        return True

    async def remove(self, version_id: str) -> bool:
        """Remove a draft; False if there is none."""
        return self._in(version_id, TemplateStatus.DRAFT) is not None and bool(self.kept.pop(version_id))

    def _in(self, version_id: str, status: TemplateStatus) -> TemplateVersion | None:
        found = self.kept.get(version_id)
        return found if found and found.status is status else None
