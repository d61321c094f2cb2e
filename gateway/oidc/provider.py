"""The OpenID provider: what it is asked, and how its answers are checked (OpenID Connect Core 1.0, RFC 9700).

Requests are a handful of forms, and tokens are checked by the same library as everywhere here; a client
library would bring a second HTTP client and sessions of its own.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError

from services import discovery
from services.errors import ServiceError, Unauthenticated, Unavailable
from services.tokens import LEEWAY_SECONDS, Keys, signed_claims

METADATA_SECONDS = 300.0
PROVIDER_UNREACHABLE = "provider.unreachable"
# Of ID tokens, which are typed by nothing else than their audience, this client.
_ID_TOKEN_TYPES = frozenset({"", "jwt"})
_ENDPOINTS = ("authorization_endpoint", "token_endpoint")

log = structlog.get_logger(__name__)


class Refused(Exception):
    """The provider says no: a code was used before, a refresh token is withdrawn, a client is not known."""


@dataclass(frozen=True)
class Tokens:
    """What the provider hands out."""

    access: str
    refresh: str
    """Empty if the provider gave none, or none anew."""
    id: str
    """Empty after a refresh that brought none."""


class Provider:
    """One OpenID provider, and this gateway as its client."""

    def __init__(self, issuer: str, keys: Keys, client_id: str, client_secret: str, origin: str) -> None:
        """Take the issuer's name and keys, the client's credentials, and where browsers see this site."""
        self.issuer = issuer
        self._keys = keys
        self._client_id = client_id
        self._client_secret = client_secret
        self._origin = origin
        self._metadata: dict[str, Any] = {}
        self._read_at = float("-inf")

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to."""
        return f"{self._origin}/login/callback"

    async def authorization_url(self, scopes: str, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser signs in. Raises Unavailable."""
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return _with(await self._endpoint("authorization_endpoint"), query)

    async def require_issuer(self, claimed: str | None) -> None:
        """Refuse an answer that another provider gave (RFC 9207). Raises Refused and Unavailable."""
        promised = (await self.metadata()).get("authorization_response_iss_parameter_supported") is True
        if claimed != self.issuer and (claimed is not None or promised):
            raise Refused("the answer is another issuer's")

    async def exchange(self, code: str, verifier: str, nonce: str) -> tuple[Tokens, str]:
        """Return the tokens behind a code, and the subject. Raises Refused, Unauthenticated, Unavailable."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        tokens = await self._tokens({**form, "code_verifier": verifier})
        claims = await self._id_claims(tokens, nonce)
        return tokens, str(claims["sub"])

    async def renew(self, refresh_token: str, subject: str) -> Tokens:
        """Return new tokens of the same person. Raises Refused, Unauthenticated and Unavailable."""
        tokens = await self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})
        if tokens.id and (await self._id_claims(tokens, None))["sub"] != subject:
            raise Refused("the new tokens are another person's")
        return tokens

    async def can_introspect(self) -> bool:
        """Tell whether the provider answers for its tokens (RFC 7662). Raises Unavailable."""
        return "introspection_endpoint" in await self.metadata()

    async def is_active(self, token: str) -> bool:
        """Ask whether a token still stands. Raises Unavailable."""
        endpoint = await self._endpoint("introspection_endpoint")
        try:
            answer = await self._post(endpoint, {"token": token, "token_type_hint": "access_token"})
        except Refused as error:
            # It is this client that it will not answer, which says nothing of the token.
            raise _unavailable(error) from None
        return answer.get("active") is True

    async def revoke(self, refresh_token: str) -> None:
        """Withdraw a refresh token, if the provider offers that (RFC 7009). Raises Refused, Unavailable."""
        if "revocation_endpoint" in await self.metadata():
            form = {"token": refresh_token, "token_type_hint": "refresh_token"}
            await self._post(await self._endpoint("revocation_endpoint"), form)

    async def end_session_url(self, id_token: str) -> str:
        """Return where a browser signs out at the provider; empty if nowhere. Raises Unavailable."""
        if "end_session_endpoint" not in await self.metadata():
            return ""
        query = {"client_id": self._client_id, "post_logout_redirect_uri": f"{self._origin}/"}
        if id_token:
            query["id_token_hint"] = id_token
        return _with(await self._endpoint("end_session_endpoint"), query)

    async def metadata(self) -> dict[str, Any]:
        """Return what the provider publishes, at most five minutes old. Raises Unavailable."""
        if time.monotonic() - self._read_at > METADATA_SECONDS:
            try:
                found = await discovery.metadata(self.issuer)
                if missing := [name for name in _ENDPOINTS if name not in found]:
                    raise ValueError(f"{missing} missing")
            except (httpx.HTTPError, ValueError) as error:
                raise _unavailable(error) from None
            self._metadata, self._read_at = found, time.monotonic()
        return self._metadata

    async def _endpoint(self, name: str) -> str:
        url = str((await self.metadata())[name])
        if not discovery.is_trustworthy(url):
            raise _unavailable(ValueError(f"{name} is not https"))
        return url

    async def _tokens(self, form: dict[str, str]) -> Tokens:
        answer = await self._post(await self._endpoint("token_endpoint"), form)
        access, refresh, id_token = (
            answer.get(name, "") for name in ("access_token", "refresh_token", "id_token")
        )
        if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(id_token, str)) or (
            not access or str(answer.get("token_type", "")).lower() != "bearer"
        ):
            raise Refused("the answer holds no bearer token")
        return Tokens(access, refresh, id_token)

    async def _id_claims(self, tokens: Tokens, nonce: str | None) -> dict[str, Any]:
        """Check an ID token (OpenID Connect Core section 3.1.3.7); a nonce of None is not looked at."""
        if not tokens.id:
            raise Unauthenticated("There is no ID token.", reason="ID_TOKEN_MISSING")
        claims = await signed_claims(tokens.id, self._keys, _ID_TOKEN_TYPES)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            claim = getattr(error, "claim", "") or "exp"
            raise Unauthenticated(f"The ID token's {claim} is wrong.", reason="ID_TOKEN_INVALID") from None
        if nonce is not None and not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise Unauthenticated("The ID token answers another request.", reason="ID_TOKEN_INVALID")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        authorized = claims.get("azp", self._client_id if len(audiences) == 1 else None)
        if authorized != self._client_id:
            raise Unauthenticated("The ID token is another client's.", reason="ID_TOKEN_INVALID")
        # Both algorithms that are accepted hash with SHA-256.
        half = urlsafe_b64encode(hashlib.sha256(tokens.access.encode()).digest()[:16]).decode().rstrip("=")
        if "at_hash" in claims and not hmac.compare_digest(str(claims["at_hash"]).encode(), half.encode()):
            raise Unauthenticated("The ID token goes with another token.", reason="ID_TOKEN_INVALID")
        return claims

    async def _post(self, url: str, form: dict[str, str]) -> dict[str, Any]:
        try:
            response = await discovery.request("POST", url, **await self._authenticated(form))
            if response.status_code >= 500 or response.status_code == 429:
                raise ValueError(f"status {response.status_code}")
            answer = response.json() if response.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise _unavailable(error) from None
        if response.status_code != 200 or not isinstance(answer, dict):
            told = answer.get("error") if isinstance(answer, dict) else None
            raise Refused(f"{told or 'an answer'} with status {response.status_code}")
        return answer

    async def _authenticated(self, form: dict[str, str]) -> dict[str, Any]:
        """Return a request that proves which client asks (RFC 6749 section 2.3.1)."""
        if not self._client_secret:
            return {"data": {**form, "client_id": self._client_id}}
        methods = (await self.metadata()).get("token_endpoint_auth_methods_supported") or []
        if methods and "client_secret_basic" not in methods:
            return {
                "data": {**form, "client_id": self._client_id, "client_secret": self._client_secret},
            }
        return {"data": form, "auth": (quote_plus(self._client_id), quote_plus(self._client_secret))}


def _with(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _unavailable(error: Exception) -> ServiceError:
    log.warning(PROVIDER_UNREACHABLE, reason=repr(error))
    return Unavailable(
        "The provider that people sign in at does not answer.", reason="PROVIDER_UNAVAILABLE", retry_after=5
    )
