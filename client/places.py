"""Where the services are: said by flags or the environment, by a profile, or found on this machine."""

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from client.failures import Misuse, Problem

CONTEXTS = ("lead", "report", "lineage")
CHECKOUT = Path(__file__).resolve().parents[1]
_ADDRESS = re.compile(r"(?:dns:///)?(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}")


@dataclass(frozen=True)
class Choice:
    """What somebody chose, all of it optional; in a profile the names are these as well."""

    address: str | None = None
    lead_address: str | None = None
    report_address: str | None = None
    lineage_address: str | None = None
    tls: bool | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    issuer: str | None = None
    client_id: str | None = None

    @property
    def names_an_address(self) -> bool:
        """Whether it says where any service is."""
        return any(
            (
                self.address,
                self.lead_address,
                self.report_address,
                self.lineage_address,
            )
        )

    def over(self, other: "Choice") -> "Choice":
        """Return this choice, and the other one's where this one says nothing."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return Choice(
            **{name: getattr(other, name) if value is None else value for name, value in own.items()}
        )


@dataclass(frozen=True)
class Place:
    """One installation, and how to talk to it."""

    name: str
    """What its login is kept under: no login is ever sent to another place."""
    addresses: Mapping[str, str]
    """``host:port`` of each service, by context."""
    tls: bool
    ca_file: Path | None = None
    certificate_file: Path | None = None
    """Shown, with its key, where services want to see one."""
    key_file: Path | None = None
    issuer: str = ""
    client_id: str = "leadfactory-cli"
    home: Path | None = field(default=None)
    """The folder of a stack on this machine."""


def find(chosen: Choice, profile: str | None, home: Path | None) -> Place:
    """Return the place that is meant; raises Problem or Misuse, which say how to name one.

    A profile that is named comes first, then addresses, then the profile that the configuration names as
    usual, then the stack on this machine. Flags change single points of a profile.
    """
    if profile is None and not chosen.names_an_address and home is None:
        profile = _configuration().get("profile")
    if profile is not None:
        return _place(f"profile {profile}", chosen.over(_profile(profile)))
    if chosen.names_an_address:
        named = [
            getattr(chosen, each)
            for each in (
                "address",
                *(f"{context}_address" for context in CONTEXTS),
            )
        ]
        return _place(" ".join(filter(None, named)), chosen)
    return _local(chosen, home or Path(os.environ.get("LEADFACTORY_HOME") or CHECKOUT / ".leadfactory"))


def configuration_file() -> Path:
    """Return where profiles are kept."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "leadfactory" / "config.toml"


def _configuration() -> dict[str, Any]:
    path = configuration_file()
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(f"{path} is not TOML: {error}.") from None


def _profile(name: str) -> Choice:
    profiles = _configuration().get("profiles", {})
    if not isinstance(profiles, dict) or not isinstance(profiles.get(name), dict):
        known = ", ".join(profiles) if isinstance(profiles, dict) and profiles else "none"
        raise Misuse(
            f"There is no profile {name!r} in {configuration_file()} (known: {known}): add [profiles.{name}]."
        )
    values: dict[str, Any] = {}
    for key, value in profiles[name].items():
        expected = bool if key == "tls" else str
        if key not in {each.name for each in fields(Choice)} or not isinstance(value, expected):
            raise Misuse(
                f"{configuration_file()}: {key} in [profiles.{name}] must be one of"
                f" {', '.join(each.name for each in fields(Choice))}; tls is true or false, the rest text."
            )
        values[key] = Path(str(value)).expanduser() if key.endswith("_file") else value
    return Choice(**values)


def _place(name: str, chosen: Choice) -> Place:
    addresses: dict[str, str] = {}
    hosts = []
    for context in CONTEXTS:
        address = getattr(chosen, f"{context}_address") or chosen.address
        if not address:
            raise Misuse(
                f"The {context} service has no address in {name}: give --{context}-address,"
                " or --address if all services answer at one."
            )
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise Misuse(f"{address!r} is no address of the {context} service: write host:port.")
        addresses[context] = address
        hosts.append(match["host"])
    return Place(
        name,
        addresses,
        # A token that leaves this machine is encrypted, unless somebody said that it need not be.
        tls=chosen.tls if chosen.tls is not None else not all(map(_is_loopback, hosts)),
        ca_file=chosen.ca_file,
        certificate_file=chosen.certificate_file,
        key_file=chosen.key_file,
        issuer=chosen.issuer or "",
        client_id=chosen.client_id or Place.client_id,
    )


def _local(chosen: Choice, home: Path) -> Place:
    home = home.expanduser().absolute()
    try:
        found = json.loads((home / "run" / "endpoints.json").read_bytes())["grpc"]
        addresses = {context: str(found[context]) for context in CONTEXTS}
    except FileNotFoundError:
        raise Problem(
            f"Nothing was started in {home} yet: run `make up`, or say where the services are"
            " with --profile or --address."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Problem(f"{home}/run/endpoints.json cannot be read: start the stack again.") from None
    return Place(
        f"home {home}",
        addresses,
        tls=bool(chosen.tls),
        ca_file=chosen.ca_file,
        certificate_file=chosen.certificate_file,
        key_file=chosen.key_file,
        home=home,
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
