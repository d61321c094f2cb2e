"""What a caller should not have sent is taken out before anything sees it.

A value whose name says that it is a secret is replaced when the request is read: neither the
database nor the PDF nor the lineage ever holds it. So what is rendered is what is kept, and a report with
a redacted value is as reproducible as any other. In its place stands an HMAC (RFC 2104) of the value, by
which two reports can be seen to have been given the same secret, and which without the key says nothing.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from report_service import payload

REDACTED = "[redacted]"
DIGEST_CHARACTERS = 32
"""Half of a SHA-256: no two values of one installation will ever meet."""

# Compared with the end of a name, whose words are joined: `dbPassword`, `X-API-Key` and `set_cookie` end in
# one of these, `token_count` and `password_policy` do not.
SECRETS = tuple(
    """
    password passwd passphrase passcode secret token authorization cookie credential sessionid
    apikey accesskey secretkey privatekey signingkey encryptionkey
""".split()  # noqa: SIM905  (a list of words is read as words)
)
# Too short to be looked for at the end of a longer word: `shipping` is no PIN.
WHOLE_WORDS = {"pwd", "jwt", "pin", "otp", "cvv", "cvc", "bearer"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Tell whether a field's name says that its value is a secret."""
    words = [each.lower() for each in _WORD.findall(name)]
    while words and words[-1].isdigit():  # `token2`
        words.pop()
    if not words:
        return False
    last, joined = (text.removesuffix("s") for text in (words[-1], "".join(words)))
    return last in WHOLE_WORDS or joined.endswith(SECRETS)


class Redaction:
    """Replaces secrets, with the key of one installation."""

    def __init__(self, key: str = "") -> None:
        """Take the key; without one redacted values cannot be compared."""
        self._key = key.encode()

    def of(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return JSON data with every secret in it replaced, at any depth."""
        return {name: self._replaced(name, value) for name, value in data.items()}

    def _replaced(self, name: str, value: Any) -> Any:
        # Nothing, or a yes or no ("is there a password?"), is no secret.
        if is_secret(name) and not (isinstance(value, bool) or value in (None, "", [], {})):
            return self._stand_in(value)
        return self._within(value)

    def _within(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.of(value)
        if isinstance(value, list):
            return [self._within(each) for each in value]
        return value

    def _stand_in(self, value: Any) -> str:
        if not self._key:
            return REDACTED
        digest = hmac.new(self._key, payload.canonical(value), hashlib.sha256).hexdigest()
        return f"{REDACTED} hmac-sha256:{digest[:DIGEST_CHARACTERS]}"
