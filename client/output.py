"""What is printed: tables for people, JSON for programs, and messages beside both.

Standard output holds the answer and nothing else; whatever is said about it goes to standard error.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# Wide enough that nothing is cut for a program that reads tables.
UNBOUNDED_COLUMNS = 10_000
_STYLES = {
    "COMPLETED": "green", "RECORDED": "green", "GENUINE": "green", "CREATED": "green", "intact": "green",
    "FAILED": "red", "ALTERED": "red", "UNKNOWN": "yellow", "CANCELLED": "yellow", "UNREACHABLE": "yellow",
    "DELETED": "red", "damaged": "red", "RUNNING": "cyan", "IN_PROGRESS": "cyan", "QUEUED": "cyan",
    "PENDING": "cyan", "identical": "green", "different": "yellow",
}  # fmt: skip


class Output:
    """Where one command prints to."""

    def __init__(self) -> None:
        """Print for people until told otherwise."""
        self.as_json = False
        self.people = Console(highlight=False)
        if not self.people.is_terminal:
            self.people.width = UNBOUNDED_COLUMNS
        self.messages = Console(stderr=True, highlight=False, soft_wrap=True)

    def document(self, answer: Message | Mapping[str, Any], *shown: RenderableType) -> None:
        """Print the one answer of a command: as JSON, or as it is shown to people."""
        if self.as_json:
            _write(json.dumps(_plain(answer), indent=2 if sys.stdout.isatty() else None))
            return
        if self.people.is_terminal:
            self.people.print(*shown, sep="\n")
            return
        with self.people.capture() as captured:
            self.people.print(*shown, sep="\n")
        # What fills a terminal's lines up is no use in a file.
        sys.stdout.writelines(f"{each.rstrip()}\n" for each in captured.get().splitlines())

    def event(self, answer: Message | Mapping[str, Any], shown: RenderableType | None) -> None:
        """Print one of many answers at once: as a line of JSON (NDJSON), or as a line for people."""
        if self.as_json:
            _write(json.dumps(_plain(answer)))
        elif shown is not None:
            self.people.print(shown)

    def note(self, text: str) -> None:
        """Tell people something about the answer."""
        self.messages.print(safe(text))

    def error(self, text: str) -> None:
        """Tell people why there is no answer."""
        line = Text("error: ", "bold red")
        self.messages.print(line.append(safe(" ".join(text.split())), "default not bold"))

    def progress(self, *columns: Any) -> Progress:
        """Return a bar that is drawn on a terminal, and nowhere else, and leaves nothing behind."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            *columns,
            TimeRemainingColumn(),
            console=self.messages,
            transient=True,
            disable=not self.messages.is_terminal,
        )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Lay rows out under headings; what is widest is cut first, the column that names each row last."""
    laid = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        laid.add_column(column, no_wrap=not number, overflow="ellipsis")
    for row in rows:
        laid.add_row(*map(_uncut, row))
    return laid


def _uncut(text: str) -> Text:
    made = cell(text)
    # Of a column that may be wrapped, the table shares the width out; its cells stay on one line even so.
    made.no_wrap = True
    return made


def line(texts: Sequence[str], widths: Sequence[int] = ()) -> Text:
    """Put texts beside each other in one line; those that have a width are padded to it."""
    joined = Text()
    for number, text in enumerate(texts):
        padded = cell(text)
        if number < len(widths):
            padded.pad_right(max(0, widths[number] - len(padded)))
        joined.append_text(padded).append("  ")
    joined.rstrip()
    return joined


def details(pairs: Iterable[tuple[str, str]]) -> Table:
    """Lay out what one thing is, a name and a value a line; what is empty is left out."""
    laid = Table.grid(padding=(0, 2))
    laid.add_column(style="dim", no_wrap=True)
    laid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            laid.add_row(name, cell(value))
    return laid


def cell(text: str) -> Text:
    """Return text that is printed as it is, coloured if it is a state that has a colour."""
    return Text(safe(text), _STYLES.get(text, ""))


def safe(text: str) -> str:
    """Show every character that a terminal would obey, or that turns text around, by its number."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
        for char in text
    )


def moment(at: Timestamp) -> str:
    """Return a time as people and programs read it, in UTC; nothing for none."""
    if not at.seconds and not at.nanos:
        return ""
    return at.ToDatetime(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def size(count: float) -> str:
    """Return a number of bytes with its unit."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _plain(answer: Message | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(answer, Message):
        return MessageToDict(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    return answer


def _write(line: str) -> None:
    """Write a line of JSON, which is ASCII, so that no terminal and no locale can spoil it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
