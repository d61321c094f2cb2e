"""What a start looks like: a live table on a terminal, plain lines anywhere else."""

import asyncio
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from deploy.local.supervisor import Child, State


class Terminal(Console):
    """A console whose reader may leave, as in `make up | head`: the stack runs on without it."""

    def __init__(self) -> None:
        """Write to standard output; long links stay in one piece."""
        super().__init__(highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


class Progress:
    """Shows each process on its way to being ready, and later every restart."""

    def __init__(self, names: list[str], console: Console | None = None) -> None:
        """Show these processes, in this order."""
        self.console = console or Terminal()
        self._began = monotonic()
        self._doing = dict.fromkeys(names, "waiting")
        self._ready: dict[str, float] = {}
        self._spinner = Spinner("dots")
        self._live: Live | None = None
        self._drawing: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the start began."""
        return monotonic() - self._began

    def begin(self) -> None:
        """Start to draw, if there is a terminal."""
        if self.console.is_terminal:
            self._live = Live(self, console=self.console, auto_refresh=False, transient=True)
            self._live.start()
            self._drawing = asyncio.create_task(self._draw(self._live))

    def end(self) -> None:
        """Leave the terminal to others; what happens from now on is told in lines."""
        if self._live is not None and self._drawing is not None:
            self._drawing.cancel()
            self._live.stop()
        self._live = None

    def doing(self, name: str, what: str) -> None:
        """Tell what a process is busy with."""
        self._doing[name] = what

    def observe(self, child: Child) -> None:
        """Take note of a process's change."""
        name = child.process.name
        match child.state:
            case State.READY if name not in self._ready:
                self._ready[name] = self.seconds
                if self._live is None:
                    self.say(f"  ready  {name:<15} after {self.seconds:.1f} s")
            case State.READY if child.restarts:
                self.say(f"{name} is back as process {child.pid}")
            case State.ENDED:
                self.say(f"{name} ended ({child.status}); starting it again, its log is {child.log}")
            case State.STARTING:
                self.doing(name, "starting")
            case _:
                pass

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)

    def __rich__(self) -> Table:
        """Return the table as it is now."""
        table = Table.grid(padding=(0, 1))
        for name, doing in self._doing.items():
            if name in self._ready:
                table.add_row(Text("✓", "green"), name, Text(f"{self._ready[name]:.1f} s", "dim"))
            else:
                table.add_row(self._spinner, name, Text(doing, "dim"))
        return table

    async def _draw(self, live: Live) -> None:
        while True:
            live.refresh()
            await asyncio.sleep(0.1)
