"""Promise: `deploy.local token` prints a bearer that services accept; its secrets are the owner's alone."""

import hashlib
import json
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from deploy.local import keys
from deploy.local.__main__ import main
from deploy.local.home import CHECKOUT, Home
from services.settings import ServiceSettings
from services.tokens import TokenVerifier


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("LEADFACTORY_HOME", str(tmp_path / "home"))
    made = Home.from_environment()
    made.create()
    return made


def verifier(home: Home) -> TokenVerifier:
    return TokenVerifier.from_settings(
        ServiceSettings(
            identity_issuer=keys.people(home).name,
            identity_jwks=str(keys.people(home).key_set),
            workload_issuer=keys.workloads(home).name,
            workload_jwks=str(keys.workloads(home).key_set),
        )
    )


@pytest.mark.parametrize("role", keys.ROLES)
async def test_the_printed_token_is_believed_by_every_service(
    home: Home, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    assert main(["token", "--role", role, "--subject", "ada"]) == 0
    principal = await verifier(home).verify(capsys.readouterr().out.strip())
    assert (principal.subject, principal.roles, principal.workload) == ("ada", {role}, None)


def test_the_token_is_all_that_is_printed_and_lasts_twelve_hours(home: Home) -> None:
    command = [sys.executable, "-m", "deploy.local", "token", "--role", "viewer"]
    environment = {"LEADFACTORY_HOME": str(home.path), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""
    key_set = KeySet.import_key_set(json.loads(keys.people(home).key_set.read_text()))
    claims = jwt.decode(ran.stdout.strip(), key_set).claims
    assert set(claims) == {"iss", "aud", "sub", "roles", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 12 * 3600


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "root"],
        ["--role", "Admin"],
        ["--role", "viewer", "--subject", "system:lead"],
        ["--role", "viewer", "--subject", "line\nbreak"],
    ],
)
def test_a_wrong_request_for_a_token_is_answered_with_one_line(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["token", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1


def test_keys_are_made_once(home: Home) -> None:
    assert keys.people(home).key.thumbprint() == keys.people(home).key.thumbprint()
    assert keys.people(home).key.thumbprint() != keys.workloads(home).key.thumbprint()


def test_only_the_public_half_is_in_the_key_sets(home: Home) -> None:
    for issuer in (keys.people(home), keys.workloads(home)):
        (key,) = json.loads(issuer.key_set.read_text())["keys"]
        assert "d" not in key


def test_nobody_else_reads_what_is_secret(home: Home) -> None:
    keys.write_workload_tokens(home, ["lead"])
    keys.make_login(home)
    keys.people(home)
    for folder in (home.keys, home.run, home.tokens, home.logins):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for secret in (*home.keys.iterdir(), *home.tokens.iterdir(), *home.logins.iterdir()):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


async def test_each_process_has_a_token_of_its_own(home: Home) -> None:
    keys.write_workload_tokens(home, ["lead", "report-worker"])
    token = keys.workload_token_file(home, "report-worker").read_text()
    assert (await verifier(home).verify(token)).subject == "system:report-worker"


async def test_a_login_is_kept_under_its_digest_and_forgotten_after_an_hour(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = keys.make_login(home)
    (login,) = home.logins.iterdir()
    assert login.name == hashlib.sha256(secret.encode()).hexdigest()
    assert (await verifier(home).verify(login.read_text())).roles == {"admin"}
    keys.forget_old_logins(home)
    assert login.exists()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + keys.LOGIN_SECONDS + 1)
    keys.forget_old_logins(home)
    assert not login.exists()
