"""Logins on this machine: one for each place, in a file that its owner alone reads."""

import base64
import binascii
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from client.failures import Problem

# A token that is about to expire would do so on its way.
SPARE_SECONDS = 10.0


@dataclass(frozen=True)
class Login:
    """A bearer token, and what is needed to renew it."""

    token: str
    expires_at: float | None = None
    """Unix time in seconds; None if nobody said."""
    refresh_token: str = ""
    issuer: str = ""
    client_id: str = ""

    def __repr__(self) -> str:
        """Show nothing that would let anybody in."""
        return f"Login(expires_at={self.expires_at})"

    @classmethod
    def of(cls, token: str) -> "Login":
        """Return the login that a token alone makes; raises Problem if it can be none."""
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Problem("That is no token: one line of letters, digits, dots, dashes and underscores.")
        return cls(token, claims(token).get("exp"))

    @property
    def has_expired(self) -> bool:
        """Whether it is of no use any more."""
        return self.expires_at is not None and self.expires_at < time.time() + SPARE_SECONDS


class Credentials:
    """The file of logins."""

    def __init__(self, path: Path | None = None) -> None:
        """Name the file; by default in the directory for state (XDG)."""
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        self.path = path or Path(base) / "leadfactory" / "credentials.json"

    def get(self, place: str) -> Login | None:
        """Return the login at a place; raises Problem if the file is open to others."""
        found = self._read().get(place)
        try:
            return None if found is None else Login(**found)
        except TypeError:
            raise self._broken() from None

    def put(self, place: str, login: Login) -> None:
        """Keep a login instead of the one before."""
        self._write(self._read() | {place: asdict(login)})

    def forget(self, place: str) -> bool:
        """Remove a login; returns whether there was one."""
        logins = self._read()
        if logins.pop(place, None) is None:
            return False
        self._write(logins)
        return True

    def _read(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise Problem(
                        f"Others can read {self.path}: run `chmod 600 {self.path}`, then log in anew."
                    )
                found = json.load(file)
        except FileNotFoundError:
            return {}
        except ValueError:
            raise self._broken() from None
        if not isinstance(found, dict):
            raise self._broken()
        return found

    def _broken(self) -> Problem:
        return Problem(f"{self.path} cannot be read: remove it, and log in again.")

    def _write(self, logins: dict[str, Any]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(logins, file)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)


def claims(token: str) -> dict[str, Any]:
    """Return what a JSON Web Token says, without believing it; nothing for any other token."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}
