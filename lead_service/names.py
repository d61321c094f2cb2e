"""The names a lead is known by (e-mail address, host, what people call it): checked and normalised.

Nothing is looked up here. Whether a name exists is for enrichment to find out, and whether its
address may be dialled is for the egress door to decide.
"""

import hashlib
import re
from functools import cache
from typing import Final

import idna
from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from services.errors import InvalidArgument

# Names that mean "this machine" or "this network" wherever they are asked (RFC 6761, RFC 6762,
# RFC 8375, ICANN's reservation of .internal, and those of RFC 6762 appendix G that are still in
# use), or that DNS never answers (.invalid, .onion, .alt). `.test` and `.example` are reserved too,
# but harmless: they stand for nobody's network, and trial installations live under them.
_RESERVED: Final = frozenset(
    [
        "alt",
        "arpa",
        "corp",
        "home",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
        "private",
    ]
)

# Longer texts are refused before anything is done with them. RFC 5321 and RFC 1035 allow 254 and 253
# characters; a name may be longer before it is mapped to ASCII, but not by this much.
_LONGEST: Final = 1000
# Nearly every name and address that there is. What looks like this needs no library, which would take a
# hundred times as long to say that it stays as it is: a file of a million of them is read in minutes.
# A label with hyphens in third and fourth place may be an A-label, to be checked like any other.
_PLAIN_HOST: Final = re.compile(
    r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!..--)[a-z][a-z0-9]{0,62}"
)
_PLAIN_LOCAL: Final = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
# What in a text looks like an address.
_SOME_ADDRESS: Final = re.compile(r"[\w.%'+-]+@[\w.-]+")
MAX_NAME_LENGTH: Final = 200


def email_address(text: str) -> str:
    """Return `text` as RFC 5321 and RFC 6531 have it: trimmed, composed (NFC), domain part in lower case.

    Raises:
        InvalidArgument: naming the field `email`, if no mail could ever be sent there.
    """
    if len(text) > _LONGEST:
        raise InvalidArgument("email", "must be at most 254 characters long", "EMAIL_INVALID")
    local, _, domain = (address := text.strip()).rpartition("@")
    if len(local) <= 64 and len(address) <= 254 and _PLAIN_LOCAL.fullmatch(local):
        host = domain.lower()
        if len(host) <= 253 and _PLAIN_HOST.fullmatch(host) and domain.isascii():
            return f"{local}@{host_name(host, field='email')}"
    try:
        found = validate_email(
            address,
            allow_smtputf8=True,
            strict=True,
            check_deliverability=False,
            # Which domains are in the way of mail is for our own rule below, which lets .test pass.
            globally_deliverable=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise InvalidArgument("email", str(error), "EMAIL_INVALID") from error
    host_name(found.ascii_domain or "", field="email")
    return found.normalized


def display_name(text: str) -> str:
    """Return what people call somebody: one line, no control characters, single spaces; may be empty.

    Raises:
        InvalidArgument: naming the field `name`.
    """
    name = " ".join(text.split())
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidArgument("name", f"must be at most {MAX_NAME_LENGTH} characters long", "NAME_INVALID")
    if not all(map(is_harmless, name)):
        raise InvalidArgument("name", "must not contain control characters", "NAME_INVALID")
    return name


def is_harmless(character: str) -> bool:
    """Tell characters that may be stored and shown from controls, surrogates and direction overrides."""
    # The two joiners are invisible, but Persian, Hindi and emoji are not the same without them.
    return character.isprintable() or character in "\u200c\u200d"


def person(text: str) -> bytes | None:
    """Return what stands for whom `text` belongs to: SHA-256 of the e-mail address in it, in lower case.

    It is no secret whose it is, but it is not for reading. None if nothing in the text looks like an address.
    """
    try:
        address = email_address(text)
    except InvalidArgument:
        found = _SOME_ADDRESS.search(text[:_LONGEST])
        if found is None:
            return None
        address = found[0]
    return hashlib.sha256(address.lower().encode("utf-8", "replace")).digest()


def host_name(text: str, *, field: str = "domain") -> str:
    """Return `text` as a DNS name in lower-case ASCII: A-labels (RFC 5891), no trailing dot.

    Raises:
        InvalidArgument: naming `field`, if it is no public host name.
    """
    if len(text) > _LONGEST:
        raise _refusal(field, "must be at most 253 characters long")
    name = text.strip()
    if any(character in name for character in "/\\:@?#[]%"):
        raise _refusal(field, "must be a host name only, such as www.example.com, not a URL or an address")
    plain = name.lower()
    if len(plain) <= 253 and name.isascii() and _PLAIN_HOST.fullmatch(plain):
        ascii_name = plain
    else:
        try:
            ascii_name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii").removesuffix(".")
        except idna.IDNAError as error:
            raise _refusal(field, f"is not a host name: {error}") from error
    labels = ascii_name.split(".")
    if len(labels) < 2:
        raise _refusal(field, "must have at least two labels, such as example.com")
    if _is_number(labels[-1]):
        raise _refusal(field, "must be a name, not an IP address")
    if labels[-1] in _RESERVED:
        raise _refusal(field, f"must be a public name; .{labels[-1]} is reserved")
    return ascii_name


def registrable_domain(name: str) -> str:
    """Return the domain that somebody registered to have `name`: `example.co.uk` of `www.example.co.uk`.

    By the Public Suffix List that comes with the installation; a public suffix is returned as it is.
    """
    return str(_suffixes().privatesuffix(name) or name)


def registered_apart(domain: str) -> str | None:
    """Return the registrable domain of a host name that is another one; None if it is the name itself."""
    registered = registrable_domain(domain)
    return None if registered == domain else registered


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _is_number(label: str) -> bool:
    # A name that ends in a number is read as an IPv4 address by some resolvers and by every
    # browser: decimal, octal, hexadecimal and shortened (WHATWG URL, "ends in a number").
    return label.isdigit() or label.startswith("0x")


def _refusal(field: str, description: str) -> InvalidArgument:
    return InvalidArgument(field, description, "HOST_NAME_INVALID")
