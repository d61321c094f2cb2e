"""Bytes that become files: a file gets its name when it is whole, and not before."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.api.httpbody_pb2 import HttpBody
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from client.failures import NoAnswer, Problem
from client.session import Session
from protos.leadfactory.report.v1.report_pb2 import DownloadReportRequest, Report
from services.errors import Unavailable

READ_BYTES = 1024 * 1024
ATTEMPTS = 5
PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Saved:
    """A file that was written."""

    path: Path
    size_bytes: int
    sha256: str
    resumed_from: int = 0
    """Bytes that an earlier attempt had left."""


def bar(session: Session) -> Progress:
    """Return a bar that counts bytes."""
    return session.output.progress(DownloadColumn(), TransferSpeedColumn())


def save(session: Session, what: str, pieces: Iterable[bytes], path: Path) -> Saved:
    """Write a stream to a file that replaces one of that name once everything has come."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    digest, size = hashlib.sha256(), 0
    try:
        with draft.open("xb") as file, bar(session) as progress:
            task = progress.add_task(what, total=None)
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                progress.update(task, completed=size)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return Saved(path, size, digest.hexdigest())


def pdf(session: Session, report: Report, path: Path) -> Saved:
    """Download a report's PDF, check it against the digest that the report states, and name it.

    What an interrupted download left is gone on from: its name bears the digest that it is to have. Raises
    Problem if what arrived is not what the report states.
    """
    if path.is_dir():
        path /= f"{report.id}.pdf"
    draft = _Draft(path.with_name(f".{path.name}.{report.pdf_sha256[:16]}.part"), report.pdf_size_bytes)
    had = draft.size
    with bar(session) as progress:
        task = progress.add_task("Downloading", total=report.pdf_size_bytes, completed=had)
        for attempt in range(1, ATTEMPTS + 1):
            if draft.size == report.pdf_size_bytes:
                break
            try:
                for body in _bodies(session, report, draft):
                    draft.append(body.data)
                    progress.update(task, completed=draft.size)
            except (NoAnswer, Unavailable):
                if attempt == ATTEMPTS:
                    session.output.note(f"{draft.size} bytes are kept: the same command goes on from there.")
                    raise
                session.pause(PAUSE_SECONDS)
    if draft.sha256 != report.pdf_sha256:
        draft.path.unlink(missing_ok=True)
        raise Problem(
            f"What arrived is not the PDF of report {report.id}: its SHA-256 is {draft.sha256}, not"
            f" {report.pdf_sha256}. Nothing was kept."
        )
    draft.path.replace(path)
    return Saved(path, draft.size, draft.sha256, had)


class _Draft:
    """What has come of a file so far, on disk, with its digest."""

    def __init__(self, path: Path, expected: int) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        if path.exists():
            with path.open("rb") as file:
                while piece := file.read(READ_BYTES):
                    self._digest.update(piece)
                    self.size += len(piece)
        if self.size > expected:
            self.restart()
        path.touch()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def restart(self) -> None:
        os.truncate(self.path, 0)
        self._digest, self.size = hashlib.sha256(), 0


def _bodies(session: Session, report: Report, draft: _Draft) -> Iterable[HttpBody]:
    """Ask for what is missing; a service that sends all of it anyway has it written from the start."""
    headers = {}
    if draft.size:
        headers = {"range": f"bytes={draft.size}-", "if-range": f'"{report.pdf_sha256}"'}

    def answered(answer: Mapping[str, str]) -> None:
        if draft.size and answer.get("http-status") != "206":
            draft.restart()

    services = session.services
    return services.stream(
        services.reports.DownloadReport,
        DownloadReportRequest(id=report.id),
        headers=headers,
        answered=answered,
    )
