"""Checkpoints are those of c2sp.org/tlog-checkpoint, of one log, and their file only grows."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evidence.checkpoints import Checkpoint, CheckpointFile
from services.evidence.merkle import EMPTY_ROOT
from services.evidence.notes import InvalidNote, Signer

LOG = Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
STRANGER = Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(b"b" * 32))
OTHER_LOG = Signer("example.com/other", Ed25519PrivateKey.from_private_bytes(b"c" * 32))
ROOT = base64.b64encode(b"r" * 32).decode()


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    checkpoint = Checkpoint("example.com/log", 20852163, b"r" * 32)
    note = checkpoint.sign(LOG)
    assert note.startswith(f"example.com/log\n20852163\n{ROOT}\n\n— example.com/log ")
    assert Checkpoint.read(note, [OTHER_LOG.key, LOG.key]) == checkpoint


def test_extension_lines_are_passed_over() -> None:
    note = LOG.sign(f"example.com/log\n7\n{ROOT}\nfurther\n")
    assert Checkpoint.read(note, [LOG.key]).size == 7


@pytest.mark.parametrize(
    "note",
    [
        LOG.sign(f"example.com/other\n7\n{ROOT}\n"),
        OTHER_LOG.sign(f"example.com/log\n7\n{ROOT}\n"),
        STRANGER.sign(f"example.com/log\n7\n{ROOT}\n"),
        LOG.sign("example.com/log\n7\n"),
        LOG.sign(f"example.com/log\n7\n\n{ROOT}\n"),
        LOG.sign(f"example.com/log\n07\n{ROOT}\n"),
        LOG.sign(f"example.com/log\n-7\n{ROOT}\n"),
        LOG.sign(f"example.com/log\n٧\n{ROOT}\n"),
        LOG.sign(f"example.com/log\n{'9' * 30}\n{ROOT}\n"),
        LOG.sign(f"example.com/log\n7\n{ROOT[:-4]}\n"),
        LOG.sign(f"example.com/log\n7\n{ROOT}A\n"),
        LOG.sign("example.com/log\n7\nnot base64!\n"),
        LOG.sign("\n"),
        "",
    ],
)
def test_what_is_no_checkpoint_of_the_log_is_refused(note: str) -> None:
    with pytest.raises(InvalidNote):
        Checkpoint.read(note, [LOG.key, OTHER_LOG.key])


def test_a_file_gives_back_the_checkpoints_in_order(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "checkpoints")
    assert file.last() is None
    notes = [Checkpoint("example.com/log", size, EMPTY_ROOT).sign(LOG) for size in range(100)]
    for note in notes:
        file.append(note)
    assert list(file.notes()) == notes
    assert file.last() == notes[-1]


def test_notes_that_were_put_together_by_hand_are_told_apart(tmp_path: Path) -> None:
    one, two = (Checkpoint("example.com/log", size, EMPTY_ROOT).sign(LOG) for size in (1, 2))
    (tmp_path / "checkpoints").write_text(f"\n\n{one}{two}\n\n\n{one}")
    assert list(CheckpointFile(tmp_path / "checkpoints").notes()) == [one, two, one]


def test_a_checkpoint_that_was_cut_off_is_no_checkpoint(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "checkpoints")
    file.append(Checkpoint("example.com/log", 7, EMPTY_ROOT).sign(LOG))
    whole = (tmp_path / "checkpoints").read_text()
    for length in range(1, len(whole) - 1):
        (tmp_path / "checkpoints").write_text(whole[:length])
        for note in file.notes():
            with pytest.raises(InvalidNote):
                Checkpoint.read(note, [LOG.key])
