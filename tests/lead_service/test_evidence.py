"""Promise: auditors get proofs that anybody can check offline; what is erased is gone, and still proved."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from lead_service import refusals
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services import migrations
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.evidence import __main__ as command
from services.evidence.checkpoints import CheckpointFile
from services.evidence.examination import examine
from services.evidence.merkle import InvalidProof, verify_consistency, verify_inclusion
from services.evidence.proofs import InclusionProof
from services.ids import uuid7
from services.server import Service
from tests.fixtures.evidence import KEYS, SIGNER, seal, sealing, sequencing
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess


class Caller:
    """Somebody with a token."""

    def __init__(self, stub: lead_pb2_grpc.LeadServiceStub, issuer: Issuer) -> None:
        self._stub, self._issuer = stub, issuer

    def _headers(self, role: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self._issuer.person('eve', role)}")]

    async def call(self, method: str, request: Any, role: str = "admin") -> Any:
        return await getattr(self._stub, method)(request, metadata=self._headers(role))

    async def refused(self, method: str, request: Any, role: str = "admin") -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, request, role)
        return caught.value.code()

    async def create(self, email: str = "ada@example.com", **values: Any) -> str:
        return str((await self.call("CreateLead", pb.CreateLeadRequest(email=email, **values))).id)

    async def rename(self, lead_id: str, name: str, **values: Any) -> None:
        lead = pb.Lead(name=name)
        request = pb.UpdateLeadRequest(id=lead_id, lead=lead, update_mask={"paths": ["name"]}, **values)
        await self.call("UpdateLead", request)

    async def evidence(self, lead_id: str, path: Path, role: str = "auditor") -> Path:
        request = pb.DownloadLeadEvidenceRequest(id=lead_id)
        stream = self._stub.DownloadLeadEvidence(request, metadata=self._headers(role))
        path.write_bytes(b"".join([body.data async for body in stream]))
        return path


@pytest.fixture
async def caller(
    lead_database: TestDatabase, serve_in_process: ServeInProcess, issuer: Issuer
) -> AsyncIterator[Caller]:
    database = Database(lead_database.url, name="test")
    kept = records(database)
    service = Service(
        pb.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        LeadServicer(UnitsOfWork(database, PostgresLeadStore), utc_now, kept),
    )
    async with (
        serve_in_process(service, on_refusal=refusals.noting(kept.audits)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Caller(lead_pb2_grpc.LeadServiceStub(channel), issuer)
    await database.close()


def verified(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = command.main(["verify", str(path), "--key", str(SIGNER.key), *arguments])
    return status, capsys.readouterr().out


def unhexed(hashes: Any) -> list[bytes]:
    return [bytes.fromhex(each) for each in hashes]


async def test_a_checkpoint_is_what_the_key_signed(caller: Caller, lead_database: TestDatabase) -> None:
    assert (
        await caller.refused("GetAuditCheckpoint", pb.GetAuditCheckpointRequest())
        is grpc.StatusCode.UNAVAILABLE
    )
    await caller.create()
    await seal(lead_database, sealing())
    found = await caller.call("GetAuditCheckpoint", pb.GetAuditCheckpointRequest(), "auditor")
    assert (found.origin, found.size, found.public_key) == ("example.com/leads", 1, str(SIGNER.key))
    assert found.note.startswith("example.com/leads\n1\n")
    assert abs(found.created_at.seconds - utc_now().timestamp()) < 60


async def test_entries_that_commit_to_each_value_are_proved_as_those_after_them(
    caller: Caller, lead_database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(migrations.downgrade, "lead_service", lead_database.owner_url, "0009")
    ada, bob = await caller.create(), await caller.create("bob@example.com")
    await caller.rename(ada, "A")
    await asyncio.to_thread(migrations.upgrade, "lead_service", lead_database.owner_url)
    await caller.rename(ada, "B")
    await caller.rename(bob, "B")
    await caller.call("EraseLead", pb.EraseLeadRequest(id=bob))
    await seal(lead_database, sealing())
    assert (await examine(lead_database.superuser_url, KEYS, None)).damages == []
    for lead_id in (ada, bob):
        status, said = verified(await caller.evidence(lead_id, tmp_path / f"{lead_id}.zip"), capsys)
        assert (status, said.endswith("intact\n")) == (0, True)


async def test_an_entry_is_proved_once_it_is_sealed(caller: Caller, lead_database: TestDatabase) -> None:
    lead_id = await caller.create()
    for name in "abcdefg":
        await caller.rename(lead_id, name)
    entries = await caller.call("ListLeadAudit", pb.ListLeadAuditRequest(id=lead_id))
    wanted = pb.GetAuditEntryProofRequest(id=entries.entries[3].id)
    await seal(lead_database, sealing())
    proof = await caller.call("GetAuditEntryProof", wanted, "auditor")
    path, size = unhexed(proof.hashes), int(proof.checkpoint.size)
    leaf, root = bytes.fromhex(proof.leaf_hash), bytes.fromhex(proof.checkpoint.root_hash)
    verify_inclusion(leaf, int(proof.index), size, path, root)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf, int(proof.index) ^ 1, size, path, root)
    connection = await asyncpg.connect(lead_database.url)
    canonical = await connection.fetchval(
        "SELECT canonical FROM lead_audit WHERE id = $1", entries.entries[3].id
    )
    await connection.close()
    assert InclusionProof.parse(proof.proof).verify(canonical, KEYS).size == size


async def test_an_entry_that_is_not_sealed_yet_is_told_from_one_that_is_none(
    caller: Caller, lead_database: TestDatabase
) -> None:
    await seal(lead_database, sealing())
    lead_id = await caller.create()
    (entry,) = (await caller.call("ListLeadAudit", pb.ListLeadAuditRequest(id=lead_id))).entries
    for entry_id, code in ((entry.id, "UNAVAILABLE"), (str(uuid7()), "NOT_FOUND"), ("x", "INVALID_ARGUMENT")):
        request = pb.GetAuditEntryProofRequest(id=entry_id)
        assert (await caller.refused("GetAuditEntryProof", request)).name == code


async def test_the_log_is_proved_to_have_only_grown(caller: Caller, lead_database: TestDatabase) -> None:
    lead_id = await caller.create()
    await caller.rename(lead_id, "a")
    await seal(lead_database, sealing())
    before = await caller.call("GetAuditCheckpoint", pb.GetAuditCheckpointRequest())
    for name in "bcdefghij":
        await caller.rename(lead_id, name)
    await seal(lead_database, sealing())
    proof = await caller.call("GetAuditConsistency", pb.GetAuditConsistencyRequest(first=before.size))
    assert proof.first_root_hash == before.root_hash
    assert (proof.second, proof.second_root_hash) == (proof.checkpoint.size, proof.checkpoint.root_hash)
    verify_consistency(
        int(proof.first),
        int(proof.second),
        bytes.fromhex(before.root_hash),
        bytes.fromhex(proof.checkpoint.root_hash),
        unhexed(proof.hashes),
    )


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (2, 0, "OUT_OF_RANGE"),
        (1, 2, "OUT_OF_RANGE"),
        (0, 1, "INVALID_ARGUMENT"),
        (-1, 1, "INVALID_ARGUMENT"),
        (float("nan"), 1, "INVALID_ARGUMENT"),
        (1e300, 1, "INVALID_ARGUMENT"),
    ],
)
async def test_sizes_that_the_log_never_had_are_refused(
    first: float, second: float, code: str, caller: Caller, lead_database: TestDatabase
) -> None:
    await caller.create()
    await seal(lead_database, sealing())
    request = pb.GetAuditConsistencyRequest(first=first, second=second)
    assert (await caller.refused("GetAuditConsistency", request)).name == code


async def test_evidence_is_accepted_by_the_verifier(
    caller: Caller, lead_database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_id = await caller.create(name="Ada “L.” \\ é")
    await caller.create("other@example.com")
    async with sequencing(lead_database, sealing(tmp_path / "kept")):
        for name in "ab":
            await caller.rename(lead_id, name)
        # The newest change is waited for until it is sealed.
        path = await caller.evidence(lead_id, tmp_path / "evidence.zip")
    status, out = verified(path, capsys, "--checkpoints", str(tmp_path / "kept"))
    assert status == 0, out
    assert "up to version 3" in out
    assert "not yet under the checkpoint" not in out


async def test_evidence_is_given_out_only_once_that_is_in_the_audit(
    caller: Caller, lead_database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_id = await caller.create()
    await seal(lead_database, sealing())
    await caller.evidence(lead_id, tmp_path / "first.zip")
    reads = pb.ListLeadAuditRequest(id=lead_id, action=pb.AuditEntry.READ)
    (read,) = (await caller.call("ListLeadAudit", reads)).entries
    assert (read.user_id, read.method.rpartition("/")[2]) == ("eve", "DownloadLeadEvidence")
    await seal(lead_database, sealing())
    status, out = verified(await caller.evidence(lead_id, tmp_path / "second.zip"), capsys)
    assert status == 0
    assert "3 entries" in out


async def test_what_is_not_sealed_is_said_to_be_so(
    caller: Caller, lead_database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_id = await caller.create()
    await seal(lead_database, sealing())
    await caller.rename(lead_id, "a")
    status, out = verified(await caller.evidence(lead_id, tmp_path / "evidence.zip"), capsys)
    assert status == 0
    assert "not yet under the checkpoint, so proved by their chain alone: 1 entries" in out


@pytest.mark.parametrize("method", ["EraseLead", "DownloadLeadEvidence"])
async def test_a_lead_that_there_never_was_is_not_found(method: str, caller: Caller, tmp_path: Path) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if method == "EraseLead":
            await caller.call(method, pb.EraseLeadRequest(id=str(uuid7())))
        else:
            await caller.evidence(str(uuid7()), tmp_path / "x")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("role", ["viewer", "operator", "auditor"])
async def test_only_admins_erase_and_only_auditors_see_proofs(role: str, caller: Caller) -> None:
    lead_id = await caller.create()
    erase = pb.EraseLeadRequest(id=lead_id)
    assert await caller.refused("EraseLead", erase, role) is grpc.StatusCode.PERMISSION_DENIED
    if role != "auditor":
        for method, request in (
            ("GetAuditCheckpoint", pb.GetAuditCheckpointRequest()),
            ("GetAuditEntryProof", pb.GetAuditEntryProofRequest(id=lead_id)),
            ("GetAuditConsistency", pb.GetAuditConsistencyRequest(first=1)),
            ("ListErasures", pb.ListErasuresRequest()),
        ):
            assert await caller.refused(method, request, role) is grpc.StatusCode.PERMISSION_DENIED


SECRETS = ("ada.secret@private.example", "Lovelace", "Byron", "private.example")


async def everything(url: str) -> str:
    """Return every row of every table, as text."""
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [
        row[0] for table in tables for row in await connection.fetch(f'SELECT t::text FROM "{table[0]}" t')
    ]
    await connection.close()
    return "\n".join(rows)


async def test_what_is_erased_is_nowhere_any_more_and_every_proof_holds(
    caller: Caller, lead_database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    lead_id = await caller.create(SECRETS[0], name="Ada Byron", request_id=str(uuid7()))
    other = await caller.create("other@example.com", request_id=str(uuid7()))
    await caller.rename(lead_id, "Ada Lovelace", request_id=str(uuid7()))
    owner = await asyncpg.connect(lead_database.superuser_url)
    await owner.execute(
        "INSERT INTO lead_facts VALUES ($1, 'page', 'title', 'FOUND', '{Lovelace}', 's', 'm', '', now(), '')",
        lead_id,
    )
    await owner.execute(
        "INSERT INTO pgqueuer (priority, status, entrypoint, payload) VALUES (0, 'queued', 'x', $1)",
        json.dumps({"lead_id": lead_id, "note": "Byron"}).encode(),
    )
    await owner.execute(
        """INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback)
           VALUES (7, 'exception', 0, 'x', $1)""",
        json.dumps({"text": f"{lead_id} Byron"}),
    )
    await seal(lead_database, sealing(kept))
    before = await caller.evidence(lead_id, tmp_path / "before.zip")
    held = await everything(lead_database.superuser_url)
    assert all(secret in held or secret.encode().hex() in held for secret in SECRETS)

    erased = await caller.call("EraseLead", pb.EraseLeadRequest(id=lead_id))
    assert (erased.number, erased.lead_id, erased.erased_by) == (1, lead_id, "eve")
    assert await caller.refused("GetLead", pb.GetLeadRequest(id=lead_id)) is grpc.StatusCode.NOT_FOUND
    left = await everything(lead_database.superuser_url)
    assert not [secret for secret in SECRETS if secret in left or secret.encode().hex() in left]
    assert (await caller.call("GetLead", pb.GetLeadRequest(id=other))).email == "other@example.com"

    await seal(lead_database, sealing(kept))
    assert (
        await examine(lead_database.superuser_url, KEYS, list(CheckpointFile(kept).notes()))
    ).damages == []
    status, out = verified(
        await caller.evidence(lead_id, tmp_path / "after.zip"), capsys, "--checkpoints", str(kept)
    )
    assert status == 0, out
    assert verified(before, capsys, "--checkpoints", str(kept))[0] == 0
    entries = (await caller.call("ListLeadAudit", pb.ListLeadAuditRequest(id=lead_id))).entries
    assert [entry.action for entry in entries][:2] == [pb.AuditEntry.ERASE, pb.AuditEntry.DELETE]
    assert all(not entry.new_values.fields and not entry.old_values.fields for entry in entries)
    await owner.close()


async def test_a_lead_is_erased_once(caller: Caller) -> None:
    lead_id = await caller.create()
    first = await caller.call("EraseLead", pb.EraseLeadRequest(id=lead_id))
    assert await caller.call("EraseLead", pb.EraseLeadRequest(id=lead_id)) == first
    entries = (await caller.call("ListLeadAudit", pb.ListLeadAuditRequest(id=lead_id))).entries
    assert [entry.action for entry in entries].count(pb.AuditEntry.ERASE) == 1


async def test_a_deleted_lead_can_be_erased_and_its_address_be_used_again(caller: Caller) -> None:
    lead_id = await caller.create()
    await caller.call("DeleteLead", pb.DeleteLeadRequest(id=lead_id))
    await caller.call("EraseLead", pb.EraseLeadRequest(id=lead_id))
    undelete = pb.UndeleteLeadRequest(id=lead_id)
    assert await caller.refused("UndeleteLead", undelete) is grpc.StatusCode.NOT_FOUND
    assert await caller.create() != lead_id


async def test_erasures_are_read_on_from_the_last_one_known(caller: Caller) -> None:
    erased = []
    for number in range(5):
        lead_id = await caller.create(f"{number}@example.com")
        erased.append(lead_id)
        await caller.call("EraseLead", pb.EraseLeadRequest(id=lead_id))
    found: list[str] = []
    after = 0
    while page := (
        await caller.call("ListErasures", pb.ListErasuresRequest(page_size=2, after=after))
    ).erasures:
        found += [each.lead_id for each in page]
        after = page[-1].number
    assert (found, after) == (erased, 5)
