"""The offline verifier accepts honest evidence, names what was damaged, and never shows a stack trace."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evidence import __main__ as command
from services.evidence import archive
from services.evidence.archive import Evidence, InvalidArchive
from services.evidence.checkpoints import Checkpoint, CheckpointFile
from services.evidence.entries import Opening, Openings
from services.evidence.notes import Signer
from tests.services.evidence.example import SIGNER, SUBJECT, changes, entry, sealed

KEY = str(SIGNER.key)
Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    def run(evidence: Evidence | bytes, *arguments: str, key: str = KEY) -> tuple[int, str, str]:
        content = evidence if isinstance(evidence, bytes) else archive.write(evidence)
        (tmp_path / "evidence.zip").write_bytes(content)
        status = command.main(["verify", str(tmp_path / "evidence.zip"), "--key", key, *arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.mark.parametrize("older", range(4))
def test_honest_evidence_is_intact(older: int, verify: Verify) -> None:
    status, out, err = verify(sealed(changes(older)))
    assert (status, err) == (0, "")
    assert out.endswith("intact\n")
    assert f"3 entries about lead_id {SUBJECT}, up to version 3, in example.com/leads at size 9" in out
    assert "not provable from a ZIP: that there are no newer entries" in out


def test_it_runs_as_the_command_that_the_archive_names(tmp_path: Path) -> None:
    (tmp_path / "evidence.zip").write_bytes(archive.write(sealed(changes())))
    (tmp_path / "key").write_text(f"{KEY}\n")
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "services.evidence",
            "verify",
            tmp_path / "evidence.zip",
            "--key",
            tmp_path / "key",
        ],
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (
        "-m services.evidence verify"
        in zipfile.ZipFile(tmp_path / "evidence.zip").read("README.txt").decode()
    )


def test_evidence_is_read_as_it_was_written(tmp_path: Path) -> None:
    evidence = sealed(changes())
    (tmp_path / "evidence.zip").write_bytes(archive.write(evidence))
    assert archive.read(tmp_path / "evidence.zip") == evidence
    assert archive.write(evidence) == archive.write(evidence)


def test_calls_that_changed_nothing_are_in_no_chain(verify: Verify) -> None:
    status, _, _ = verify(sealed([*changes(), entry(9, None, None, {}, {})]))
    assert status == 0


@pytest.mark.parametrize("older", [0, 2, 3])
def test_erased_values_break_no_proof_and_are_counted(older: int, verify: Verify) -> None:
    entries = [replace(each, openings={}) for each in changes(older)]
    status, out, _ = verify(sealed([*entries, entry(9, None, None, {}, {}, action="ERASE")]))
    assert status == 0
    assert "erased, so not comparable: email, id, name" in out


def test_entries_that_are_not_sealed_yet_are_said_to_rest_on_their_chain(verify: Verify) -> None:
    evidence = sealed(changes())
    evidence = replace(evidence, entries=[*evidence.entries[:2], replace(evidence.entries[2], proof=None)])
    status, out, _ = verify(evidence)
    assert status == 0
    assert "not yet under the checkpoint, so proved by their chain alone: 1 entries" in out


def test_kept_checkpoints_agree(verify: Verify, tmp_path: Path) -> None:
    evidence = sealed(changes())
    file = CheckpointFile(tmp_path / "kept")
    file.append(Checkpoint("example.com/leads", 3, b"r" * 32).sign(SIGNER))
    file.append(evidence.checkpoint)
    assert verify(evidence, "--checkpoints", str(tmp_path / "kept"))[0] == 0


def edited(evidence: Evidence, number: int, **changed: object) -> Evidence:
    entries = list(evidence.entries)
    entries[number] = replace(entries[number], **changed)  # type: ignore[arg-type]
    return replace(evidence, entries=entries)


def whole(text: str, salt: str = "") -> Openings:
    return {"values": {"values": Opening(salt or SALT, text)}}


HONEST = sealed(changes())
SECOND = HONEST.entries[1]
THIEF = Signer("example.com/leads", Ed25519PrivateKey.from_private_bytes(b"z" * 32))
SALT = SECOND.openings["values"]["values"].salt
OLDER = sealed(changes(older=3))
OLDER_VALUES = OLDER.entries[1].openings
FORGED_VALUES = {
    **OLDER_VALUES["new"],
    "name": OLDER_VALUES["new"]["name"]._replace(text='{"name": "Eve"}'),
}
assert SECOND.proof is not None
assert HONEST.now is not None

NAMED = "000000000102 (lead_id 0198a000-0000-7000-8000-000000000001 version 2)"
TAMPERED: dict[str, tuple[Evidence, str]] = {
    "a byte of an entry": (
        edited(HONEST, 1, canonical=SECOND.canonical.replace(b"lead_id", b"lead_id", 1) + b" "),
        f"{NAMED}: it is not what was sealed",
    ),
    "an entry that cannot be read": (edited(HONEST, 1, canonical=b"[]"), "entries/0002.json: it is no entry"),
    "a value": (
        edited(HONEST, 1, openings=whole('{"new": {"name": "Eve"}, "old": {"name": null}}')),
        f"{NAMED}: its values are not those that were sealed: values",
    ),
    "a salt": (
        edited(HONEST, 1, openings=whole(SECOND.openings["values"]["values"].text, "another")),
        f"{NAMED}: its values are not those that were sealed: values",
    ),
    "values that are no JSON": (
        edited(HONEST, 1, openings=whole("{")),
        f"{NAMED}: its values are not those that were sealed: values",
    ),
    "values that are no object": (
        edited(HONEST, 1, openings=whole('{"new": [1], "old": 2}')),
        f"{NAMED}: its values are not those that were sealed: values",
    ),
    "values that nest without end": (
        edited(HONEST, 1, openings=whole('{"new": ' + "[" * 100_000)),
        f"{NAMED}: its values are not those that were sealed: values",
    ),
    "values that an entry has no commitment for": (
        edited(HONEST, 1, openings={**SECOND.openings, "new": FORGED_VALUES}),
        f"{NAMED}: its values are not those that were sealed: new_values.name",
    ),
    "a value of an older entry": (
        edited(OLDER, 1, openings={**OLDER_VALUES, "new": FORGED_VALUES}),
        f"{NAMED}: its values are not those that were sealed: new_values.name",
    ),
    "values gone without an erasure": (
        edited(HONEST, 1, openings={}),
        f"{NAMED}: values of it are gone, and no entry says that they were erased",
    ),
    "a value too many": (
        edited(HONEST, 1, openings={**SECOND.openings, "new": {"x": Opening("s", "t")}}),
        "new_values.x",
    ),
    "the first entry gone": (replace(HONEST, entries=HONEST.entries[1:]), "version 1: the entry is missing"),
    "an entry gone": (
        replace(HONEST, entries=[HONEST.entries[0], HONEST.entries[2]]),
        f"lead_id {SUBJECT} version 2: the entry is missing",
    ),
    "the last entry gone": (
        replace(HONEST, entries=HONEST.entries[:2]),
        f"lead_id {SUBJECT}: is not what its entries made of it: email",
    ),
    "an entry twice": (replace(HONEST, entries=[*HONEST.entries, HONEST.entries[2]]), "it is there twice"),
    "entries swapped": (
        replace(HONEST, entries=[HONEST.entries[1], HONEST.entries[0], HONEST.entries[2]]),
        "version 1: the entry is missing",
    ),
    "proofs swapped": (
        edited(HONEST, 1, proof=HONEST.entries[0].proof),
        f"{NAMED}: it is not what was sealed: the path leads to another root",
    ),
    "a proof of another index": (
        edited(HONEST, 1, proof=replace(SECOND.proof, index=5)),
        f"{NAMED}: it is not what was sealed",
    ),
    "a proof of an index beyond": (
        edited(HONEST, 1, proof=replace(SECOND.proof, index=9)),
        f"{NAMED}: it is not what was sealed: a tree of 9 has no leaf 9",
    ),
    "a proof cut short": (
        edited(HONEST, 1, proof=replace(SECOND.proof, path=SECOND.proof.path[:-1])),
        f"{NAMED}: it is not what was sealed: the path is too short",
    ),
    "a proof made longer": (
        edited(HONEST, 1, proof=replace(SECOND.proof, path=(*SECOND.proof.path, b"\0" * 32))),
        f"{NAMED}: it is not what was sealed: the path is too long",
    ),
    "everything recomputed, without the key": (sealed(changes()[:2], THIEF), "checkpoint.txt: no key"),
    "a proof to another checkpoint": (
        edited(HONEST, 1, proof=replace(SECOND.proof, checkpoint=sealed(changes(), THIEF).checkpoint)),
        f"{NAMED}: it is not what was sealed: the proof leads to another checkpoint",
    ),
    "a forged entry, chained and unsealed": (
        replace(HONEST, entries=[*HONEST.entries, entry(4, 4, b"x", {}, {"name": "Eve"})]),
        "version 4): it does not follow the entry before",
    ),
    "an entry of another subject": (
        replace(HONEST, subject="0198a000-0000-7000-8000-000000000002"),
        "it is not about 0198a000-0000-7000-8000-000000000002",
    ),
    "the subject as it is now": (
        replace(HONEST, now={**HONEST.now, "email": '{"email": "eve@example.com"}'}),
        "is not what its entries made of it: email",
    ),
    "the subject gone": (replace(HONEST, now=None), "is gone, and no entry says so"),
    "the log's name": (replace(HONEST, origin="example.com/other"), "manifest.json: the checkpoint is of"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named(what: str, verify: Verify) -> None:
    evidence, named = TAMPERED[what]
    status, out, err = verify(evidence)
    assert (status, err) == (1, "")
    damages = [line for line in out.splitlines() if line.startswith("damaged: ")]
    assert any(named in line for line in damages), out
    assert f"{len(damages)} damages" in out


def test_another_history_under_the_same_key_is_found_by_the_checkpoints_that_were_kept(
    verify: Verify, tmp_path: Path
) -> None:
    rewritten = sealed(
        [*changes()[:2], entry(3, 3, changes()[1].canonical, {}, {"email": "eve@example.com"})]
    )
    CheckpointFile(tmp_path / "kept").append(HONEST.checkpoint)
    _, out, _ = verify(rewritten, "--checkpoints", str(tmp_path / "kept"))
    assert "damaged: checkpoint.txt: the kept checkpoint of size 9 has another root" in out


def test_kept_checkpoints_that_cannot_be_compared_are_no_agreement(verify: Verify, tmp_path: Path) -> None:
    CheckpointFile(tmp_path / "kept").append(Checkpoint("example.com/leads", 8, b"r" * 32).sign(SIGNER))
    status, out, _ = verify(HONEST, "--checkpoints", str(tmp_path / "kept"))
    assert status == 1
    assert "no kept checkpoint has its size, 9" in out


def test_a_kept_checkpoint_that_somebody_else_signed_is_named(verify: Verify, tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "kept")
    file.append(HONEST.checkpoint)
    file.append(Checkpoint("example.com/leads", 8, b"r" * 32).sign(THIEF))
    status, out, _ = verify(HONEST, "--checkpoints", str(tmp_path / "kept"))
    assert status == 1
    assert "damaged: kept checkpoint 2: no key that is trusted signed the note" in out


def test_a_damage_is_one_line_whatever_is_in_it(verify: Verify) -> None:
    canonical = SECOND.canonical.replace(b'"id": "0198', b'"id": "\\u001b[2J\\n\\u202e')
    _, out, _ = verify(edited(HONEST, 1, canonical=canonical))
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert all(
        line.startswith(("damaged: ", "3 entries", "not provable", "2 damages")) for line in out.splitlines()
    )


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as file:
        for name, content in files:
            file.writestr(name, content)
    return target.getvalue()


def honest_files() -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive.write(HONEST))) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def without(*names: str) -> bytes:
    return zipped(*(each for each in honest_files() if each[0] not in names))


def instead(name: str, content: bytes) -> bytes:
    return zipped(*(each for each in honest_files() if each[0] != name), (name, content))


MISUSED: dict[str, bytes] = {
    "empty": b"",
    "no ZIP": b"hello",
    "cut off": archive.write(HONEST)[:-30],
    "an empty ZIP": zipped(),
    "a manifest missing": without("manifest.json"),
    "an entry missing": without("entries/0002.json"),
    "values missing": without("entries/0002.values.json"),
    "a checkpoint missing": without("checkpoint.txt"),
    "a stray file": instead("../evil", b""),
    "an entry too many": instead("entries/0004.json", b"{}"),
    "a manifest that is no JSON": instead("manifest.json", b"{"),
    "a manifest that is no object": instead("manifest.json", b"[]"),
    "a manifest of another format": instead("manifest.json", b'{"format": "x"}'),
    "values that are no object": instead("entries/0001.values.json", b"7"),
    "salts that are no text": instead(
        "entries/0001.values.json", b'{"old": {}, "new": {"id": {"salt": 1, "text": 2}}}'
    ),
    "a proof that is none": instead("entries/0001.tlog-proof", b"x"),
    "a proof that is no text": instead("entries/0001.tlog-proof", b"\xff\xfe"),
    "a subject that is no JSON": instead("now.jsonl", b"{\n"),
    "values that nest without end": instead("entries/0001.values.json", b"[" * 100_000),
    "packed in another way": zipped(*honest_files(), method=zipfile.ZIP_LZMA),
    "a bomb": instead("README.txt", bytes(archive.LARGEST_FILE_BYTES + 1)),
}


@pytest.mark.parametrize("what", MISUSED)
def test_what_is_no_evidence_is_refused_in_one_line(what: str, verify: Verify) -> None:
    status, out, err = verify(MISUSED[what])
    assert (status, out) == (2, "")
    assert err.startswith("cannot be checked: ")
    assert err.count("\n") == 1


def test_a_file_that_is_there_twice_is_refused(verify: Verify) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(*honest_files(), ("checkpoint.txt", b"x"))
    assert "twice" in verify(content)[2]


def test_many_files_that_are_each_small_are_not_read_for_ever(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST_TOTAL_BYTES", 3_000)
    assert "unfolds to more" in verify(HONEST)[2]
    monkeypatch.setattr(archive, "MOST_FILES", 5)
    assert "more than 5 files" in verify(HONEST)[2]
    monkeypatch.setattr(archive, "LARGEST_ARCHIVE_BYTES", 100)
    assert "larger than 100 bytes" in verify(HONEST)[2]


def test_sizes_that_the_directory_states_are_not_believed(verify: Verify) -> None:
    """A file of 9 MB whose directory says that it has 10 bytes."""
    content = bytearray(instead("README.txt", bytes(archive.LARGEST_FILE_BYTES + 1)))
    size = (archive.LARGEST_FILE_BYTES + 1).to_bytes(4, "little")
    assert content.count(size) == 2
    assert verify(bytes(content.replace(size, (10).to_bytes(4, "little"))))[0] == 2


@pytest.mark.parametrize("at", range(0, 4000, 97))
def test_a_flipped_byte_is_found_or_means_nothing(at: int, tmp_path: Path, verify: Verify) -> None:
    """Where the ZIP format has slack, a byte may change nothing: then what is read is the same."""
    content = bytearray(archive.write(HONEST))
    content[at % len(content)] ^= 0x20
    (tmp_path / "flipped.zip").write_bytes(content)
    status, _, err = verify(bytes(content))
    if status == 0:
        assert archive.read(tmp_path / "flipped.zip") == HONEST
    assert err.count("\n") <= 1


@pytest.mark.parametrize("key", ["", "x", KEY[:-4], KEY.replace("leads", "lead")])
def test_a_key_that_is_none_is_refused_in_one_line(key: str, verify: Verify) -> None:
    status, out, err = verify(HONEST, key=key)
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_files_that_are_not_there_are_refused_in_one_line(
    verify: Verify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(HONEST, "--checkpoints", str(tmp_path / "none"))[0] == 2
    assert command.main(["verify", str(tmp_path / "none.zip"), "--key", KEY]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_another_key_of_the_same_log_is_not_the_log(verify: Verify) -> None:
    status, out, _ = verify(HONEST, key=str(THIEF.key))
    assert status == 1
    assert "damaged: checkpoint.txt: no key that is trusted signed the note" in out
    assert verify(HONEST, "--key", str(THIEF.key))[0] == 0


def test_reading_says_what_is_wrong_to_code_as_well(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"x")
    with pytest.raises(InvalidArchive):
        archive.read(tmp_path / "x.zip")
