"""The folder that holds everything one local stack owns; deleting it deletes the stack."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parents[2]


class Problem(Exception):
    """Something that the person at the terminal can put right; its text is one line that says how."""


@dataclass(frozen=True)
class Home:
    """Where things are. Only ``postgres`` and ``logs`` are open to the database's own account."""

    path: Path

    @classmethod
    def from_environment(cls) -> Self:
        """Name ``LEADFACTORY_HOME``, by default ``.leadfactory`` in the checkout."""
        return cls(Path(os.environ.get("LEADFACTORY_HOME") or CHECKOUT / ".leadfactory").absolute())

    def create(self) -> None:
        """Make the folders that are missing, closed to other people."""
        private = (
            self.keys,
            self.run,
            self.tokens,
            self.logins,
            self.logs,
            self.objects,
            self.checkpoints,
            self.demo,
        )
        try:
            # Started as root, the database runs as an account of its own, which must get through here.
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            for each in private:
                each.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Problem(
                f"{self.path} cannot be used ({error.strerror}): set LEADFACTORY_HOME to a folder of yours."
            ) from None

    @property
    def postgres(self) -> Path:
        """The database cluster."""
        return self.path / "postgres"

    @property
    def keys(self) -> Path:
        """Signing keys, their public sets, and database passwords."""
        return self.path / "keys"

    @property
    def run(self) -> Path:
        """What is true only while the stack runs: process ids, addresses, tokens."""
        return self.path / "run"

    @property
    def tokens(self) -> Path:
        """Each process's own token."""
        return self.run / "tokens"

    @property
    def logins(self) -> Path:
        """Bearer tokens to be had for one-time login links."""
        return self.run / "login"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.path / "logs"

    @property
    def objects(self) -> Path:
        """The PDFs, content-addressed."""
        return self.path / "objects"

    @property
    def checkpoints(self) -> Path:
        """Signed checkpoints of logs, beside the database; worth a copy on another machine."""
        return self.path / "checkpoints"

    @property
    def demo(self) -> Path:
        """Copies of the PDFs that `make demo` made."""
        return self.path / "demo"

    @property
    def endpoints(self) -> Path:
        """JSON: the address of everything, with the database's superuser."""
        return self.run / "endpoints.json"

    def read_endpoints(self) -> dict[str, Any]:
        """Return the addresses of the stack that was last started here; raises Problem if none was."""
        try:
            found: dict[str, Any] = json.loads(self.endpoints.read_bytes())
        except FileNotFoundError:
            raise Problem(f"Nothing was started in {self.path} yet: run `make up` first.") from None
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one stack of this home; raises Problem if there is one already.

        The kernel drops the lock with the process, however it ends.
        """
        with os.fdopen(os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Problem(
                    f"LeadFactory is already running in {self.path} (process {lock.read().strip()}): "
                    "stop that one first, or set LEADFACTORY_HOME to another folder."
                ) from None
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def is_running(self) -> bool:
        """Return whether a stack holds this home."""
        try:
            with (self.run / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False


def write_private(path: Path, content: str | bytes) -> None:
    """Replace a file by one that only its owner reads; a reader sees the old one or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _create_private(draft, content)
    draft.rename(path)


def write_once(path: Path, content: str | bytes) -> bytes:
    """Return what the file holds, after creating it with this content if nobody has before."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        _create_private(draft, content)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


def _create_private(path: Path, content: str | bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
