"""The offline verifier accepts an honest pack, re-hashes all that is in it, and names each damaged part."""

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.evidence import __main__ as command
from services.evidence import archive, attachments
from services.evidence.archive import Evidence, SealedEntry
from services.evidence.attachments import Attachment
from services.evidence.checkpoints import CheckpointFile
from services.evidence.entries import Opening, text_of
from services.evidence.notes import Signer
from tests.services.evidence.example import SIGNER, SUBJECT, sealed

THIEF = Signer(SIGNER.key.name, Ed25519PrivateKey.from_private_bytes(b"z" * 32))
INPUTS = b'{"lead":{"domain":"example.com"}}' * 100
PARTS = gzip.compress(INPUTS[:500], mtime=0) + gzip.compress(INPUTS[500:], mtime=0)
FILES = {
    "report.pdf": b"%PDF-1.7 the report",
    "inputs.json.gz": PARTS,
    "log.ndjson.gz": gzip.compress(b'{"event":"step.ended"}\n', mtime=0),
}
ATTACHED = [
    Attachment("report.pdf", "pdf_sha256", "The report."),
    Attachment("inputs.json.gz", "inputs_gzip_sha256", "The raw inputs."),
    Attachment("log.ndjson.gz", "logs_sha256", "The log."),
]
RECORD: Mapping[str, Any] = {
    "lineage_id": SUBJECT,
    "template_version_id": "website_audit@1.0.0",
    "part_sizes_bytes": [7, 9],
    "created_by": "ada “L.”",
    "inputs_sha256": f"\\x{hashlib.sha256(INPUTS).hexdigest()}",
    **{each.digest: f"\\x{hashlib.sha256(FILES[each.name]).hexdigest()}" for each in ATTACHED},
}
OF_ENTRIES = ["RECORD", "VIEW", "DOWNLOAD"]


def entry(
    number: int, action: str, previous: bytes | None, details: str = "{}", **stated: Any
) -> SealedEntry:
    opening = Opening(f"salt{number}", details)
    said = {
        "id": f"0198a000-0000-7000-8000-0000000002{number:02}",
        "lineage_id": SUBJECT,
        "version": number,
        "action": action,
        "created_at": f"2026-03-04T05:06:{number:02}+00:00",
        "details": opening.commitment(),
        "previous_hash": hashlib.sha256(previous).hexdigest() if previous else None,
        **stated,
    }
    return SealedEntry(json.dumps(said).encode(), {"details": {"details": opening}}, None)


def history(record: Mapping[str, Any] = RECORD, *more: tuple[str, str]) -> list[SealedEntry]:
    made = [entry(1, "RECORD", None, record=record)]
    for action, details in (("VIEW", "{}"), *more, ("DOWNLOAD", "{}")):
        made.append(entry(len(made) + 1, action, made[-1].canonical, details))
    return made


def pack(
    entries: list[SealedEntry], attached: list[Attachment] = ATTACHED, signer: Signer = SIGNER
) -> Evidence:
    evidence = sealed(entries, signer)
    return replace(
        evidence,
        subject_field="lineage_id",
        now={name: text_of(name, value) for name, value in RECORD.items()},
        key=str(signer.key),
        attachments=attached,
        made_at=datetime(2026, 3, 4, tzinfo=UTC),
    )


HONEST = pack(history())


def files(evidence: Evidence = HONEST, /, **instead: bytes | None) -> dict[str, bytes]:
    """Return a pack's files, some replaced (a dot is written as two underscores), some left out by None."""
    every = dict(archive.contents(evidence)) | {
        each.name: FILES[each.name] for each in evidence.attachments or ()
    }
    changed = {name.replace("__", "."): content for name, content in instead.items()}
    return {name: content for name, content in (every | changed).items() if content is not None}


