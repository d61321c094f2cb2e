"""Promise: the same inputs make the same bytes in any process, and a broken render breaks nothing else."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest

from report_service.rendering import bundles, child
from report_service.rendering.bundles import Bundle
from report_service.rendering.pool import RenderFailed, Rendering, RenderPool
from tests.report_service.rendering_inputs import (
    HOSTILE,
    a_bundle,
    canonical,
    identity_of,
    render_environment,
    sample,
    the_bundle,
)

ROOT = Path(__file__).resolve().parents[2]

RUNAWAY = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"


@asynccontextmanager
async def a_pool(workers: int = 1, **limits: Any) -> AsyncIterator[RenderPool]:
    pool = RenderPool(workers, **limits)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def a_quick_one() -> Bundle:
    """Return a bundle that takes a third of the newest's time, for where any would do."""
    return bundles.find("website_audit", "1.0.0")


async def render(pool: RenderPool, bundle: Bundle, inputs: bytes | None = None) -> Rendering:
    inputs = inputs or canonical(sample())
    return await pool.render(bundle, inputs, identity_of(bundle, inputs))


async def until(condition: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def spent(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    return psutil.Process(pid).cpu_times().user


def many_scripts() -> bytes:
    inputs = sample()
    inputs["lead"]["name"] = "שלום 你好 🎉 мир"
    inputs["assessment_data"] = {"text": HOSTILE.replace("\ud800", "")}
    return canonical(inputs)


async def test_a_pdf_comes_with_its_digest_pages_and_log() -> None:
    async with a_pool() as pool:
        made = await render(pool, the_bundle())
    assert made.pdf.startswith(b"%PDF-1.7")
    assert made.pdf_sha256 == sha256(made.pdf).hexdigest()
    assert made.page_count > 10
    assert [line["step"] for line in made.log] == ["fill", "layout", "write"]
    assert 0 < sum(line["seconds"] for line in made.log) < made.seconds


async def test_the_bytes_are_the_same_after_other_renders_and_in_a_new_process(tmp_path: Path) -> None:
    other = a_bundle(tmp_path, "<p style='font-family: monospace'>你好 {{ lead.name }}")
    async with a_pool(2, recycle_after=2) as pool:
        digests = set()
        # In a process that has made another and is replaced then, in a fresh one, and in both that are left.
        await render(pool, other)
        for _ in range(2):
            made = await asyncio.gather(*(render(pool, the_bundle(), many_scripts()) for _ in range(2)))
            digests |= {each.pdf_sha256 for each in made}
    assert len(digests) == 1


RENDER_ONCE = """
import asyncio, sys
from tests.report_service import test_rendering_pool as here
async def main():
    async with here.a_pool() as pool:
        print((await here.render(pool, here.the_bundle(), here.many_scripts())).pdf_sha256)
asyncio.run(main())
"""

RENDER_HERE = """
from report_service.rendering import bundles
from report_service.rendering.document import make_pdf
from report_service.rendering.template import Template
from tests.report_service import test_rendering_pool as here
from hashlib import sha256
bundle, inputs = here.the_bundle(), here.many_scripts()
template = Template(bundles.read(bundle.path))
print(sha256(make_pdf(template, inputs, here.identity_of(bundle, inputs), [])[0]).hexdigest())
"""


def test_clock_zone_locale_and_hash_seed_have_no_say(tmp_path: Path) -> None:
    surroundings = [
        {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
        {"TZ": "Pacific/Auckland", "LC_ALL": "ja_JP.UTF-8", "LANG": "ja_JP.UTF-8", "PYTHONHASHSEED": "4711"},
        {"TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "LANGUAGE": "ar", "PYTHONHASHSEED": "random"},
    ]
    digests = set()
    # Through a pool that is started in such surroundings, and right in them.
    for script, places in ((RENDER_ONCE, surroundings[1:]), (RENDER_HERE, surroundings)):
        for each in places:
            environment = render_environment(tmp_path, **each)
            done = subprocess.run(
                [sys.executable, "-c", script],
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            digests.add(done.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == 64


async def test_a_killed_render_fails_alone_and_is_replaced(tmp_path: Path) -> None:
    runaway = a_bundle(tmp_path, RUNAWAY)
    async with a_pool(2) as pool:
        idle = {pid: spent(pid) for pid in pool.pids}
        doomed = asyncio.create_task(render(pool, runaway))
        await until(lambda: any(spent(pid) > idle[pid] + 0.2 for pid in idle))
        busy = max(idle, key=lambda pid: spent(pid) - idle[pid])
        healthy = asyncio.create_task(render(pool, a_quick_one()))
        os.kill(busy, signal.SIGKILL)
        with pytest.raises(RenderFailed, match="signal 9") as failure:
            await doomed
        assert failure.value.transient
        assert (await healthy).page_count > 1
        made = await asyncio.gather(*(render(pool, a_quick_one()) for _ in range(3)))
        assert {each.pdf_sha256 for each in made} == {(await healthy).pdf_sha256}
        assert busy not in pool.pids
        await until(lambda: len(pool.pids) == 2)


async def test_an_idle_process_that_was_killed_is_not_missed() -> None:
    async with a_pool() as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not psutil.pid_exists(pid))
        await asyncio.sleep(0.2)  # for the loop to notice the end
        assert (await render(pool, a_quick_one())).page_count > 1


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"wall_seconds": 0.5}, "longer than 0.5 s"),
        ({"cpu_seconds": 0}, "more than 0 s of processor time"),
    ],
)
async def test_a_runaway_template_is_stopped_at_its_limit(
    tmp_path: Path, limits: dict[str, Any], reason: str
) -> None:
    runaway = a_bundle(tmp_path, RUNAWAY)
    async with a_pool(**limits) as pool:
        before = pool.pids
        with pytest.raises(RenderFailed, match=reason) as failure:
            await render(pool, runaway)
        assert not failure.value.transient
        await until(lambda: len(pool.pids) == 1 and pool.pids != before)
        assert not any(psutil.pid_exists(pid) for pid in before)


async def test_a_template_that_eats_memory_is_stopped(tmp_path: Path) -> None:
    hungry = a_bundle(tmp_path, "{{ ('x' * 999999999) | length }}")
    async with a_pool(memory_bytes=400 * 1024 * 1024) as pool:
        with pytest.raises(RenderFailed, match="memory"):
            await render(pool, hungry)
        assert (await render(pool, a_quick_one())).page_count > 1


def test_a_pdf_that_is_too_large_to_be_handed_over_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "PDF_BYTES", 1024)
    bundle, inputs = the_bundle(), canonical(sample())
    head = {"bundle": str(bundle.path), "identity": asdict(identity_of(bundle, inputs))}
    reply, pdf = child.Renderer().answer(head, inputs)
    assert "larger than" in reply["error"]
    assert pdf == b""


