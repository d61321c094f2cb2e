"""Between proofs and their messages."""

from protos.leadfactory.evidence.v1 import evidence_pb2 as pb
from services.evidence.checkpoints import Checkpoint
from services.evidence.ledger import StoredCheckpoint
from services.evidence.notes import VerifierKey
from services.evidence.proving import Consistency, Inclusion
from services.times import timestamp_if_given


def checkpoint(stored: StoredCheckpoint) -> pb.Checkpoint:
    """Encode a checkpoint; raises InvalidNote if it is not what its own key signed."""
    signed = Checkpoint.read(stored.note, [VerifierKey.parse(stored.key)])
    return pb.Checkpoint(
        origin=signed.origin,
        size=signed.size,
        root_hash=signed.root.hex(),
        note=stored.note,
        public_key=stored.key,
        created_at=timestamp_if_given(stored.created_at),
    )


def inclusion(proved: Inclusion) -> pb.EntryProof:
    """Encode the proof of an entry."""
    return pb.EntryProof(
        entry_id=str(proved.entry_id),
        index=proved.proof.index,
        leaf_hash=proved.leaf.hex(),
        hashes=[each.hex() for each in proved.proof.path],
        checkpoint=checkpoint(proved.checkpoint),
        proof=str(proved.proof),
    )


def consistency(proved: Consistency) -> pb.ConsistencyProof:
    """Encode the proof that a log only grew."""
    return pb.ConsistencyProof(
        first=proved.first,
        second=proved.second,
        hashes=[each.hex() for each in proved.path],
        first_root_hash=proved.first_root.hex(),
        second_root_hash=proved.second_root.hex(),
        checkpoint=checkpoint(proved.checkpoint),
    )
