"""PDFs in an object store, named by the SHA-256 of their bytes.

A local folder, S3, Google Cloud Storage or Azure, by URL. An object is written once and before the
row that names it, so a row never points to nothing; what a crash leaves without a row is harmless.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from services.errors import DataLoss, Unavailable

READ_BYTES = 256 * 1024


class StoredObjects:
    """The objects of this context."""

    def __init__(self, url: str) -> None:
        """Take the store's URL, such as ``file:///var/lib/leadfactory/objects`` or ``s3://bucket/prefix``.

        A local folder is made if it is not there.
        """
        self._store = from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)

    async def put(self, data: bytes, sha256: str) -> str:
        """Store bytes durably unless they are there already; returns their key."""
        key = f"sha256/{sha256[:2]}/{sha256}"
        try:
            try:
                await self._write(key, data, mode="create")
            except AlreadyExistsError:
                # Left by an earlier attempt. A power cut may have torn it: it is not trusted unseen.
                if await self._whole(key) != data:
                    await self._write(key, data, mode="overwrite")
        except (BaseError, OSError) as error:
            raise Unavailable("The object store cannot be written to.", retry_after=1) from error
        return key

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Stream a range of an object; raises DataLoss if it is gone."""
        try:
            found = await obstore.get_async(self._store, key, options={"range": (start, start + length)})
            async for chunk in found.stream(min_chunk_size=READ_BYTES):
                yield bytes(chunk)
        except (FileNotFoundError, NotFoundError) as error:
            raise DataLoss("The file is gone from the object store.") from error
        except BaseError as error:
            raise Unavailable("The object store cannot be read.", retry_after=1) from error

    async def _whole(self, key: str) -> bytes:
        found = await obstore.get_async(self._store, key)
        return bytes(await found.bytes_async())

    async def _write(self, key: str, data: bytes, *, mode: str) -> None:
        await obstore.put_async(self._store, key, data, mode=mode)  # type: ignore[arg-type]
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            # A local store answers before the bytes are on the disk; the row must not be there first.
            await asyncio.to_thread(_sync, self._store.prefix / key, self._store.prefix)


def _sync(path: Path, root: Path) -> None:
    for each in (path, *(parent for parent in path.parents if parent.is_relative_to(root))):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
