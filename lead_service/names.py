"""The names a lead is known by (e-mail address, host, what people call it): checked and normalised.

Nothing is looked up here. Whether a name exists is for enrichment to find out, and whether its
address may be dialled is for the egress door to decide.
"""

import hashlib
import re
from functools import cache
from typing import Final

from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from services.errors import InvalidArgument
from services.hosts import LONGEST, PLAIN_HOST, host_name

_PLAIN_LOCAL: Final = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
# What in a text looks like an address.
_SOME_ADDRESS: Final = re.compile(r"[\w.%'+-]+@[\w.-]+")
MAX_NAME_LENGTH: Final = 200


def email_address(text: str) -> str:
    """Return `text` as RFC 5321 and RFC 6531 have it: trimmed, composed (NFC), domain part in lower case.

    Raises:
        InvalidArgument: naming the field `email`, if no mail could ever be sent there.
    """
    if len(text) > LONGEST:
        raise InvalidArgument("email", "must be at most 254 characters long", "EMAIL_INVALID")
    local, _, domain = (address := text.strip()).rpartition("@")
    if len(local) <= 64 and len(address) <= 254 and _PLAIN_LOCAL.fullmatch(local):
        host = domain.lower()
        if len(host) <= 253 and PLAIN_HOST.fullmatch(host) and domain.isascii():
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
        found = _SOME_ADDRESS.search(text[:LONGEST])
        if found is None:
            return None
        address = found[0]
    return hashlib.sha256(address.lower().encode("utf-8", "replace")).digest()


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