async def test_a_faulty_template_fails_with_its_fault_and_keeps_its_process(tmp_path: Path) -> None:
    async with a_pool() as pool:
        before = pool.pids
        with pytest.raises(RenderFailed, match="nickname") as failure:
            await render(pool, a_bundle(tmp_path, "{{ lead.nickname }}"))
        assert not failure.value.transient
        assert pool.pids == before


async def test_a_bundle_whose_files_are_not_those_of_its_digest_is_refused(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path, "<p>True")
    (bundle.path / "report.html.j2").write_text("<p>False")
    async with a_pool() as pool:
        with pytest.raises(RenderFailed, match="digest"):
            await render(pool, bundle)


async def test_inputs_that_are_not_those_of_their_digest_are_refused() -> None:
    bundle, inputs = the_bundle(), canonical(sample())
    identity = replace(identity_of(bundle, inputs), inputs_sha256="0" * 64)
    async with a_pool() as pool:
        with pytest.raises(RenderFailed, match="digest"):
            await pool.render(bundle, inputs, identity)


async def test_processes_are_recycled_after_so_many_renders(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path, "<p>Text")
    async with a_pool(recycle_after=2) as pool:
        seen = []
        for _ in range(5):
            seen.append(next(iter(pool.pids)))
            await render(pool, bundle)
            await until(lambda: len(pool.pids) == 1 and pool._places.qsize() == 1)
    assert len(set(seen)) == 3


