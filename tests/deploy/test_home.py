"""Promise: one home is one stack, and whoever starts a second one is told in one line what to do."""

import random
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local.__main__ import main
from deploy.local.home import CHECKOUT, Home, Problem, write_once
from deploy.local.ports import LOOPBACK, gateway_port, reserved


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


def test_reserved_ports_differ_and_are_free() -> None:
    with reserved(17) as ports:
        assert len(set(ports)) == 17
        servers = [socket.create_server((LOOPBACK, port)) for port in ports]
        for server in servers:
            server.close()


def test_a_port_whose_process_is_being_restarted_is_not_given_to_another_stack() -> None:
    with ExitStack() as stacks:
        given = [port for _ in range(50) for port in stacks.enter_context(reserved(17))]
    assert len(set(given)) == len(given)


def test_what_was_reserved_is_free_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    with reserved(1) as (port,):
        pass
    monkeypatch.setattr(random, "sample", lambda *_: [port - 1])
    with reserved(1) as again:
        assert again == [port]
        with pytest.raises(Problem, match="ports are free"), reserved(1):
            pass


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
