"""Where the command line finds the services, and what it says if it cannot."""

import json
from pathlib import Path

import pytest

from client import places
from client.failures import Misuse, Problem
from client.places import Choice

PROFILES = """
profile = "usual"
[profiles.usual]
address = "leads.example.com:443"
issuer = "https://login.example.com"
[profiles.three]
lead_address = "10.0.0.1:1"
report_address = "10.0.0.2:2"
lineage_address = "10.0.0.3:3"
tls = false
"""


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "leadfactory" / "config.toml"
    path.parent.mkdir()
    path.write_text(PROFILES)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "run").mkdir(parents=True)
    grpc = {"lead": "127.0.0.1:11", "report": "127.0.0.1:12", "lineage": "127.0.0.1:13"}
    (tmp_path / "home" / "run" / "endpoints.json").write_text(json.dumps({"grpc": grpc}))
    return tmp_path / "home"


def test_the_usual_profile_is_taken_if_nothing_is_said():
    place = places.find(Choice(), None, None)
    assert (place.name, set(place.addresses.values())) == ("profile usual", {"leads.example.com:443"})
    assert (place.tls, place.issuer, place.client_id) == (
        True,
        "https://login.example.com",
        "leadfactory-cli",
    )


def test_a_profile_that_is_named_comes_before_a_home_and_flags_change_single_points(home: Path):
    place = places.find(Choice(lead_address="10.0.0.9:9"), "three", home)
    assert dict(place.addresses) == {"lead": "10.0.0.9:9", "report": "10.0.0.2:2", "lineage": "10.0.0.3:3"}
    assert (place.tls, place.home) == (False, None)


def test_a_stack_on_this_machine_is_found_by_its_home(home: Path):
    place = places.find(Choice(), None, home)
    assert (place.addresses["lineage"], place.tls, place.home) == ("127.0.0.1:13", False, home)


def test_without_any_choice_the_home_of_the_environment_is_looked_at(
    home: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch
):
    configuration.unlink()
    monkeypatch.setenv("LEADFACTORY_HOME", str(home))
    assert places.find(Choice(), None, None).home == home


@pytest.mark.parametrize(
    ("address", "tls"),
    [("127.0.0.1:1", False), ("localhost:1", False), ("[::1]:1", False), ("dns:///leads.test:1", True)],
)
def test_what_leaves_this_machine_is_encrypted(address: str, tls: bool):
    assert places.find(Choice(address=address), None, None).tls is tls
    assert places.find(Choice(address=address, tls=False), None, None).tls is False


@pytest.mark.parametrize("address", ["leads.example.com", "http://leads.example.com:80", "a b:1", ":1"])
def test_an_address_without_host_or_port_is_wrong_usage(address: str):
    with pytest.raises(Misuse, match="write host:port"):
        places.find(Choice(address=address), None, None)


def test_a_service_without_an_address_is_named():
    with pytest.raises(Misuse, match="--report-address"):
        places.find(Choice(lead_address="127.0.0.1:1"), None, None)


@pytest.mark.parametrize(
    "text", ["[profiles.x]\nadress = 'a:1'", "[profiles.x]\ntls = 'yes'", "[profiles.x]\naddress = 1"]
)
def test_a_profile_with_an_unknown_or_wrong_key_is_refused(configuration: Path, text: str):
    configuration.write_text(text)
    with pytest.raises(Misuse, match="must be one of address, lead_address"):
        places.find(Choice(), "x", None)


def test_a_profile_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(Misuse, match="known: usual, three"):
        places.find(Choice(), "none", None)


def test_a_configuration_that_is_no_toml_is_named(configuration: Path):
    configuration.write_text("[")
    with pytest.raises(Problem, match=r"config\.toml is not TOML"):
        places.find(Choice(), None, None)


def test_a_home_that_was_never_started_says_what_to_do(tmp_path: Path):
    with pytest.raises(Problem, match="make up"):
        places.find(Choice(), None, tmp_path)


def test_an_unreadable_home_says_what_to_do(home: Path):
    (home / "run" / "endpoints.json").write_text("{}")
    with pytest.raises(Problem, match="start the stack again"):
        places.find(Choice(), None, home)
