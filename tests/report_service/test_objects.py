"""Promise: a PDF is stored once, whole and durably, before anything points to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.exceptions import GenericError

from report_service import payload
from report_service.objects import StoredObjects
from services.errors import DataLoss, Unavailable

PDF = b"%PDF-1.7 " + bytes(range(256)) * 3000


@pytest.fixture(params=["local", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> StoredObjects:
    return StoredObjects("memory:///" if request.param == "memory" else f"file://{tmp_path}/pdfs of ours")


async def together(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_what_was_put_is_read_back(objects: StoredObjects) -> None:
    key = await objects.put(PDF, payload.sha256(PDF))
    assert key == f"sha256/{payload.sha256(PDF)[:2]}/{payload.sha256(PDF)}"
    assert await together(objects.read(key, 0, len(PDF))) == PDF


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(PDF) - 1), st.integers(1, 1000))
async def test_any_range_is_read_alone(objects: StoredObjects, start: int, length: int) -> None:
    key = await objects.put(PDF, payload.sha256(PDF))
    length = min(length, len(PDF) - start)
    assert await together(objects.read(key, start, length)) == PDF[start : start + length]


async def test_a_file_that_was_altered_in_the_store_is_not_handed_out_whole(tmp_path: Path) -> None:
    objects = StoredObjects(f"file://{tmp_path}")
    key = await objects.put(PDF, payload.sha256(PDF))
    (tmp_path / key).write_bytes(PDF[:-1] + b"?")
    sent = b""
    with pytest.raises(DataLoss, match="damaged"):
        async for piece in objects.read(key, 0, len(PDF)):
            sent += piece
    assert len(sent) < len(PDF)


async def test_the_same_bytes_are_one_object(objects: StoredObjects, tmp_path: Path) -> None:
    keys = {await objects.put(PDF, payload.sha256(PDF)) for _ in range(3)}
    assert len(keys) == 1


async def test_a_torn_object_of_an_earlier_crash_is_made_whole(tmp_path: Path) -> None:
    objects = StoredObjects(f"file://{tmp_path}")
    key = await objects.put(PDF, payload.sha256(PDF))
    (tmp_path / key).write_bytes(PDF[:100])
    assert await objects.put(PDF, payload.sha256(PDF)) == key
    assert (tmp_path / key).read_bytes() == PDF


async def test_what_an_attempt_that_was_cut_short_has_written_is_brought_to_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = StoredObjects(f"file://{tmp_path}")
    synced: list[Path] = []
    monkeypatch.setattr("report_service.objects._sync", lambda path, root: synced.append(path))
    key = await objects.put(PDF, payload.sha256(PDF))
    await objects.put(PDF, payload.sha256(PDF))
    assert synced == [tmp_path / key] * 2


async def test_an_object_that_is_gone_is_a_loss_and_says_so(objects: StoredObjects) -> None:
    with pytest.raises(DataLoss):
        await together(objects.read("sha256/ab/ab", 0, 10))


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    objects = StoredObjects(f"file://{tmp_path}")
    (tmp_path / "sha256").write_text("in the way")
    with pytest.raises(Unavailable):
        await objects.put(PDF, payload.sha256(PDF))


def test_a_store_that_nobody_knows_is_refused_at_the_start() -> None:
    with pytest.raises(GenericError):
        StoredObjects("ftp://example.com/pdfs")
