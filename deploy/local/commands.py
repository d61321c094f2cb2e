"""Programs that are run to their end while the stack starts."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.home import CHECKOUT, Problem

_CHILD = Path(__file__).with_name("child.py")


def supervised(
    program: Sequence[str], *, account: str | None = None, death_signal: int = signal.SIGKILL
) -> list[str]:
    """Return the command line that runs a program as a child which dies with this process."""
    launcher = [sys.executable, "-I", "-S", str(_CHILD)]
    return [*launcher, str(os.getpid()), str(int(death_signal)), account or "-", *program]


async def run(
    program: Sequence[str],
    *,
    account: str | None = None,
    environment: Mapping[str, str] | None = None,
    typed: str = "",
) -> str:
    """Return what the program printed; raises Problem with its last line if it failed."""
    process = await asyncio.create_subprocess_exec(
        *supervised(program, account=account),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=CHECKOUT,
        env=environment,
    )
    printed, complaints = await process.communicate(typed.encode())
    if process.returncode:
        lines = complaints.decode(errors="replace").strip().splitlines() or ["no message"]
        raise Problem(f"{Path(program[0]).name} failed ({process.returncode}): {lines[-1]}")
    return printed.decode()
