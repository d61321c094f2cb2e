"""Bearer tokens: signed JSON Web Tokens (RFC 7519, RFC 8725), verified by every service itself.

One issuer speaks for people, another for processes; no token of the one is believed as the other's.
"""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet

from services import discovery
from services.errors import Unauthenticated, Unavailable
from services.settings import ROLES, ServiceSettings

# What Kubernetes and OIDC issuers sign with. Both are asymmetric, and a key fits one of them only.
ALGORITHMS = ["ES256", "RS256"]
# What a token for an API may call itself (RFC 9068 section 4); Kubernetes' tokens do not say. One that was
# made for something else, such as `logout+jwt` or `dpop+jwt`, is refused though the same issuer signed it.
TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
LEEWAY_SECONDS = 60
MAXIMUM_TOKEN_BYTES = 8192
MINIMUM_REFETCH_SECONDS = 10.0
MAXIMUM_AGE_SECONDS = 300.0
KEYS_UNREADABLE = "keys.unreadable"
CACHED_TOKENS = 1024

# What reading a stranger's JSON may raise: RecursionError, for one, is for brackets in brackets.
_UNREADABLE = (ValueError, TypeError, KeyError, RecursionError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Principal:
    """Whom a token speaks for."""

    subject: str
    roles: frozenset[str]
    workload: str | None
    """Name of the process, or None for a person."""
    expires_at: float
    """Unix time in seconds."""


@dataclass(frozen=True)
class Issuer:
    """One party whose tokens are believed."""

    name: str
    keys: "Keys"
    subject_prefix: str | None
    """Set for the workload issuer: what precedes the process's name in ``sub``."""
    roles_claim: str = "roles"
    """The claim that lists a person's roles, or a path of names with dots between them."""
    role_names: Mapping[str, str] = field(default_factory=dict)
    """Our role by the issuer's name for it; empty if the names are the same."""


class Keys:
    """A JWK set (RFC 7517) from a file, a URL, or wherever the issuer says that it is.

    Read again when it is five minutes old, so that a key that was withdrawn is forgotten, and when a
    key is missing, at most every ten seconds. While it cannot be read the keys last read stay.
    """

    def __init__(self, location: str, issuer: str = "") -> None:
        """Name the file or URL, or nothing but the issuer; nothing is read yet."""
        self._location = location
        self._issuer = issuer
        self._keys: KeySet | None = None
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self, *, missing: bool = False) -> KeySet:
        """Return the keys; ``missing`` asks for a fresh reading.

        Raises Unavailable if they could never be read.
        """
        if self._keys is None or self._is_due(missing):
            async with self._lock:
                # Whoever waited for the lock finds the work done.
                if self._is_due(missing):
                    await self._refresh()
        if self._keys is None:
            raise Unavailable("The issuer's keys cannot be read now.", retry_after=5)
        return self._keys

    def _is_due(self, missing: bool) -> bool:
        age = time.monotonic() - self._tried_at
        return age > (MINIMUM_REFETCH_SECONDS if missing or self._keys is None else MAXIMUM_AGE_SECONDS)

    async def _refresh(self) -> None:
        try:
            self._keys = KeySet.import_key_set(await self._read())
        except Exception as error:
            # A missing file, an answer that is no key set, an issuer that is down: all the same to callers.
            log.warning(KEYS_UNREADABLE, reason=repr(error))
        # Not reached by a caller that was cancelled meanwhile: the next one reads.
        self._tried_at = time.monotonic()

    async def _read(self) -> Any:
        location = self._location or str((await discovery.metadata(self._issuer))["jwks_uri"])
        if "://" in location:
            return await discovery.fetch(location)
        return json.loads(await asyncio.to_thread(Path(location).read_bytes))


