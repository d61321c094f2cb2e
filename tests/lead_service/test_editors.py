"""Promise: of many people who edit one lead at once, each edit is kept: over real gRPC, with etags."""

import asyncio
import random

import grpc

from protos.leadfactory.lead.v1 import lead_pb2 as pb
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.lead_service.test_processes import Stub, serving

EDITORS = 64


async def append(leads: Stub, ada: list[tuple[str, str]], lead_id: str, word: str) -> int:
    """Put a word behind the lead's name, as an editor does: read, change, send the etag. Counts the tries."""
    tries = 0
    while True:
        tries += 1
        try:
            read = await leads.GetLead(pb.GetLeadRequest(id=lead_id), metadata=ada)
            request = pb.UpdateLeadRequest(
                id=lead_id, lead=pb.Lead(name=f"{read.name} {word}"), etag=read.etag
            )
            request.update_mask.paths.append("name")
            await leads.UpdateLead(request, metadata=ada)
        except grpc.aio.AioRpcError as refused:
            # Somebody was faster, or all connections to the database were taken for too long.
            if refused.code() not in (grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE):
                raise
            await asyncio.sleep(random.uniform(0, 1))
        else:
            return tries


async def test_sixty_four_concurrent_editors_of_one_lead_lose_no_update(
    serve_in_process: ServeInProcess, issuer: Issuer, lead_database: TestDatabase
) -> None:
    async with serving(serve_in_process, issuer, lead_database, "operator") as (leads, ada):
        lead = await leads.CreateLead(pb.CreateLeadRequest(email="ada@example.com"), metadata=ada)
        words = [f"{number:02x}" for number in range(EDITORS)]
        tries = await asyncio.gather(*(append(leads, ada, lead.id, word) for word in words))
        after = await leads.GetLead(pb.GetLeadRequest(id=lead.id), metadata=ada)
    assert sorted(after.name.split()) == words
    # They have been in each other's way, or this would have shown nothing.
    assert sum(tries) > EDITORS
