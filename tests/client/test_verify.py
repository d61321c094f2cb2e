"""`leadfactory verify` says of real evidence what the verifier says, with neither service nor login."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests.client.conftest import Stage
from tests.fixtures.evidence import SIGNER
from tests.fixtures.postgres import TestDatabase


@pytest.fixture(autouse=True)
def nobody_is_logged_in(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADFACTORY_TOKEN")


def test_an_intact_log_ends_with_zero(
    stage: Stage, sealed_leads: tuple[TestDatabase, Path], kept_checkpoints: Path
):
    checked = ["verify", sealed_leads[0].superuser_url, "--key", str(SIGNER.key)]
    ran = stage.run(*checked, "--checkpoints", str(kept_checkpoints), "--json")
    assert (ran.status, ran.document["intact"], ran.document["damages"]) == (0, True, [])
    assert ran.document["remarks"]
    ran = stage.run(*checked)
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "intact")


def test_a_damaged_log_ends_with_one_and_names_the_damage(stage: Stage, sealed_log: TestDatabase):
    async def tamper() -> None:
        connection = await asyncpg.connect(sealed_log.superuser_url)
        await connection.execute("ALTER TABLE leads DISABLE TRIGGER USER")
        await connection.execute("UPDATE leads SET name = 'other'")
        await connection.execute("ALTER TABLE leads ENABLE TRIGGER USER")
        await connection.close()

    asyncio.run(tamper())
    ran = stage.run("verify", sealed_log.superuser_url, "--key", str(SIGNER.key), "--json")
    assert (ran.status, ran.document["intact"]) == (1, False)
    assert any("name" in each["what"] for each in ran.document["damages"])
    ran = stage.run("verify", sealed_log.superuser_url, "--key", str(SIGNER.key))
    assert ran.status == 1
    assert ran.out.startswith("damaged  ")


@pytest.mark.parametrize(
    ("evidence", "key"), [("none.zip", str(SIGNER.key)), ("token", str(SIGNER.key)), ("token", "no key")]
)
def test_what_cannot_be_checked_ends_with_two(stage: Stage, tmp_path: Path, evidence: str, key: str):
    (tmp_path / "token").write_text("no zip")
    ran = stage.run("verify", evidence, "--key", key, "--json")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: cannot be checked: ")
    assert len(ran.err.splitlines()) == 1