class TokenVerifier:
    """Says whom a token speaks for, or that it speaks for nobody."""

    def __init__(self, issuers: list[Issuer], audience: str) -> None:
        """Believe these issuers, for this audience."""
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._audience = audience
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> "TokenVerifier":
        """Believe the issuers that are configured."""
        issuers = []
        if settings.identity_issuer:
            issuers.append(
                Issuer(
                    settings.identity_issuer,
                    Keys(settings.identity_jwks, settings.identity_issuer),
                    None,
                    settings.identity_roles_claim,
                    settings.role_names,
                )
            )
        if settings.workload_issuer:
            issuers.append(
                Issuer(
                    settings.workload_issuer,
                    Keys(settings.workload_jwks),
                    settings.workload_subject_prefix,
                )
            )
        return cls(issuers, settings.identity_audience)

    async def verify(self, token: str) -> Principal:
        """Return whom the token speaks for; raises Unauthenticated with what is wrong about it.

        A verified token is remembered by its digest until it expires, since checking a signature
        costs more than the rest of a small call.
        """
        if len(token) > MAXIMUM_TOKEN_BYTES:
            raise Unauthenticated("The token is too long.", reason="TOKEN_TOO_LONG")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and known.expires_at + LEEWAY_SECONDS > time.time():
            self._verified.move_to_end(digest)
            return known
        principal = await self._verify(token)
        self._verified[digest] = principal
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _verify(self, token: str) -> Principal:
        issuer = self._issuers.get(_claimed_issuer(token))
        if issuer is None:
            raise Unauthenticated("The token's issuer is not known here.", reason="TOKEN_ISSUER_UNKNOWN")
        claims = await signed_claims(token, issuer.keys, TYPES)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer.name},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise Unauthenticated(
                f"The token is not valid: {_why(error)}. Get a new one.", reason="TOKEN_INVALID"
            ) from None
        return _principal(claims, issuer)


def _claimed_issuer(token: str) -> str:
    """Read ``iss`` without believing it, to choose the keys to check it with."""
    try:
        claims = json.loads(jws.extract_compact(token.encode("ascii")).payload)
    except (JoseError, *_UNREADABLE):
        raise Unauthenticated("The token is not a JSON Web Token.", reason="TOKEN_MALFORMED") from None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


async def signed_claims(token: str, keys: Keys, types: frozenset[str]) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed, none of them checked yet.

    Raises Unauthenticated, also for a type (``typ``) other than these, and Unavailable without keys.
    """
    for missing in (False, True):
        try:
            decoded = jwt.decode(token, await keys.current(missing=missing), algorithms=ALGORITHMS)
            break
        except (JoseError, *_UNREADABLE) as error:
            # The issuer may have changed its keys since they were read: look once more.
            failure = error
    else:
        raise Unauthenticated(
            "The token's signature is not the issuer's. Get a new one.", reason="TOKEN_SIGNATURE_INVALID"
        ) from failure
    # Whoever names something critical means what is not understood here (RFC 7515 section 4.1.11).
    if "crit" in decoded.header or str(decoded.header.get("typ", "")).lower() not in types:
        raise Unauthenticated("The token was made for something else.", reason="TOKEN_TYPE_INVALID")
    return decoded.claims


def _principal(claims: dict[str, Any], issuer: Issuer) -> Principal:
    subject, expires_at = claims["sub"], claims["exp"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 256 or not subject.isprintable():
        raise Unauthenticated("The token's subject is not usable.", reason="TOKEN_SUBJECT_INVALID")
    if issuer.subject_prefix is not None:
        name = subject.removeprefix(issuer.subject_prefix)
        if name == subject:
            raise Unauthenticated("The token names no process of ours.", reason="TOKEN_SUBJECT_INVALID")
        return Principal(f"system:{name}", frozenset(), name, expires_at)
    if subject.startswith("system:"):
        raise Unauthenticated("A person's subject cannot be a process's.", reason="TOKEN_SUBJECT_INVALID")
    named = _claim(claims, issuer.roles_claim)
    if not isinstance(named, list):
        raise Unauthenticated("The token's roles are not a list.", reason="TOKEN_ROLES_INVALID")
    texts = {each for each in named if isinstance(each, str)}
    roles = {issuer.role_names.get(each, "") for each in texts} if issuer.role_names else texts
    return Principal(subject, ROLES.intersection(roles), None, expires_at)


def _claim(claims: dict[str, Any], path: str) -> Any:
    """Return a claim by its name, which may have dots in it, or by a path; no roles if there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return [] if found is None else found


def _why(error: JoseError) -> str:
    if isinstance(error, ExpiredTokenError):
        return "it has expired"
    claim = getattr(error, "claim", "")
    return f"its {claim!r} is missing or wrong" if claim else "it is malformed"
