"""Created versions in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from report_service.library.domain import Archive, BundleFile, TemplateStatus, TemplateVersion
from report_service.library.tables import TemplateVersionRow as Row


class PostgresTemplateStore:
    """Created versions within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take a session."""
        self._session = session

    async def add(self, version: TemplateVersion) -> TemplateVersion:
        """Keep a draft; returns what stands under its id, which is another if there was one before."""
        assert version.archive is not None
        await self._session.execute(
            insert(Row)
            .values(
                name=version.name,
                version=version.version,
                digest=version.digest,
                status=version.status,
                locales=list(version.locales),
                files=[
                    {"name": each.name, "size_bytes": each.size_bytes, "sha256": each.sha256}
                    for each in version.files
                ],
                object_key=version.archive.object_key,
                archive_size_bytes=version.archive.size_bytes,
                created_by=version.created_by,
                created_at=version.created_at,
            )
            .on_conflict_do_nothing()
        )
        kept = await self.get(version.id)
        assert kept is not None
        return kept

    async def get(self, version_id: str) -> TemplateVersion | None:
        """Return a version by ``name@version``, or None."""
        row = await self._session.scalar(select(Row).where(*_is(version_id)))
        return _version(row) if row else None

    async def every(self, name: str = "") -> Sequence[TemplateVersion]:
        """Return all versions, or those of one template, in any order."""
        query = select(Row).where(Row.name == name) if name else select(Row)
        return [_version(row) for row in await self._session.scalars(query)]

    async def publish(self, version_id: str, digest: str, by: str, at: datetime) -> bool:
        """Publish a draft if it still is the bundle with this digest; False if there is no such draft."""
        draft = [*_is(version_id), Row.status == TemplateStatus.DRAFT, Row.digest == digest]
        values = {"status": TemplateStatus.PUBLISHED, "published_by": by, "published_at": at}
        return await self._changes(update(Row).where(*draft).values(values))

    async def retire(self, version_id: str, by: str, at: datetime) -> bool:
        """Retire a published version; False if there is none."""
        published = [*_is(version_id), Row.status == TemplateStatus.PUBLISHED]
        values = {"status": TemplateStatus.RETIRED, "retired_by": by, "retired_at": at}
        return await self._changes(update(Row).where(*published).values(values))

    async def remove(self, version_id: str) -> bool:
        """Remove a draft; False if there is none."""
        return await self._changes(delete(Row).where(*_is(version_id), Row.status == TemplateStatus.DRAFT))

    async def _changes(self, statement: Any) -> bool:
        return cast("CursorResult[Any]", await self._session.execute(statement)).rowcount == 1


def _is(version_id: str) -> list[ColumnElement[bool]]:
    name, _, version = version_id.partition("@")
    return [Row.name == name, Row.version == version]


def _version(row: Row) -> TemplateVersion:
    return TemplateVersion(
        name=row.name,
        version=row.version,
        digest=row.digest,
        locales=tuple(row.locales),
        files=tuple(BundleFile(**each) for each in row.files),
        status=TemplateStatus(row.status),
        archive=Archive(row.object_key, row.archive_size_bytes),
        created_by=row.created_by,
        created_at=row.created_at,
        published_by=row.published_by or "",
        published_at=row.published_at,
        retired_by=row.retired_by or "",
        retired_at=row.retired_at,
    )
