"""The command line as a process: help, wrong usage, and that nobody ever sees a traceback."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from client import calls
from client.app import app
from client.command import run
from client.places import CHECKOUT
from client.session import Session
from protos.leadfactory.lead.v1.lead_pb2 import ListLeadsResponse
from tests.client.conftest import Stage


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


ALL = dict(commands(get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_a_sentence_an_example_that_parses_and_json(path: tuple[str, ...]):
    command = ALL[path]
    assert command.help
    assert command.help.partition("\n")[0].rstrip().endswith((".", ","))
    assert "--json" in {name for each in command.params for name in each.opts}
    example = command.epilog.removeprefix("Example: leadfactory ").partition(" | ")[0].split()
    assert tuple(example[: len(path)]) == path
    # Raises what a wrong command line would.
    command.make_context("example", example[len(path) :], obj=Session())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_printed_and_ends_with_zero(stage: Stage, path: tuple[str, ...]):
    ran = stage.run(*path, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert "Example: leadfactory" in ran.out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["leads", "lst"], ["--nonsense"], ["leads", "list", "--limit", "-1"],
                  ["leads", "list", "--created-after", "yesterday"], ["leads", "show", "1"],
                  ["leads", "list", "--look-up", "done"], ["verify", "x.zip"], ["lead"]]
)  # fmt: skip
def test_wrong_usage_is_one_line_that_says_where_to_read(stage: Stage, arguments: list[str]):
    ran = stage.run(*arguments)
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert re.search(r"[.?] See `leadfactory.* --help`\.$", ran.err.strip())
    assert not re.search(r"[.?]\. See", ran.err)


def test_a_service_that_is_not_there_is_one_line_and_only_reads_are_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("LEADFACTORY_ADDRESS", f"127.0.0.1:{nobody.getsockname()[1]}")
        assert run(["leads", "list", "--json"], Session()) == 1
    reads = set(calls.reads())
    assert ("leadfactory.lead.v1.LeadService", "ListLeads") in reads
    assert not {"QuickAddLead", "ImportLeads", "GenerateReport", "LookupPdf"} & {
        method for _, method in reads
    }


def test_what_nobody_expected_is_one_line_too(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("client.session.places.find", broken)
    ran = stage.run("leads", "list")
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
    assert "ZeroDivisionError: division by zero" in ran.err


def test_the_launcher_runs_from_any_folder_and_through_links(environment: dict[str, str], tmp_path: Path):
    if not (CHECKOUT / ".venv").exists():
        pytest.skip("the launcher wants the checkout's own environment")
    (tmp_path / "client").mkdir()
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "leadfactory"
    link.symlink_to(CHECKOUT / "client" / "leadfactory")
    ran = subprocess.run(
        [str(link), "--profile", "none", "leads", "list"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "There is no profile 'none'" in ran.stderr


def test_completion_is_offered(stage: Stage):
    ran = stage.run("--help")
    assert "--install-completion" in ran.out
    assert isinstance(app, typer.Typer)


def test_a_list_read_by_a_program_has_no_colours_and_is_not_cut(stage: Stage):
    long = "x" * 200
    page = ListLeadsResponse()
    page.leads.add(id="1", email=f"{long}@example.org", name="[bold]not markup[/bold]")
    ran, _ = stage.answer("leads", "list", LeadService_ListLeads=page)
    assert long in ran.out
    assert "[bold]not markup[/bold]" in ran.out
    assert "\x1b" not in ran.out
    ran, _ = stage.answer("leads", "list", "--json", LeadService_ListLeads=page)
    assert json.loads(ran.out)["leads"][0]["name"] == "[bold]not markup[/bold]"
