"""Promise: a stranger's archive gives files with plain names and honest sizes, or is refused by name."""

import stat
import struct
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as some

from report_service.rendering import archive, bundles
from services.errors import InvalidArgument
from tests.report_service.template_files import small, zipped


@pytest.mark.parametrize("bundle", bundles.shipped().values(), ids=lambda each: each.template_version_id)
def test_what_is_packed_is_unpacked_again_and_has_its_digest(bundle: bundles.Bundle) -> None:
    files = bundles.read(bundle.path)
    assert archive.unpack(archive.pack(files)) == files
    assert bundles.digest_of(archive.unpack(zipped(files))) == bundle.digest


def test_the_same_files_are_packed_into_the_same_bytes() -> None:
    files = small()
    assert archive.pack(dict(reversed(files.items()))) == archive.pack(files)


def refusal(packed: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidArgument) as refused:
        archive.unpack(packed)
    (violation,) = refused.value.violations
    return violation.field, violation.reason


@pytest.mark.parametrize(
    "name",
    [
        "../evil.css",
        "a/../../evil.css",
        "/etc/evil.css",
        "C:/evil.css",
        "..\\evil.css",
        "a\\evil.css",
        ".hidden.css",
        "a/.hidden/x.css",
        "a//b.css",
        "./a.css",
        "a/b/c/d/e.css",
        "x" * 65 + ".css",
        "ü.css",
        "a b.css",
        "\u202etxt.css",
        "new\nline.css",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    field, reason = refusal(zipped({name: b"x"}))
    assert reason == "NAME_REFUSED"
    assert field.isascii()
    assert field.isprintable()


def test_a_name_that_goes_on_after_a_nul_is_refused() -> None:
    packed = zipped({"aaaa.cssXaaa": b"x"}).replace(b"aaaa.cssXaaa", b"aaaa.css\0aaa")
    assert refusal(packed)[1] == "NAME_REFUSED"


@pytest.mark.parametrize("name", ["a.py", "a.so", "a.html", "a.js", "a"])
def test_a_type_that_a_bundle_does_not_hold_is_refused(name: str) -> None:
    assert refusal(zipped({name: b"x"})) == (name, "TYPE_REFUSED")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        member = zipfile.ZipInfo("link.css")
        member.external_attr = (kind | 0o777) << 16
        opened.writestr(member, "/etc/passwd")
    assert refusal(packed.getvalue()) == ("link.css", "LINK_REFUSED")


def test_names_that_differ_in_case_alone_are_refused() -> None:
    assert refusal(zipped({"a.css": b"x", "A.css": b"y"})) == ("A.css", "NAME_TAKEN")


def test_a_bomb_is_not_unpacked_further_than_the_limit() -> None:
    packed = zipped({"bomb.css": b"\0" * (200 * 1024 * 1024)})
    assert len(packed) < archive.FILE_BYTES
    assert refusal(packed) == ("bomb.css", "TOO_LARGE")


def test_a_size_that_lies_does_not_help() -> None:
    packed = bytearray(zipped({"bomb.css": b"\0" * 20_000_000}))
    directory = packed.rindex(b"PK\x01\x02")
    for at in (22, directory + 24):  # the size in the local header and in the directory
        struct.pack_into("<I", packed, at, 10)
    with pytest.raises(InvalidArgument) as refused:
        archive.unpack(bytes(packed))
    assert refused.value.violations[0].reason in ("TOO_LARGE", "ARCHIVE_BROKEN")


def test_all_files_together_are_limited_and_so_is_their_number() -> None:
    large = {f"{number}.css": b"\0" * archive.FILE_BYTES for number in range(6)}
    assert refusal(zipped(large)) == ("4.css", "TOO_LARGE")
    many = {f"{number}.css": b"" for number in range(archive.MAXIMUM_FILES + 1)}
    assert refusal(zipped(many)) == ("archive", "TOO_MANY_FILES")


def test_an_encrypted_or_damaged_file_is_named() -> None:
    packed = bytearray(zipped({"a.css": b"abc" * 100}))
    packed[packed.rindex(b"PK\x01\x02") + 8] |= 1
    packed[6] |= 1
    assert refusal(bytes(packed)) == ("a.css", "ARCHIVE_BROKEN")
    packed = bytearray(zipped({"a.css": b"abc" * 100}))
    packed[38] ^= 0xFF
    assert refusal(bytes(packed)) == ("a.css", "ARCHIVE_BROKEN")


@given(some.binary(max_size=300))
def test_what_is_no_archive_is_refused(noise: bytes) -> None:
    for packed in (noise, b"PK\x03\x04" + noise, zipped(small())[:-30] + noise):
        with pytest.raises(InvalidArgument):
            archive.unpack(packed)