async def test_a_cancelled_render_gives_its_place_back(tmp_path: Path) -> None:
    runaway = a_bundle(tmp_path, RUNAWAY)
    async with a_pool() as pool:
        before = pool.pids
        task = asyncio.create_task(render(pool, runaway))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await render(pool, a_quick_one())).page_count > 1
        assert pool.pids.isdisjoint(before)


async def test_closing_ends_every_process_and_every_wait(tmp_path: Path) -> None:
    runaway = a_bundle(tmp_path, RUNAWAY)
    pool = RenderPool(1)
    await pool.start()
    pids = pool.pids
    renders = [asyncio.create_task(render(pool, runaway)) for _ in range(3)]
    await asyncio.sleep(0.2)
    await pool.close()
    for failure in await asyncio.gather(*renders, return_exceptions=True):
        assert isinstance(failure, RenderFailed)
        assert failure.transient
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert pool.pids == frozenset()
    with pytest.raises(RenderFailed, match="shut down"):
        await render(pool, runaway)


async def test_a_process_that_was_being_started_when_the_pool_closed_is_ended_too(tmp_path: Path) -> None:
    pool = RenderPool(1)
    await pool.start()
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not psutil.pid_exists(pid))
    await asyncio.sleep(0.2)  # for the loop to notice the end
    late = asyncio.create_task(render(pool, a_quick_one()))
    ours = psutil.Process()
    await until(lambda: any("rendering.child" in " ".join(each.cmdline()) for each in ours.children()))
    await pool.close()
    with pytest.raises(RenderFailed, match="shut down"):
        await late
    assert pool.pids == frozenset()
    assert not any("rendering.child" in " ".join(each.cmdline()) for each in ours.children())


async def test_a_process_that_cannot_start_says_why() -> None:
    pool = RenderPool(2, memory_bytes=30 * 1024 * 1024)
    with pytest.raises(RenderFailed, match="no render process can be started"):
        await pool.start()
    assert pool.pids == frozenset()


async def test_a_render_process_has_no_secrets_no_grpc_and_little_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPORT_DATABASE_URL", "postgresql://secret@nowhere/report")
    async with a_pool() as pool:
        (pid,) = pool.pids
        process = psutil.Process(pid)
        assert "secret" not in str(process.environ())
        assert process.memory_info().rss < 110 * 1024 * 1024
        mapped = {Path(each.path).name for each in process.memory_maps()}
        assert not any(name.startswith(("cygrpc", "_asyncpg", "collections_cy")) for name in mapped)
        assert not process.net_connections()


WORKER = """
import asyncio, sys
from report_service.rendering.pool import RenderPool
async def main():
    pool = RenderPool(2)
    await pool.start()
    print(*pool.pids, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=render_environment(tmp_path, TMPDIR=tempfile.gettempdir()),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


async def test_render_processes_do_not_outlive_a_killed_worker(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert len(pids) == 2
    assert all(psutil.pid_exists(pid) for pid in pids)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    await until(lambda: not any(_runs(pid) for pid in pids))
    left = list(Path(tempfile.gettempdir()).glob(f"leadfactory-render-{worker.pid}-*"))
    assert left
    async with a_pool():
        assert not any(folder.exists() for folder in left)


async def test_a_worker_sweeps_up_after_one_that_had_its_process_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"leadfactory-render-{os.getpid()}-0123abcd-x"
    left.mkdir()
    async with a_pool():
        (own,) = tmp_path.iterdir()
        assert own != left
        async with a_pool():
            assert own.exists()


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_worker_side_needs_neither_weasyprint_nor_jinja() -> None:
    script = (
        "import sys, json, report_service.rendering.pool;"
        "from report_service.rendering import environment; environment.describe();"
        "print(json.dumps([m for m in ('weasyprint', 'jinja2', 'fontTools', 'PIL') if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
