"""Notes and keys are those of c2sp.org/signed-note, and nothing else is read as one."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.evidence import notes
from services.evidence.notes import InvalidKey, InvalidNote, Signer, VerifierKey

# From the specification, and from the documentation of Go's golang.org/x/mod/sumdb/note.
PUBLISHED = [
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
    ),
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        """If you think cryptography is the answer to your problem,
then you don't know what your problem is.
""",
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
    ),
]
SIGNER = Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
OTHER = Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(b"b" * 32))
TEXT = "hello\nworld\n"
NOTE = SIGNER.sign(TEXT)
SIGNATURE = NOTE.rpartition("\n\n")[2]


@pytest.mark.parametrize(("key", "text", "signature"), PUBLISHED)
def test_published_notes_are_read(key: str, text: str, signature: str) -> None:
    assert notes.read(f"{text}\n— {key.split('+')[0]} {signature}\n", [VerifierKey.parse(key)]) == text


@pytest.mark.parametrize(("key", "_text", "_signature"), PUBLISHED)
def test_a_key_is_written_as_it_was_read(key: str, _text: str, _signature: str) -> None:
    assert str(VerifierKey.parse(key)) == key


@given(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]) | st.just("\n")))
def test_any_text_is_read_as_it_was_signed(text: str) -> None:
    assert notes.read(SIGNER.sign(text + "\n"), [SIGNER.key]) == text + "\n"


def test_signatures_of_others_are_no_hindrance() -> None:
    both = NOTE + OTHER.sign(TEXT).rpartition("\n\n")[2]
    assert notes.read(both, [SIGNER.key]) == TEXT
    assert notes.read(both, [OTHER.key]) == TEXT


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (NOTE.replace("hello", "hullo"), "wrong"),
        (NOTE.replace("world\n\n", "world\n!\n\n"), "wrong"),
        (OTHER.sign(TEXT), "trusted"),
        (NOTE.replace("— example.com/log", "— example.com/gol"), "trusted"),
        (f"{NOTE}— example.com/log {base64.b64encode(SIGNER.key.id + bytes(64)).decode()}\n", "wrong"),
        (TEXT, "not text"),
        ("", "not text"),
        ("\n\n", "not text"),
        (NOTE.removesuffix("\n"), "not text"),
        (NOTE.replace("— ", "- "), "cannot be read"),
        (NOTE.replace("— ", "—  "), "cannot be read"),
        (f"{TEXT}\n— example.com/log\n", "cannot be read"),
        (f"{TEXT}\n— example.com/log AAAA\n", "cannot be read"),
        (f"{TEXT}\n— example.com/log A\n", "cannot be read"),
        (f"{TEXT}\n— example+com/log {'A' * 88}\n", "cannot be read"),
        (f"{TEXT}\n{SIGNATURE}\n", "not text|cannot be read|trusted"),
        (NOTE.replace("hello", "hel\tlo"), "control"),
        (NOTE.replace("hello", "hel\0lo"), "control"),
        (f"{TEXT}\n" + SIGNATURE * 65, "too many"),
        ("x" * 70_000 + NOTE, "too long"),
    ],
)
def test_what_is_no_note_of_the_key_is_refused(note: str, why: str) -> None:
    with pytest.raises(InvalidNote, match=why):
        notes.read(note, [SIGNER.key])


def test_a_note_is_believed_from_nobody_without_a_key() -> None:
    with pytest.raises(InvalidNote):
        notes.read(NOTE, [])


@pytest.mark.parametrize("text", ["no newline", "a\x07b\n", ""])
def test_what_a_note_cannot_hold_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidNote):
        SIGNER.sign(text)


@given(st.integers(0, len(NOTE) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_character_can_be_another(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed != NOTE:
        with pytest.raises(InvalidNote):
            notes.read(changed, [SIGNER.key])


GOOD = str(SIGNER.key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/log",
        "+".join(GOOD.split("+", 2)[:2]),
        GOOD.replace("log+", "log+0"),
        GOOD.replace("example.com", "example.org"),
        GOOD[:-4],
        GOOD[:-4] + "!!!!",
        GOOD.replace("+A", "+B", 1) if "+A" in GOOD else GOOD + "=",
        "a b" + GOOD,
        "ключ" + GOOD,
        "-----BEGIN PUBLIC KEY-----",
        "\0",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        VerifierKey.parse(text)


def pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )


def test_a_signer_is_read_from_a_file_that_openssl_writes(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "key").write_bytes(pem(key))
    signer = Signer.from_pem("example.com/log", tmp_path / "key")
    assert notes.read(signer.sign(TEXT), [Signer("example.com/log", key).key]) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(Ed25519PrivateKey.generate(), b"secret"),
    ],
)
def test_a_file_that_is_no_key_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(InvalidKey, match="key is no"):
        Signer.from_pem("example.com/log", tmp_path / "key")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n"])
def test_a_name_that_no_note_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InvalidKey):
        Signer(name, Ed25519PrivateKey.generate())
