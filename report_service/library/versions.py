"""Creating, publishing and retiring versions of templates, and looking at them."""

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from report_service.library import comparison
from report_service.library.comparison import Comparison
from report_service.library.domain import (
    Archive,
    Archives,
    Document,
    Origin,
    TemplateFilter,
    TemplatePage,
    TemplateStatus,
    TemplateStores,
    TemplateVersion,
)
from report_service.library.shelf import RESOURCE, Shelf, listed
from report_service.rendering import archive, bundles, shape
from report_service.rendering.bundles import Bundle, precedence
from report_service.rendering.pool import RenderFailed
from services import paging
from services.clock import Clock
from services.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    Unavailable,
)


class Inspector(Protocol):
    """What tries a bundle out before it is published."""

    async def inspect(self, bundle: Bundle) -> list[FieldViolation]:
        """Return what keeps it from being published; raises RenderFailed."""


@dataclass(frozen=True)
class Library:
    """Where versions are kept."""

    stores: TemplateStores
    archives: Archives
    shelf: Shelf
    clock: Clock


async def create(library: Library, name: str, version: str, packed: bytes, by: str) -> TemplateVersion:
    """Keep a bundle as draft; the same one again returns the first.

    Raises InvalidArgument that names each file at fault, and AlreadyExists if the version is taken.
    """
    files = await asyncio.to_thread(_opened, packed)
    digest = bundles.digest_of(files)
    repacked = await asyncio.to_thread(archive.pack, files)
    key = await library.archives.put(repacked, sha256(repacked).hexdigest())
    draft = TemplateVersion(
        name=name,
        version=version,
        digest=digest,
        locales=tuple(
            sorted(each[len("strings/") : -len(".json")] for each in files if each.startswith("strings/"))
        ),
        files=listed(files),
        archive=Archive(key, len(repacked)),
        created_by=by,
        created_at=library.clock(),
    )
    if draft.id in bundles.shipped():
        kept = await library.shelf.find(draft.id)
    else:
        async with library.stores.write() as store:
            kept = await store.add(draft)
    if kept.digest != digest:
        raise AlreadyExists(
            RESOURCE,
            draft.id,
            f"{draft.id} is another bundle, and {kept.status}: give this one a new version.",
        )
    return kept


async def publish(library: Library, inspector: Inspector, version_id: str, by: str) -> TemplateVersion:
    """Check a draft and publish it; a published version is returned as it is.

    Raises InvalidArgument that names each file at fault, and FailedPrecondition for a retired version.
    """
    found = await library.shelf.find(version_id)
    if found.status is TemplateStatus.PUBLISHED:
        return found
    if found.status is TemplateStatus.DRAFT:
        flaws = await _inspected(inspector, await library.shelf.bundle(found))
        if flaws:
            raise InvalidArgument.of(flaws)
        async with library.stores.write() as store:
            await store.publish(version_id, found.digest, by, library.clock())
        found = await library.shelf.find(version_id)
    if found.status is not TemplateStatus.PUBLISHED:
        raise _unfit(found, "published")
    return found


async def retire(library: Library, version_id: str, by: str) -> TemplateVersion:
    """Retire a published version; a retired one is returned as it is.

    Raises FailedPrecondition for a draft, and for a version that comes with the product.
    """
    async with library.stores.write() as store:
        await store.retire(version_id, by, library.clock())
    found = await library.shelf.find(version_id)
    if found.status is not TemplateStatus.RETIRED:
        raise _unfit(found, "retired")
    return found


async def remove(library: Library, version_id: str) -> None:
    """Remove a draft; raises FailedPrecondition for a version that was ever published."""
    found = await library.shelf.find(version_id)
    async with library.stores.write() as store:
        removed = await store.remove(version_id)
    if not removed:
        raise _unfit(found, "removed")


async def page(library: Library, wanted: TemplateFilter, page_size: int, page_token: str) -> TemplatePage:
    """Return one page by name, the newest of each first; raises InvalidArgument for a foreign token.

    All versions are read for each page: there are dozens.
    """
    asked = paging.request(page_size, page_token, binding=wanted.binding)
    shown = sorted(
        (each for each in await library.shelf.every(wanted.name) if wanted.shows(each)), key=_position
    )
    if asked.after is not None:
        after = _parsed(asked.after)
        shown = [each for each in shown if _position(each) > after]
    more = len(shown) > asked.size
    shown = shown[: asked.size]
    token = paging.token([shown[-1].name, shown[-1].version], binding=wanted.binding) if more else ""
    return TemplatePage(shown, token)


async def download(library: Library, version_id: str) -> Document:
    """Return a version's bundle as an archive."""
    found = await library.shelf.find(version_id)
    if found.archive is None:
        files = await library.shelf.files(found)
        packed = await asyncio.to_thread(archive.pack, files)
    else:
        packed = await library.shelf.packed(found.archive)
    return Document("application/zip", packed, f"{found.name}-{found.version}.zip")


async def compare(library: Library, a: str, b: str) -> Comparison:
    """Say in what two versions differ; raises NotFound."""
    before, after = [await library.shelf.files(await library.shelf.find(each)) for each in (a, b)]
    return await asyncio.to_thread(comparison.compare, before, after)


def _opened(packed: bytes) -> dict[str, bytes]:
    files = archive.unpack(packed)
    if flaws := shape.flaws(files):
        raise InvalidArgument.of(flaws)
    return files


async def _inspected(inspector: Inspector, bundle: Bundle) -> list[FieldViolation]:
    try:
        return await inspector.inspect(bundle)
    except RenderFailed as failure:
        if failure.transient:
            raise Unavailable(f"The bundle could not be checked: {failure}.", retry_after=1) from failure
        return [FieldViolation("report.html.j2", str(failure), "TEMPLATE_FAILED")]


def _unfit(version: TemplateVersion, what: str) -> FailedPrecondition:
    origin = " and comes with the product" if version.origin is Origin.SHIPPED else ""
    return FailedPrecondition(
        f"{version.id} is {version.status}{origin}: it cannot be {what}.",
        reason="TEMPLATE_STATUS",
        metadata={"template_version_id": version.id, "status": version.status},
    )


def _position(version: TemplateVersion) -> tuple[str, tuple[int, ...]]:
    return version.name, tuple(-part for part in precedence(version.version))


def _parsed(after: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    try:
        name, version = after
        return name, tuple(-part for part in precedence(version))
    except ValueError:
        raise paging.foreign_token() from None
