"""A log in memory, as a context keeps one in its database, and the evidence taken from it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evidence.archive import Evidence, SealedEntry
from services.evidence.checkpoints import Checkpoint
from services.evidence.entries import Opening
from services.evidence.merkle import STORED_LEVELS, CompactRange, Node, Proof, leaf_hash
from services.evidence.notes import Signer
from services.evidence.proofs import InclusionProof

SIGNER = Signer("example.com/leads", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
SUBJECT = "0198a000-0000-7000-8000-000000000001"
HISTORY: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]] = (
    ({}, {"id": SUBJECT, "email": "ada@example.com", "name": None}),
    ({"name": None}, {"name": "Ada \n“L.”"}),
    ({"email": "ada@example.com"}, {"email": "ada@example.org"}),
)


def opened(values: Mapping[str, Any], salt: str) -> dict[str, Opening]:
    return {
        name: Opening(f"{salt}{name}", json.dumps({name: value}, ensure_ascii=False))
        for name, value in values.items()
    }


def entry(
    number: int,
    version: int | None,
    previous: bytes | None,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    action: str = "UPDATE",
    each_alone: bool = False,
) -> SealedEntry:
    """Make an entry, with one commitment, or as older ones are, with one for each value."""
    openings = {"values": {"values": Opening(f"s{number}", json.dumps({"new": new, "old": old}))}}
    if each_alone:
        openings = {"old": opened(old, f"o{number}"), "new": opened(new, f"n{number}")}
    stated: dict[str, Any] = {
        "id": f"0198a000-0000-7000-8000-0000000001{number:02}",
        "lead_id": SUBJECT,
        "version": version,
        "action": action,
        "previous_hash": hashlib.sha256(previous).hexdigest() if previous else None,
    }
    if each_alone:
        for side, values in openings.items():
            stated[f"{side}_values"] = {name: opening.commitment() for name, opening in values.items()}
    else:
        stated["changed_fields"] = sorted({*old, *new})
        stated["values"] = openings["values"]["values"].commitment()
    return SealedEntry(json.dumps(stated).encode(), openings, None)


def changes(older: int = 0) -> list[SealedEntry]:
    """Return the history, of which so many entries at the beginning are older ones."""
    made: list[SealedEntry] = []
    for number, (old, new) in enumerate(HISTORY, 1):
        previous = made[-1].canonical if made else None
        made.append(entry(number, number, previous, old, new, each_alone=number <= older))
    return made


def sealed(entries: Sequence[SealedEntry], signer: Signer = SIGNER, before: int = 5) -> Evidence:
    """Put entries into a log that has others before and behind them, and take out the evidence."""
    leaves = [f"other {number}".encode() for number in range(before)]
    leaves += [each.canonical for each in entries]
    leaves += [b"one more"]
    stored: dict[Node, bytes] = {}
    tree = CompactRange()
    for index, leaf in enumerate(map(leaf_hash, leaves)):
        stored[Node(0, index)] = leaf
        stored |= {node: value for node, value in tree.append(leaf) if node.level % STORED_LEVELS == 0}
    note = Checkpoint(signer.key.name, tree.size, tree.root()).sign(signer)
    proved = []
    for number, each in enumerate(entries):
        proof = Proof.of_inclusion(before + number, tree.size)
        path = proof.hashes(
            {
                span: [stored[Node(span.level, index)] for index in range(span.start, span.end)]
                for span in proof.spans()
            }
        )
        proved.append(replace(each, proof=InclusionProof(before + number, tuple(path), note)))
    now: dict[str, Any] = {}
    for _, new in HISTORY:
        now |= new
    texts = {name: opening.text for name, opening in opened(now, "").items()}
    made_at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    return Evidence(signer.key.name, "lead_id", SUBJECT, made_at, note, proved, texts)
