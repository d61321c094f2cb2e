"""The one door through which a process reaches strangers' hosts.

A name is resolved once; if any of its addresses is not a public one, all are refused; a checked
address is dialled, never the name again, so an answer that changes in between changes nothing. Only
configured ports are dialled. Bytes, time and decompression are capped, and no proxy, cookie or
credential of the environment is ever used.

    addresses   which addresses are public (IANA's special-purpose registries)
    resolver    DNS questions, and what can come of them
    dial        the door: from a name to a connection
    http        pages through the door, redirects through the same one
    post        messages through a door of their own, to where an admin wants them
"""


class Refused(Exception):
    """The egress rule forbids this; the message names the rule."""


class Unreachable(Exception):
    """The host gave no answer; the message says how."""


class Unresolved(Unreachable):
    """DNS gave no address for the host; no connection was tried."""


class Garbled(Exception):
    """The host answered with something that cannot be understood; the message says what."""
