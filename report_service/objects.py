"""PDFs in an object store, named by the SHA-256 of their bytes.

A local folder, S3, Google Cloud Storage or Azure, by URL. An object is written once and before the
row that names it, so a row never points to nothing; what a crash leaves without a row is harmless.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from services.errors import DataLoss, Unavailable

READ_BYTES = 256 * 1024
OBJECT_DAMAGED = "object.damaged"

log = structlog.get_logger(__name__)


class StoredObjects:
    """The objects of this context."""

    def __init__(self, url: str) -> None:
        """Take the store's URL, such as ``file:///var/lib/leadfactory/objects`` or ``s3://bucket/prefix``.

        A local folder is made if it is not there.
        """
        self._store = from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)

    def key(self, sha256: str) -> str:
        """Return the key of what has this digest."""
        return f"sha256/{sha256[:2]}/{sha256}"

    async def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        try:
            await obstore.delete_async(self._store, key)
        except (FileNotFoundError, NotFoundError):
            return
        except BaseError as error:
            raise Unavailable("The object store cannot be written to.", retry_after=1) from error

    async def put(self, data: bytes, sha256: str) -> str:
        """Store bytes durably unless they are there already; returns their key."""
        key = self.key(sha256)
        try:
            try:
                await obstore.put_async(self._store, key, data, mode="create")
            except AlreadyExistsError:
                # Left by an earlier attempt. A power cut may have torn it: it is not trusted unseen.
                if await self._whole(key) != data:
                    await obstore.put_async(self._store, key, data, mode="overwrite")
            if isinstance(self._store, LocalStore) and self._store.prefix is not None:
                # A local store answers before the bytes are on the disk, and an attempt that was cut
                # short may not have got that far; the row must not be there first.
                await asyncio.to_thread(_sync, self._store.prefix / key, self._store.prefix)
        except (BaseError, OSError) as error:
            raise Unavailable("The object store cannot be written to.", retry_after=1) from error
        return key

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Stream a range of an object.

        Raises DataLoss if it is gone, and, for a whole object, if it no longer has the digest that it
        is named by; the last bytes are held back until that is known, so that nobody gets an altered
        file whole.
        """
        digest, held = sha256(), b""
        try:
            found = await obstore.get_async(self._store, key, options={"range": (start, start + length)})
            is_whole = start == 0 and length == found.meta["size"]
            async for chunk in found.stream(min_chunk_size=READ_BYTES):
                digest.update(chunk)
                if held:
                    yield held
                held = bytes(chunk)
            if is_whole and digest.hexdigest() != key.rpartition("/")[2]:
                log.error(OBJECT_DAMAGED, key=key)
                raise DataLoss("What was stored is damaged.", reason="OBJECT_DAMAGED")
            yield held
        except (FileNotFoundError, NotFoundError) as error:
            raise DataLoss("The file is gone from the object store.") from error
        except BaseError as error:
            raise Unavailable("The object store cannot be read.", retry_after=1) from error

    async def as_is(self, key: str, limit: int) -> bytes | None:
        """Return an object, damaged or not, cut after ``limit`` bytes; None if it is gone."""
        try:
            found = await obstore.get_async(self._store, key)
            kept = bytearray()
            async for chunk in found.stream(min_chunk_size=READ_BYTES):
                kept += chunk
                if len(kept) > limit:
                    break
        except (FileNotFoundError, NotFoundError):
            return None
        except BaseError as error:
            raise Unavailable("The object store cannot be read.", retry_after=1) from error
        return bytes(kept[:limit])

    async def _whole(self, key: str) -> bytes:
        found = await obstore.get_async(self._store, key)
        return bytes(await found.bytes_async())


def _sync(path: Path, root: Path) -> None:
    for each in (path, *(parent for parent in path.parents if parent.is_relative_to(root))):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
