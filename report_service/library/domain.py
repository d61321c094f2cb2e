"""What a version of a template is, how it moves, and what the library needs from a store.

    DRAFT ──> PUBLISHED ──> RETIRED
      └──> removed

What a version consists of never changes, in any status.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID


class TemplateStatus(StrEnum):
    """How far a version has come."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    RETIRED = "RETIRED"


class Origin(StrEnum):
    """Where a version's bundle came from."""

    SHIPPED = "SHIPPED"
    CREATED = "CREATED"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A bundle in the object store."""

    object_key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One immutable version of one template."""

    name: str
    version: str
    digest: str
    locales: tuple[str, ...]
    files: tuple[BundleFile, ...]
    status: TemplateStatus = TemplateStatus.DRAFT
    origin: Origin = Origin.CREATED
    archive: Archive | None = None
    """None for a version that comes with the product: its files are."""
    created_by: str = ""
    created_at: datetime | None = None
    published_by: str = ""
    published_at: datetime | None = None
    retired_by: str = ""
    retired_at: datetime | None = None

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(each.size_bytes for each in self.files)


@dataclass(frozen=True, slots=True)
class TemplateFilter:
    """Which versions a list shows."""

    name: str = ""
    status: TemplateStatus | None = None

    @property
    def binding(self) -> str:
        """This filter and the order of its pages, in canonical text."""
        return f"templates name={self.name} status={self.status or ''} order=name,-version"

    def shows(self, each: TemplateVersion) -> bool:
        """Whether a version is in the list."""
        return self.name in ("", each.name) and self.status in (None, each.status)


@dataclass(frozen=True, slots=True)
class TemplatePage:
    """One page of a list of versions."""

    versions: Sequence[TemplateVersion]
    next_page_token: str
    """Empty on the last page."""


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes on their way out: an archive, or a preview."""

    content_type: str
    content: bytes
    filename: str

    @property
    def sha256(self) -> str:
        """The digest of the bytes, in hexadecimal."""
        return sha256(self.content).hexdigest()

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield so many bytes from a position on."""
        yield self.content[start : start + length]


class TemplateStore(Protocol):
    """Created versions within one unit of work."""

    async def add(self, version: TemplateVersion) -> TemplateVersion:
        """Keep a draft; returns what stands under its id, which is another if there was one before."""

    async def get(self, version_id: str) -> TemplateVersion | None:
        """Return a version by ``name@version``, or None."""

    async def every(self, name: str = "") -> Sequence[TemplateVersion]:
        """Return all versions, or those of one template, in any order."""

    async def publish(self, version_id: str, digest: str, by: str, at: datetime) -> bool:
        """Publish a draft if it still is the bundle with this digest; False if there is no such draft."""

    async def retire(self, version_id: str, by: str, at: datetime) -> bool:
        """Retire a published version; False if there is none."""

    async def remove(self, version_id: str) -> bool:
        """Remove a draft; False if there is none."""


class TemplateStores(Protocol):
    """Opens units of work on created versions."""

    def read(self) -> AbstractAsyncContextManager[TemplateStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[TemplateStore]:
        """Open one that commits if its block ends well."""


class Archives(Protocol):
    """Where archives are kept, by the SHA-256 of their bytes."""

    async def put(self, data: bytes, sha256: str) -> str:
        """Store bytes durably unless they are there already; returns their key."""

    def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Stream a range of an object; raises DataLoss if it is gone or, if read whole, damaged."""


class PastInputs(Protocol):
    """What earlier reports were made from."""

    async def of(self, report_id: UUID) -> bytes:
        """Return the canonical inputs of a report; raises NotFound if none were captured."""