def zipped(every: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in every.items():
            file.writestr(name, content)
    return target.getvalue()


Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    def run(
        content: Mapping[str, bytes], *arguments: str, key: str = str(SIGNER.key)
    ) -> tuple[int, str, str]:
        path = tmp_path / "pack.zip"
        path.write_bytes(zipped(content))
        status = command.main(["verify", str(path), "--key", key, *arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def test_an_honest_pack_is_intact(verify: Verify) -> None:
    status, out, err = verify(files())
    assert (status, err) == (0, ""), out
    assert out.endswith("intact\n")
    assert "report.pdf: its SHA-256 is held to the recorded pdf_sha256" in out


def test_a_pack_that_was_unpacked_and_packed_again_is_the_same(verify: Verify) -> None:
    assert verify({"entries/": b"", **files()})[0] == 0


def test_the_pack_says_in_plain_words_what_each_file_is() -> None:
    every = files()
    told = every["README.txt"].decode()
    assert "python -m services.evidence verify THIS.zip --key PUBLIC_KEY" in told
    for name in every:
        assert (name if "/" not in name else f"entries/NNNN.{name.partition('.')[2]}") in told or name == (
            "README.txt"
        )
    assert json.loads(every["record.json"]) == RECORD


def test_checkpoints_that_were_kept_agree(verify: Verify, tmp_path: Path) -> None:
    CheckpointFile(tmp_path / "kept").append(HONEST.checkpoint)
    assert verify(files(), "--checkpoints", str(tmp_path / "kept"))[0] == 0


def but(evidence: Evidence, number: int, **changed: Any) -> Evidence:
    entries = list(evidence.entries)
    entries[number] = replace(entries[number], **changed)
    return replace(evidence, entries=entries)


def manifest(**changed: Any) -> bytes:
    return json.dumps(json.loads(files()["manifest.json"]) | changed).encode()


OTHER = pack(history({**RECORD, "created_by": "eve"}))
UNPROVED = but(but(but(HONEST, 0, proof=None), 1, proof=None), 2, proof=None)
FORGED = json.dumps({**RECORD, "pdf_sha256": f"\\x{hashlib.sha256(b'%PDF forged').hexdigest()}"}).encode()
WITHOUT_PDF = {"attachments": {each.name: each.digest for each in ATTACHED[1:]}}

TAMPERED: dict[str, tuple[dict[str, bytes], str]] = {
    "the PDF replaced": (
        files(report__pdf=b"%PDF forged"),
        "report.pdf: it is not what was recorded: its SHA-256 is not pdf_sha256",
    ),
    "the PDF cut": (files(report__pdf=FILES["report.pdf"][:-1]), "report.pdf: it is not what was recorded"),
    "the PDF missing": (files(report__pdf=None), "report.pdf: it is missing"),
    "the PDF missing with its mention": (
        files(report__pdf=None, manifest__json=manifest(**WITHOUT_PDF)),
        "pdf_sha256: no file has this digest, and no entry says that one was removed",
    ),
    "the PDF as if it were the log": (
        files(
            manifest__json=manifest(attachments={"report.pdf": "logs_sha256", **WITHOUT_PDF["attachments"]})
        ),
        "report.pdf: it is not what was recorded: its SHA-256 is not logs_sha256",
    ),
    "the PDF as something that was never recorded": (
        files(manifest__json=manifest(attachments={"report.pdf": "x_sha256", **WITHOUT_PDF["attachments"]})),
        "report.pdf: nothing proves it: the record states no x_sha256",
    ),
    "the inputs altered": (
        files(inputs__json__gz=gzip.compress(INPUTS.replace(b"example", b"exemple"), mtime=0)),
        "inputs.json.gz: it is not what was recorded: its SHA-256 is not inputs_gzip_sha256",
    ),
    "the inputs packed anew": (
        files(inputs__json__gz=gzip.compress(INPUTS, mtime=0)),
        "inputs.json.gz: it is not what was recorded",
    ),
    "the log altered": (
        files(log__ndjson__gz=gzip.compress(b"{}\n", mtime=0)),
        "log.ndjson.gz: it is not what was recorded: its SHA-256 is not logs_sha256",
    ),
    "the record edited": (
        files(record__json=json.dumps({**RECORD, "created_by": "eve"}).encode()),
        f"lineage_id {SUBJECT}: is not what its entries made of it: created_by",
    ),
    "the record edited with the PDF": (
        files(record__json=FORGED, report__pdf=b"%PDF forged"),
        f"lineage_id {SUBJECT}: is not what its entries made of it: pdf_sha256",
    ),
    "the record missing": (files(record__json=None), "is gone, and no entry says so"),
    "the entry of the record edited": (
        files(but(HONEST, 0, canonical=HONEST.entries[0].canonical.replace(b"website", b"wepsite"))),
        "000000000201 (lineage_id 0198a000-0000-7000-8000-000000000001 version 1): it is not what was sealed",
    ),
    "the entry of the record gone": (
        files(replace(HONEST, entries=HONEST.entries[1:])),
        "version 1: the entry is missing",
    ),
    "an access edited": (
        files(but(HONEST, 1, canonical=HONEST.entries[1].canonical.replace(b"VIEW", b"LOGS"))),
        "version 2): it is not what was sealed",
    ),
    "an access's details edited": (
        files(but(HONEST, 1, openings={"details": {"details": Opening("salt2", '{"x": 1}')}})),
        "version 2): its values are not those that were sealed: details",
    ),
    "an access's details gone": (files(but(HONEST, 1, openings={})), "version 2): values of it are gone"),
    "the proof of the record missing": (
        files(but(HONEST, 0, proof=None)),
        "version 1): its proof is missing",
    ),
    "the proof of an access missing": (files(but(HONEST, 1, proof=None)), "version 2): its proof is missing"),
    "all proofs missing": (files(UNPROVED), "version 1): its proof is missing"),
    "the checkpoint of another tree": (
        files(checkpoint__txt=OTHER.checkpoint.encode()),
        "version 1): it is not what was sealed: the proof leads to another checkpoint than checkpoint.txt",
    ),
    "a checkpoint that somebody else signed": (
        files(checkpoint__txt=pack(history(), signer=THIEF).checkpoint.encode()),
        "checkpoint.txt: no key that is trusted signed the note",
    ),
    "everything made anew with another key": (
        files(pack(history(), signer=THIEF)),
        "public-key.txt: it is not the key that was given",
    ),
    "another key beside it": (
        files(**{"public-key__txt": f"{THIEF.key}\n".encode()}),
        "public-key.txt: it is not the key that was given",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_each_damaged_part_is_named(what: str, verify: Verify) -> None:
    content, named = TAMPERED[what]
    status, out, err = verify(content)
    assert (status, err) == (1, "")
    assert any(named in line for line in out.splitlines() if line.startswith("damaged: ")), out


def test_another_key_is_not_the_logs(verify: Verify) -> None:
    status, out, _ = verify(files(), key=str(THIEF.key))
    assert status == 1
    assert "damaged: checkpoint.txt: no key that is trusted signed the note" in out


def test_what_was_removed_may_be_missing_if_an_entry_says_so(verify: Verify) -> None:
    details = '{"content": "inputs", "reason": "RETENTION"}'
    evidence = pack(history(RECORD, ("EXPIRE", details)), [ATTACHED[0], ATTACHED[2]])
    status, out, _ = verify(files(evidence))
    assert status == 0, out
    assert "removed, as an entry says, so not in it: inputs" in out
    status, out, _ = verify(files(evidence, log__ndjson__gz=None))
    assert "damaged: log.ndjson.gz: it is missing" in out


def test_a_failed_generation_has_no_pdf(verify: Verify) -> None:
    record = {**RECORD, "pdf_sha256": "\\x"}
    evidence = pack(history(record), ATTACHED[1:])
    evidence = replace(evidence, now={name: text_of(name, value) for name, value in record.items()})
    assert verify(files(evidence))[0] == 0


def test_details_that_were_forgotten_are_no_damage_if_an_entry_says_so(verify: Verify) -> None:
    told = entry(
        0, "FORGET", None, lineage_id=None, version=None, forgotten_before="2026-03-05T00:00:00+00:00"
    )
    entries = [*history()]
    entries[1] = replace(entries[1], openings={})
    assert verify(files(pack(entries)))[0] == 1
    assert verify(files(pack([*entries, told])))[0] == 0


MISUSED: dict[str, dict[str, bytes]] = {
    "no manifest": files(manifest__json=None),
    "a mention that is no name": files(manifest__json=manifest(attachments={"report.pdf": 7})),
    "mentions that are a list": files(manifest__json=manifest(attachments=["report.pdf"])),
    "a mention of what must be read": files(
        manifest__json=manifest(attachments={"checkpoint.txt": "x_sha256"})
    ),
    "no mention at all": files(manifest__json=manifest(attachments=None)),
    "a file that does not belong there": files(evil=b""),
    "no checkpoint": files(checkpoint__txt=None),
    "no key beside it": files(**{"public-key__txt": None}),
    "an entry missing": {name: each for name, each in files().items() if name != "entries/0002.json"},
    "a record that is no object": files(record__json=b"[]"),
}


@pytest.mark.parametrize("what", MISUSED)
def test_what_is_no_pack_is_refused_in_one_line(what: str, verify: Verify) -> None:
    status, out, err = verify(MISUSED[what])
    assert (status, out) == (2, "")
    assert err.startswith("cannot be checked: ")
    assert err.count("\n") == 1


def test_an_attachment_is_read_under_its_own_cap(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_FILE_BYTES", 8 * 1024)
    assert verify(files())[0] == 0
    monkeypatch.setattr(archive, "LARGEST_ATTACHMENT_BYTES", 10)
    assert "unfolds to more" in verify(files())[2]


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_gzip_is_unfolded_however_it_is_cut(size: int) -> None:
    pieces = [PARTS[at : at + size] for at in range(0, len(PARTS), size)]
    found = attachments.digest("x.gz", pieces)
    assert found.whole == hashlib.sha256(PARTS).hexdigest()
    assert found.unfolded == hashlib.sha256(INPUTS).hexdigest()


@pytest.mark.parametrize(
    "content", [b"", b"plain", PARTS[:-3], PARTS + b"x"], ids=["", "plain", "cut", "more"]
)
def test_what_is_no_gzip_unfolds_to_nothing(content: bytes) -> None:
    assert attachments.digest("x.gz", [content]).unfolded is None


def test_a_bomb_is_put_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "LARGEST_UNFOLDED_BYTES", 10_000_000)
    bomb = gzip.compress(bytes(50_000_000))
    assert attachments.digest("x.gz", [bomb]).unfolded is None
