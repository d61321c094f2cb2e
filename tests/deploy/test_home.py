"""Promise: one home is one stack, and whoever starts a second one is told in one line what to do."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.__main__ import main
from deploy.local.home import CHECKOUT, Home, Problem, write_once
from deploy.local.ports import LOOPBACK, choose_free, gateway_port


def command(home: Home, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = {"LEADFACTORY_HOME": str(home.path), "PATH": "/usr/bin:/bin", **environment}
    program = [sys.executable, "-m", "deploy.local", *arguments]
    return subprocess.run(
        program, cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=False
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_a_home_that_is_in_use_is_refused_in_one_line(home: Home) -> None:
    with home.lock():
        assert home.is_running()
        refused = command(home, "up")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "already running" in refused.stderr
    assert not home.is_running()


def test_a_taken_port_is_refused_in_one_line_that_names_the_setting(home: Home) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        refused = command(home, "up", LEADFACTORY_PORT=str(taken.getsockname()[1]))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "LEADFACTORY_PORT" in refused.stderr
    assert not home.is_running()


@pytest.mark.parametrize("setting", ["http", "-1", "65536", "80 80", "٣"])
def test_a_setting_that_is_no_port_is_refused(setting: str) -> None:
    with pytest.raises(Problem, match="LEADFACTORY_PORT"):
        gateway_port(setting)


def test_any_free_port_is_taken_for_zero() -> None:
    assert 1024 < gateway_port("0") < 65536


def test_chosen_ports_differ_and_are_free() -> None:
    ports = choose_free(15)
    assert len(set(ports)) == 15
    servers = [socket.create_server((LOOPBACK, port)) for port in ports]
    for server in servers:
        server.close()


def test_a_login_link_needs_a_stack_to_log_in_to(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEADFACTORY_HOME", str(home.path))
    assert main(["login"]) == 1
    assert "make up" in capsys.readouterr().err
    assert main(["status"]) == 3


def test_what_is_written_once_is_never_replaced(home: Home) -> None:
    assert write_once(home.keys / "secret", "first") == b"first"
    assert write_once(home.keys / "secret", "second") == b"first"
    assert [path.name for path in home.keys.iterdir()] == ["secret"]
