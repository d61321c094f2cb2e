"""What runs in a home, as its pid files and the kernel tell."""

from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.home import Home
from deploy.local.processes import NAMES


def report(home: Home) -> int:
    """Print each process with its pid and memory; returns 0 if all of them run, otherwise 3."""
    console = Console(highlight=False, soft_wrap=True)
    if not home.is_running():
        console.print(f"LeadFactory is not running in {home.path}.", markup=False)
        return 3
    table = Table("process", "pid", "resident MB", "proportional MB", box=None)
    alive = 0
    for name in NAMES:
        pids = _tree(_pid(home.run / f"{name}.pid"))
        alive += bool(pids)
        resident, proportional = (sum(_megabytes(pid, field) for pid in pids) for field in ("Rss", "Pss"))
        table.add_row(name, str(pids[0]) if pids else "-", f"{resident:.0f}", f"{proportional:.0f}")
    console.print(table)
    console.print(f"gateway: {home.read_endpoints()['gateway']['url']}", markup=False)
    return 0 if alive == len(NAMES) else 3


def _pid(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        pid = int(path.read_text())
        if Path(f"/proc/{pid}").exists():
            return pid
    return None


def _tree(pid: int | None) -> list[int]:
    """Return a process and its descendants."""
    if pid is None:
        return []
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    return found


def _megabytes(pid: int, field: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0
