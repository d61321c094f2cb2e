"""Promise: e-mail addresses and host names have one stored form, and what is neither is refused by field."""

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_service import names
from lead_service.names import display_name, email_address
from services import hosts
from services.errors import InvalidArgument
from services.hosts import host_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", "example.com"),
        ("  Example.COM. ", "example.com"),
        ("www.bücher.example", "www.xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.de", "xn--strae-oqa.de"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("a-b.c1.co.uk", "a-b.c1.co.uk"),
        ("docs.leadfactory.test", "docs.leadfactory.test"),
    ],
)
def test_a_host_name_is_kept_in_lower_case_ascii(text: str, expected: str) -> None:
    assert host_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "localhost",
        "intranet",
        "printer.local",
        "metadata.google.internal",
        "router.home.arpa",
        "1.0.0.127.in-addr.arpa",
        "hidden.onion",
        "x.invalid",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0x0.0x0.0x1",
        "0x7f000001",
        "1.2.3.0x4",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "[::1]",
        "::1",
        "fe80::1%eth0",
        "https://example.com",
        "example.com/path",
        "example.com:443",
        "user@example.com",
        "exa mple.com",
        "exam\x00ple.com",
        "exam\nple.com",
        "ex%61mple.com",
        "-example.com",
        "example-.com",
        "a..example.com",
        "under_score.example.com",
        "xn--a.example",
        "a" * 64 + ".com",
        ".".join(["abcdefgh"] * 40) + ".com",
        "a" * 1_000_000,
        "💩.example",
    ],
)
def test_what_is_no_public_host_name_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        host_name(text)
    assert [each.field for each in refused.value.violations] == ["domain"]


@given(st.text(max_size=80))
def test_any_text_is_either_refused_or_normal_for_good(text: str) -> None:
    try:
        name = host_name(text)
    except InvalidArgument:
        return
    assert name == host_name(name)
    assert name.isascii()
    assert name == name.lower()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Ada@Example.COM ", "Ada@example.com"),
        ("ada+audit@mail.example.com", "ada+audit@mail.example.com"),
        ("üser@bücher.example", "üser@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ada@docs.leadfactory.test", "ada@docs.leadfactory.test"),
        ("someone@gmail.com", "someone@gmail.com"),
    ],
)
def test_an_email_address_is_trimmed_and_its_domain_lower_case(text: str, expected: str) -> None:
    assert email_address(text) == expected
    assert email_address(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada@localhost",
        "ada@printer.local",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada lovelace@example.com",
        "Ada <ada@example.com>",
        "ada@exam\x00ple.com",
        "a\x00da@example.com",
        "ada@example.com\r\nBcc: all@example.com",
        "a" * 65 + "@example.com",
        "a" * 1_000_000 + "@example.com",
        "ada@example..com",
    ],
)
def test_what_is_no_email_address_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        email_address(text)
    assert [each.field for each in refused.value.violations] == ["email"]


@given(st.text(max_size=80))
def test_any_address_is_either_refused_or_normal_for_good(text: str) -> None:
    try:
        address = email_address(f"{text}@example.com")
    except InvalidArgument:
        return
    assert address == email_address(address)
    assert address.endswith("@example.com")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" Ada\u00a0 Lovelace\n", "Ada Lovelace"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_name_is_one_line_with_single_spaces(text: str, expected: str) -> None:
    assert display_name(text) == expected


@pytest.mark.parametrize("text", ["x" * 201, "a\x00b", "a\x1b[31m", "a\u202eb", "a\ud800b"])
def test_a_name_that_is_long_or_hides_something_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        display_name(text)
    assert [each.field for each in refused.value.violations] == ["name"]


_LABEL = st.text("abzAZ019-_ö", min_size=0, max_size=4) | st.sampled_from(
    ["xn--bcher-kva", "a" * 63, "b" * 64]
)
_HOST = st.lists(_LABEL | st.sampled_from(["com", "local", "0x1", "test"]), max_size=4).map(".".join)
_LOCAL = st.text("abZ09.+-_'\"() é", max_size=6) | st.sampled_from(["a" * 64, "a" * 65])


@given(_LOCAL, _HOST)
def test_plain_names_come_to_the_same_without_the_libraries(local: str, host: str) -> None:
    def outcome(check: Callable[[str], str], text: str) -> str | None:
        try:
            return check(text)
        except InvalidArgument:
            return None

    never = re.compile("(?!)")
    for check, text in ((email_address, f"{local}@{host}"), (host_name, host)):
        quick = outcome(check, text)
        with (
            patch.object(hosts, "PLAIN_HOST", never),
            patch.object(names, "PLAIN_HOST", never),
            patch.object(names, "_PLAIN_LOCAL", never),
        ):
            assert outcome(check, text) == quick
