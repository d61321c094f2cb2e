"""The way of a browser: to the provider, back with a code, and out again."""

import hmac
import secrets
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlencode, urlsplit

import orjson
import structlog
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from gateway import pages
from gateway.oidc.cookies import Cookies, TooLong
from gateway.oidc.endings import Endings
from gateway.oidc.provider import Provider, Refused
from gateway.oidc.seal import Seal
from gateway.oidc.sessions import Sessions
from gateway.settings import GatewaySettings
from services.errors import ServiceError, Unavailable
from services.settings import InvalidSettings
from services.tokens import Keys, TokenVerifier

PURPOSE = "signin"
ATTEMPT_SECONDS = 600
_LONGEST_RETURN = 1024
SIGNED_IN = "signin.done"
SIGN_IN_FAILED = "signin.failed"

SIGN_INS = Counter("leadfactory_sign_ins_total", "How sign-ins at the OpenID provider ended.", ["outcome"])

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun, sealed in a cookie of the browser that began it."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    began_at: float


class SignIn:
    """The endpoints of signing in."""

    def __init__(self, settings: GatewaySettings, verifier: TokenVerifier, seal: Seal) -> None:
        """Take the settings, of which the client's are set, who checks tokens, and what seals cookies."""
        secret = settings.oidc_client_secret
        self._origin = settings.gateway_public_url
        self._scopes = settings.oidc_scopes
        self._verifier = verifier
        self._cookies = Cookies(seal, is_secure=self._origin.startswith("https://"))
        self._provider = Provider(
            settings.identity_issuer,
            Keys(settings.identity_jwks, settings.identity_issuer),
            settings.oidc_client_id,
            secret.get_secret_value() if secret else "",
            self._origin,
        )
        self.sessions = Sessions(self._provider, verifier, self._cookies, settings.session_seconds)

    @classmethod
    def from_settings(cls, settings: GatewaySettings, verifier: TokenVerifier) -> "SignIn":
        """Read the keys, too. Raises InvalidSettings if they cannot be used."""
        assert settings.session_key_file is not None, "the settings ask for it"
        try:
            return cls(settings, verifier, Seal(settings.session_key_file))
        except (OSError, ValueError) as error:
            raise InvalidSettings(f"SESSION_KEY_FILE: {error}") from None

    def bounded(self, app: ASGIApp) -> ASGIApp:
        """Return an application in which nothing goes on for a session that is over."""
        return Endings(app, self.sessions)

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        return_to = _inside(request.query_params.get("return_to", ""))
        if f"{request.url.hostname}" != urlsplit(self._origin).hostname:
            # The provider sends it back to the public name, where cookies of this one are not sent.
            return _redirect(f"{self._origin}/login?{urlencode({'return_to': return_to})}")
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            return_to=return_to,
            began_at=time.time(),
        )
        try:
            url = await self._provider.authorization_url(
                self._scopes, attempt.state, attempt.nonce, attempt.verifier
            )
        except Unavailable:
            return _unavailable()
        value = orjson.dumps(asdict(attempt))
        return _redirect(url, self._cookies.write(request, PURPOSE, value, ATTEMPT_SECONDS))

    async def finish(self, request: Request) -> Response:
        """Take the provider's answer, which is good once and in the browser that asked for it."""
        attempt = self._attempt(request)
        answer = request.query_params
        # Of a parameter that comes twice, two readers might believe one each (RFC 6749 section 3.1).
        is_plain = len(answer) == len(answer.multi_items())
        if attempt is None or not is_plain or not _same(answer.get("state", ""), attempt.state):
            return _failed("state", _not_begun())
        try:
            await self._provider.require_issuer(answer.get("iss"))
            code = answer.get("code")
            if "error" in answer or not code:
                return self._over(request, _failed(_known(answer.get("error")), _denied()))
            tokens, subject = await self._provider.exchange(code, attempt.verifier, attempt.nonce)
            session = await self.sessions.begin(tokens, subject)
            if not (await self._verifier.verify(session.access_token)).roles:
                return self._over(request, _failed("no role", _no_role(subject)))
            cookies = self.sessions.store(request, session)
        except Unavailable:
            # The code may still be good: the attempt stays, and reloading the page tries again.
            return _unavailable()
        except (Refused, ServiceError, TooLong) as refusal:
            reason = refusal.reason if isinstance(refusal, ServiceError) else str(refusal)
            return self._over(request, _failed(reason, _not_verified()))
        SIGN_INS.labels("done").inc()
        log.info(SIGNED_IN, subject=subject)
        return self._over(request, _redirect(attempt.return_to, cookies))

    async def leave(self, request: Request) -> Response:
        """End the session; the answer says where to go on to sign out at the provider, too."""
        cookies, url = await self.sessions.end(request)
        response: Response = JSONResponse({"continue_at": url}) if url else Response(status_code=204)
        return _with_cookies(response, cookies)

    def _attempt(self, request: Request) -> Attempt | None:
        plain = self._cookies.read(request, PURPOSE)
        if plain is None:
            return None
        attempt = Attempt(**orjson.loads(plain))
        return attempt if time.time() - attempt.began_at < ATTEMPT_SECONDS else None

    def _over(self, request: Request, response: Response) -> Response:
        """Have the browser forget the attempt."""
        return _with_cookies(response, self._cookies.clear(request, PURPOSE))


def _inside(path: str) -> str:
    """Return a path of this site to go to, and the console's first page for anything else."""
    is_path = path.startswith("/") and not path.startswith("//") and len(path) <= _LONGEST_RETURN
    # Browsers take a backslash for a slash, and pass over line breaks and tabs.
    is_plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if is_path and is_plain and not path.startswith(("/login", "/logout", "/api")) else "/"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _known(error: str | None) -> str:
    """Return an error code that may be logged: the address bar can say anything."""
    return error if error in ("access_denied", "login_required", "server_error") else "no code"


def _redirect(url: str, cookies: list[str] | None = None) -> Response:
    return _with_cookies(RedirectResponse(url, 303, headers={"cache-control": "no-store"}), cookies or [])


def _with_cookies(response: Response, cookies: list[str]) -> Response:
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response


def _failed(reason: str, response: Response) -> Response:
    SIGN_INS.labels("refused").inc()
    log.warning(SIGN_IN_FAILED, reason=reason)
    return response


def _unavailable() -> Response:
    SIGN_INS.labels("unavailable").inc()
    response = pages.sign_in_again(
        "Signing in is not possible right now",
        "The provider that people sign in at does not answer. Nothing is lost; try again in a moment.",
        503,
    )
    response.headers["retry-after"] = "5"
    return response


def _not_begun() -> Response:
    return pages.sign_in_again(
        "This sign-in cannot be finished",
        "It was begun in another browser, or more than ten minutes ago, or it is finished already.",
        400,
    )


def _denied() -> Response:
    return pages.sign_in_again(
        "You were not signed in", "The provider did not let you in, or you went back.", 403
    )


def _no_role(subject: str) -> Response:
    return pages.sign_in_again(
        "You have no role here",
        f"The provider knows you as {subject}, and names no role for you. An administrator can give you one.",
        403,
    )


def _not_verified() -> Response:
    return pages.sign_in_again(
        "This sign-in could not be verified",
        "The provider's answer is not one that can be relied on. If it happens again, tell an administrator.",
        403,
    )
