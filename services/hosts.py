"""Names of hosts on the public internet: checked and normalised, never looked up."""

import re
from typing import Final

import idna

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
LONGEST: Final = 1000
# Nearly every name and address that there is. What looks like this needs no library, which would take a
# hundred times as long to say that it stays as it is: a file of a million of them is read in minutes.
# A label with hyphens in third and fourth place may be an A-label, to be checked like any other.
PLAIN_HOST: Final = re.compile(
    r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!..--)[a-z][a-z0-9]{0,62}"
)


def host_name(text: str, *, field: str = "domain") -> str:
    """Return `text` as a DNS name in lower-case ASCII: A-labels (RFC 5891), no trailing dot.

    Raises:
        InvalidArgument: naming `field`, if it is no public host name.
    """
    if len(text) > LONGEST:
        raise _refusal(field, "must be at most 253 characters long")
    name = text.strip()
    if any(character in name for character in "/\\:@?#[]%"):
        raise _refusal(field, "must be a host name only, such as www.example.com, not a URL or an address")
    plain = name.lower()
    if len(plain) <= 253 and name.isascii() and PLAIN_HOST.fullmatch(plain):
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


def _is_number(label: str) -> bool:
    # A name that ends in a number is read as an IPv4 address by some resolvers and by every
    # browser: decimal, octal, hexadecimal and shortened (WHATWG URL, "ends in a number").
    return label.isdigit() or label.startswith("0x")


def _refusal(field: str, description: str) -> InvalidArgument:
    return InvalidArgument(field, description, "HOST_NAME_INVALID")
