"""Bundles at hand: shipped ones where they are, created ones unpacked when they are first asked for."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from report_service.library.domain import (
    Archive,
    Archives,
    BundleFile,
    Origin,
    TemplateStatus,
    TemplateStores,
    TemplateVersion,
)
from report_service.rendering import archive, bundles
from report_service.rendering.bundles import Bundle, precedence
from services.errors import DataLoss, FailedPrecondition, NotFound

RESOURCE = "template version"


class Shelf:
    """Finds versions and gives out their bundles. A created version goes before a shipped one of its name."""

    def __init__(self, stores: TemplateStores, archives: Archives) -> None:
        """Take where versions and their archives are kept; what is unpacked is gone with this process."""
        self._stores = stores
        self._archives = archives
        self._folder = TemporaryDirectory(prefix="leadfactory-templates-")

    async def choose(self, name: str, version: str) -> Bundle:
        """Return what a new report is made with: this version, or the newest published if it is empty.

        Raises NotFound, or FailedPrecondition for a version that is not published.
        """
        if version:
            found = await self.find(f"{name}@{version}")
        else:
            published = [each for each in await self.every(name) if each.status is TemplateStatus.PUBLISHED]
            if not published:
                raise NotFound(RESOURCE, name)
            found = max(published, key=lambda each: precedence(each.version))
        if found.status is not TemplateStatus.PUBLISHED:
            raise FailedPrecondition(
                f"{found.id} is {found.status}: reports are made with published versions only.",
                reason="TEMPLATE_NOT_PUBLISHED",
                metadata={"template_version_id": found.id, "status": found.status},
            )
        return await self.bundle(found)

    async def bring(self, template_version_id: str, digest: str) -> Bundle:
        """Return the bundle that a report was asked for, in any status, its files at hand.

        Raises NotFound, or FailedPrecondition if the version is another bundle now.
        """
        found = await self.find(template_version_id)
        if found.digest != digest:
            # A version of the same name that was shipped since, or before, may be the one.
            shipped = bundles.shipped().get(template_version_id)
            if shipped is None or shipped.digest != digest:
                raise bundles.changed(template_version_id)
            return shipped
        return await self.bundle(found)

    async def find(self, version_id: str) -> TemplateVersion:
        """Return a version by ``name@version``; raises NotFound."""
        async with self._stores.read() as store:
            created = await store.get(version_id)
        if created:
            return created
        shipped = bundles.shipped().get(version_id)
        if shipped is None:
            raise NotFound(RESOURCE, version_id)
        return shipped_version(shipped)

    async def every(self, name: str = "") -> list[TemplateVersion]:
        """Return all versions, or those of one template, in any order."""
        async with self._stores.read() as store:
            created = {each.id: each for each in await store.every(name)}
        shipped = {
            each.template_version_id: shipped_version(each)
            for each in bundles.shipped().values()
            if name in ("", each.name)
        }
        return list((shipped | created).values())

    async def bundle(self, version: TemplateVersion) -> Bundle:
        """Return the bundle of a version, its files at hand; raises DataLoss if they are gone or damaged."""
        if version.archive is None:
            return bundles.shipped()[version.id]
        path = Path(self._folder.name, version.digest)
        if not await asyncio.to_thread(path.exists):
            packed = await self.packed(version.archive)
            await asyncio.to_thread(self._unpack, packed, version, path)
        return Bundle(version.name, version.version, version.digest, path)

    async def files(self, version: TemplateVersion) -> Mapping[str, bytes]:
        """Return the files of a version by name."""
        bundle = await self.bundle(version)
        return await asyncio.to_thread(bundles.read, bundle.path)

    async def packed(self, kept: Archive) -> bytes:
        """Return an archive whole; raises DataLoss if it is gone or damaged."""
        return b"".join([chunk async for chunk in self._archives.read(kept.object_key, 0, kept.size_bytes)])

    def close(self) -> None:
        """Remove what was unpacked."""
        self._folder.cleanup()

    def _unpack(self, packed: bytes, version: TemplateVersion, path: Path) -> None:
        files = archive.unpack(packed)
        if bundles.digest_of(files) != version.digest:
            raise DataLoss(f"What was stored as {version.id} is another bundle.", reason="OBJECT_DAMAGED")
        # Beside its place first, so that nobody reads half of it; of two who do the same, one wins.
        made = Path(mkdtemp(dir=self._folder.name))
        for name, content in files.items():
            made.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
            made.joinpath(name).write_bytes(content)
        try:
            made.rename(path)
        except OSError:
            if not path.exists():
                raise


@lru_cache(maxsize=64)
def shipped_version(bundle: Bundle) -> TemplateVersion:
    """Return a bundle that comes with the product as a version; its files are read once."""
    return TemplateVersion(
        name=bundle.name,
        version=bundle.version,
        digest=bundle.digest,
        locales=tuple(sorted(bundle.locales)),
        files=listed(bundles.read(bundle.path)),
        status=TemplateStatus.PUBLISHED,
        origin=Origin.SHIPPED,
    )


def listed(files: Mapping[str, bytes]) -> tuple[BundleFile, ...]:
    """Return what a bundle consists of, in alphabetical order."""
    return tuple(
        BundleFile(name, len(files[name]), sha256(files[name]).hexdigest()) for name in sorted(files)
    )
