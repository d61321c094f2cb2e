"""One run of the command line: where it talks to, as whom, and where it prints."""

import os
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import grpc
import typer

from client import calls, places
from client.calls import Services
from client.credentials import Credentials, Login
from client.failures import Problem
from client.output import Output
from client.places import Choice, Place

TOKEN = "LEADFACTORY_TOKEN"  # noqa: S105 - the name of a variable


class Session:
    """What every command works with. Places and channels are looked for when a command needs them."""

    def __init__(self, connect: Callable[[Place], Mapping[str, grpc.Channel]] = calls.open_channels) -> None:
        """Take what opens the channels."""
        self.output = Output()
        self.choice = Choice()
        self.profile: str | None = None
        self.home: Path | None = None
        self.credentials = Credentials()
        self.interrupted = threading.Event()
        self._connect = connect

    @staticmethod
    def of(context: typer.Context) -> "Session":
        """Return the session that a command runs in."""
        session = context.find_object(Session)
        assert session is not None
        return session

    @cached_property
    def place(self) -> Place:
        """Where the services are; raises Problem if nobody says."""
        return places.find(self.choice, self.profile, self.home)

    @cached_property
    def services(self) -> Services:
        """The services there."""
        return Services(self._connect(self.place), self.bearer, self.interrupted)

    def bearer(self) -> str:
        """Return the token to call with, renewed if need be; raises Problem, with what to do, without one."""
        if given := os.environ.get(TOKEN):
            if Login.of(given).has_expired:
                raise Problem(f"The token in {TOKEN} has expired: set a new one.")
            return given.strip()
        login = self.credentials.get(self.place.name)
        if login is None:
            raise Problem(f"You are not logged in at {self.place.name}: run `leadfactory login`.")
        if login.has_expired:
            login = self._renewed(login)
        return login.token

    def pause(self, seconds: float) -> None:
        """Do nothing for a while; raises KeyboardInterrupt as soon as the session is interrupted."""
        if self.interrupted.wait(seconds):
            raise KeyboardInterrupt

    def interrupt(self) -> None:
        """Have what is under way end with KeyboardInterrupt; called by another thread than the command's."""
        self.interrupted.set()
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        if "services" in self.__dict__:
            self.services.close()

    def _renewed(self, login: Login) -> Login:
        if not login.refresh_token:
            raise Problem("Your login has expired: run `leadfactory login`.")
        # An HTTP client is much to load for the many calls that need none.
        from client.device import Issuer

        with Issuer(login.issuer, login.client_id) as issuer:
            renewed = issuer.renew(login.refresh_token)
        self.credentials.put(self.place.name, renewed)
        return renewed
