"""Promise: what dies is started again, at once the first time; a stop ends everything, in order, in time.

The processes are real and small; only their number and purpose differ from the product's.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from deploy.local.home import CHECKOUT, Problem
from deploy.local.processes import Process
from deploy.local.supervisor import HOPELESS_FAILURES, Child, State, Supervisor, restart_delay

PATIENCE = 30.0


async def always() -> bool:
    return True


def shell(
    name: str, script: str, *, stop_order: int = 0, probe: Callable[[], Awaitable[bool]] = always
) -> Process:
    return Process(name, ["sh", "-c", script], dict(os.environ), probe, stop_order)


async def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.02)


class Watched(Supervisor):
    """A supervisor that remembers every change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes: list[tuple[str, State]] = []
        super().__init__(folder, folder, self.note)

    def note(self, child: Child) -> None:
        self.changes.append((child.process.name, child.state))

    def pid(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text())


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    yield made
    await made.stop()


async def test_a_killed_process_is_started_again_and_its_pid_file_follows(supervisor: Watched) -> None:
    child = supervisor.start(shell("sleeper", "exec sleep 1000"))
    await child.ready()
    first = supervisor.pid("sleeper")
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: supervisor.pid("sleeper") != first)
    await eventually(lambda: child.state is State.READY)
    await eventually(lambda: psutil.Process(supervisor.pid("sleeper")).cmdline() == ["sleep", "1000"])
    assert child.status == "signal 9"


def test_the_first_restart_is_immediate_and_the_pause_grows_to_five_seconds() -> None:
    assert [restart_delay(failures) for failures in range(8)] == [0, 0.25, 0.5, 1, 2, 4, 5, 5]


async def test_a_process_that_never_becomes_ready_is_given_up_with_its_last_words(
    supervisor: Watched,
) -> None:
    async def never() -> bool:
        return False

    child = supervisor.start(shell("broken", "echo libpango is missing; exit 3", probe=never))
    with pytest.raises(Problem, match=r"broken does not start \(exit 3\): libpango is missing"):
        await child.ready()
    assert supervisor.changes.count(("broken", State.ENDED)) == HOPELESS_FAILURES


async def test_what_a_killed_process_leaves_behind_is_ended_too(supervisor: Watched, tmp_path: Path) -> None:
    child = supervisor.start(
        shell("parent", "sleep 1000 & echo $! > left; wait".replace("left", f"{tmp_path}/left"))
    )
    await child.ready()
    await eventually(lambda: (tmp_path / "left").exists() and (tmp_path / "left").read_text().strip())
    left = int((tmp_path / "left").read_text())
    os.kill(supervisor.pid("parent"), signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == "zombie")


async def test_those_that_call_are_stopped_before_those_that_are_called(supervisor: Watched) -> None:
    trap = "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done"
    for name, order in (("database", 2), ("service", 1), ("gateway", 0)):
        await supervisor.start(shell(name, trap, stop_order=order)).ready()
    await supervisor.stop()
    stopped = [name for name, state in supervisor.changes if state is State.STOPPED]
    assert stopped == ["gateway", "service", "database"]
    assert not list(supervisor.folder.glob("*.pid"))


async def test_a_process_that_ignores_the_request_is_ended_by_force(
    supervisor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.supervisor.STOP_SECONDS", 0.2)
    child = supervisor.start(shell("stubborn", "trap '' TERM; while :; do sleep 0.05; done"))
    await child.ready()
    pid = supervisor.pid("stubborn")
    await asyncio.sleep(0.2)  # let the shell set its trap
    await supervisor.stop()
    assert not psutil.pid_exists(pid)
    assert child.state is State.STOPPED


async def test_a_stop_ends_a_process_that_waits_to_be_restarted(supervisor: Watched) -> None:
    child = supervisor.start(shell("failing", "exit 1"))
    await eventually(lambda: child.restarts >= 3)
    await supervisor.stop()
    assert child.state is State.STOPPED


async def test_a_large_log_is_kept_aside_and_begun_anew(
    supervisor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.supervisor.LARGEST_LOG_BYTES", 100)
    child = supervisor.start(
        shell("talker", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaa; sleep 0.01; done")
    )
    await eventually(lambda: child.log.exists() and child.log.stat().st_size > 200)
    supervisor.trim_logs()
    assert child.log.with_suffix(".log.1").stat().st_size > 200
    await eventually(lambda: child.log.stat().st_size > 30)
    assert b"\0" not in child.log.read_bytes()


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, os
from pathlib import Path
from deploy.local.processes import Process
from deploy.local.supervisor import Supervisor

async def ready(): return Path({str(tmp_path)!r}, "sleeper.pid").exists()

async def main():
    folder = Path({str(tmp_path)!r})
    supervisor = Supervisor(folder, folder, lambda child: None)
    child = supervisor.start(Process("sleeper", ["sleep", "1000"], dict(os.environ), ready))
    await child.ready()
    print(child.pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
    child.wait(PATIENCE)
    assert not child.is_running()
