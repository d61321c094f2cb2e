"""Promise: two PDFs are compared by how their pages look, in the confined process that renders."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from report_service.rendering.pool import RenderFailed, RenderPool
from tests.report_service.rendering_inputs import a_bundle, canonical, identity_of, sample

FIRST = "<style>@page {size: 10cm}</style><p>one<p style='break-before: page'>two"


@pytest.fixture
async def pool() -> AsyncIterator[RenderPool]:
    pool = RenderPool(1)
    await pool.start()
    yield pool
    await pool.close()


async def pdf(pool: RenderPool, folder: Path, page: str) -> bytes:
    inputs = canonical(sample())
    bundle = a_bundle(folder, page)
    return (await pool.render(bundle, inputs, identity_of(bundle, inputs))).pdf


async def test_pages_that_look_the_same_are_not_named_whatever_their_bytes(
    pool: RenderPool, tmp_path: Path
) -> None:
    first = await pdf(pool, tmp_path / "a", FIRST)
    renamed = await pdf(pool, tmp_path / "b", FIRST.replace("<p>one", "<p class=x>one"))
    assert first != renamed
    for second in (first, renamed):
        found = await pool.compare(first, second)
        assert (found.pages, found.shares) == (2, {})


async def test_a_page_that_looks_different_is_named_with_its_share(pool: RenderPool, tmp_path: Path) -> None:
    first = await pdf(pool, tmp_path / "a", FIRST)
    second = await pdf(pool, tmp_path / "b", FIRST.replace("two", "<span style='color: #000001'>two!</span>"))
    found = await pool.compare(first, second)
    assert list(found.shares) == [2]
    assert 0 < found.shares[2] < 0.05


async def test_a_page_that_only_one_has_or_of_another_size_differs_as_a_whole(
    pool: RenderPool, tmp_path: Path
) -> None:
    first = await pdf(pool, tmp_path / "a", FIRST)
    longer = await pdf(pool, tmp_path / "b", f"{FIRST}<p style='break-before: page'>three")
    assert (await pool.compare(first, longer)).shares == {3: 1.0}
    assert (await pool.compare(longer, first)).shares == {3: 1.0}
    wider = await pdf(pool, tmp_path / "c", FIRST.replace("10cm", "10cm 12cm"))
    assert (await pool.compare(first, wider)).shares == {1: 1.0, 2: 1.0}


@pytest.mark.parametrize("broken", [b"", b"no PDF", b"%PDF-1.7 cut short"])
async def test_what_is_no_pdf_cannot_be_compared_and_harms_nobody(
    pool: RenderPool, tmp_path: Path, broken: bytes
) -> None:
    first = await pdf(pool, tmp_path, FIRST)
    before = pool.pids
    for pair in ((first, broken), (broken, first)):
        with pytest.raises(RenderFailed):
            await pool.compare(*pair)
    assert pool.pids == before
    assert (await pool.compare(first, first)).shares == {}
