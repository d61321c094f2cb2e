"""Sessions: sealed in the browser's cookie, asked after at the provider, renewed before their token expires.

A session that ended anywhere, by a logout at another replica or by an administrator, is over here within
MOST_UNASKED_SECONDS: nothing is done for one that the provider was not asked about for so long.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace

import orjson
import structlog
from starlette.requests import HTTPConnection

from gateway.auth import fault, from_service_error
from gateway.oidc.cookies import Cookies, TooLong
from gateway.oidc.provider import Provider, Refused, Tokens
from gateway.responses import add_cookies
from services.errors import ServiceError, Unavailable
from services.tokens import TokenVerifier

PURPOSE = "session"
ASK_AFTER_SECONDS = 30.0
MOST_UNASKED_SECONDS = 60.0
# A token is renewed when it has no longer than this to live, or half of its life if it is short.
RENEW_BEFORE_SECONDS = 60.0
REMEMBERED = 10_000
SESSION_ENDED = "session.ended"
SESSION_UNASKED = "session.unasked"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Session:
    """Somebody who has signed in, as it stands in the sealed cookie."""

    id: str
    subject: str
    access_token: str
    refresh_token: str
    id_token: str
    expires_at: float
    """When the access token expires, in Unix seconds; like all times here."""
    renew_at: float
    """When it is to be exchanged for a new one."""
    ends_at: float
    """When the person has to sign in again, whatever the provider says."""
    asked_at: float
    """When the provider was known to stand by it."""
    renewals: int = 0
    """How often its tokens were renewed: of two cookies of one session, the newer one has more."""


class Over(Exception):
    """A session is no more."""


class Sessions:
    """Finds out whose a request is."""

    def __init__(
        self, provider: Provider, verifier: TokenVerifier, cookies: Cookies, longest_seconds: float
    ) -> None:
        """Take who knows about sessions, who checks tokens, and how long a session lasts at most."""
        self._provider = provider
        self._verifier = verifier
        self._cookies = cookies
        self._longest_seconds = longest_seconds
        # The newest state of each session that this process has seen; whatever is forgotten is asked again.
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._over: OrderedDict[str, int] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Session]] = {}

    async def begin(self, tokens: Tokens, subject: str) -> Session:
        """Make a session of new tokens. Raises Refused, Unauthenticated and Unavailable."""
        now = time.time()
        expires_at = await self._expiry(tokens.access, subject)
        if not tokens.refresh and not await self._provider.can_introspect():
            raise Refused("it neither answers for its tokens nor gives a refresh token")
        session = Session(
            # New at each sign-in: nothing that was there before it is carried on.
            id=secrets.token_urlsafe(16),
            subject=subject,
            access_token=tokens.access,
            refresh_token=tokens.refresh,
            id_token=tokens.id,
            expires_at=expires_at,
            renew_at=_renewal(now, expires_at),
            ends_at=now + self._longest_seconds,
            asked_at=now,
        )
        return self._remember(session)

    async def bearer(self, connection: HTTPConnection) -> str | None:
        """Return the token of the request's session, or None if it has none.

        Raises Fault: 401 if the session is over, 503 if the provider cannot say.
        """
        session = await self.current(connection)
        return session.access_token if session is not None else None

    async def current(self, connection: HTTPConnection) -> Session | None:
        """Return the request's session, or None. Raises Fault as `bearer` does."""
        carried = self.carried(connection)
        if carried is None:
            return None
        try:
            session = await self._upheld(carried)
            if session.renewals > carried.renewals:
                add_cookies(connection.scope, self.store(connection, session))
        except (Over, TooLong):
            raise fault(
                "UNAUTHENTICATED",
                "SESSION_OVER",
                "This session is over. Sign in again.",
                www_authenticate='Bearer realm="leadfactory"',
            ) from None
        except ServiceError as error:
            raise from_service_error(error) from error
        return session

    def carried(self, connection: HTTPConnection) -> Session | None:
        """Return the session in the request's cookie as it was sealed, or None; nobody is asked."""
        plain = self._cookies.read(connection, PURPOSE)
        try:
            return None if plain is None else Session(**orjson.loads(plain))
        except TypeError:
            # Sealed by a version of this gateway whose sessions had other members.
            return None

    def store(self, connection: HTTPConnection, session: Session) -> list[str]:
        """Return the Set-Cookie headers that keep a session. Raises TooLong."""
        left = max(0, int(session.ends_at - time.time()))
        return self._cookies.write(connection, PURPOSE, orjson.dumps(asdict(session)), left)

    async def end(self, connection: HTTPConnection) -> tuple[list[str], str]:
        """End the request's session, here at once and at the provider.

        Returns the Set-Cookie headers that remove it, and where the browser signs out at the provider.
        """
        carried = self.carried(connection)
        url = ""
        if carried is not None:
            session = self._newest(carried)
            self._forget(session, renewals=2**31)
            try:
                url = await self._provider.end_session_url(session.id_token)
                if session.refresh_token:
                    await self._provider.revoke(session.refresh_token)
            except (ServiceError, Refused) as error:
                # It is over here all the same, and elsewhere once its token has expired.
                log.warning(SESSION_ENDED, subject=session.subject, unrevoked=str(error))
        return self._cookies.clear(connection, PURPOSE), url

    async def stands(self, connection: HTTPConnection) -> bool:
        """Tell whether what a request has begun may go on; True if it has no session.

        Nothing is renewed for that: there is no answer any more that could carry the newer cookie.
        """
        carried = self.carried(connection)
        if carried is None:
            return True
        session, now = self._newest(carried), time.time()
        if self._is_over(session, now):
            return False
        unasked = now - session.asked_at
        if unasked < ASK_AFTER_SECONDS:
            return True
        try:
            if now < session.expires_at and await self._provider.can_introspect():
                is_active = await self._provider.is_active(session.access_token)
                newest = self._newest(session)
                if not is_active and newest.renewals == session.renewals:
                    self._ended(session, "its token does not stand any more")
                    return False
                self._remember(replace(newest, asked_at=max(now, newest.asked_at)))
                return True
        except (ServiceError, Refused) as error:
            log.info(SESSION_UNASKED, subject=session.subject, reason=str(error))
        return unasked < MOST_UNASKED_SECONDS

    def _is_over(self, session: Session, now: float) -> bool:
        return now >= session.ends_at or session.renewals <= self._over.get(session.id, -1)

    async def _upheld(self, carried: Session) -> Session:
        """Return the newest state of a session that stands. Raises Over and Unavailable."""
        session = self._newest(carried)
        now = time.time()
        if self._is_over(session, now):
            raise Over
        unasked = now - session.asked_at
        if unasked < ASK_AFTER_SECONDS and (now < session.renew_at or not session.refresh_token):
            return session
        try:
            return await self._asked(session)
        except Unavailable:
            if unasked < MOST_UNASKED_SECONDS and now < session.expires_at:
                return session
            raise

    async def _asked(self, session: Session) -> Session:
        """Ask the provider once for all requests that wait; it goes on if one of them is given up.

        A refresh token that may be used once would be lost with a request that was cancelled.
        """
        asking = self._asking.get(session.id)
        if asking is None:
            asking = asyncio.create_task(self._ask(session))
            self._asking[session.id] = asking
            asking.add_done_callback(lambda done: self._asked_for(session.id, done))
        return await asyncio.shield(asking)

    def _asked_for(self, session_id: str, done: "asyncio.Task[Session]") -> None:
        self._asking.pop(session_id, None)
        if not done.cancelled():
            # Looked at even if nobody waits any more; asyncio would call it forgotten.
            done.exception()

    async def _ask(self, session: Session) -> Session:
        now = time.time()
        is_due = now >= session.renew_at and bool(session.refresh_token)
        if not is_due and await self._provider.can_introspect():
            if now >= session.expires_at or not await self._provider.is_active(session.access_token):
                raise self._ended(session, "its token does not stand any more")
            return self._remember(replace(session, asked_at=now))
        if not session.refresh_token:
            raise self._ended(session, "its token cannot be asked after")
        try:
            tokens = await self._provider.renew(session.refresh_token, session.subject)
            expires_at = await self._expiry(tokens.access, session.subject)
        except Refused as error:
            raise self._ended(session, str(error)) from None
        except Unavailable:
            raise
        except ServiceError as error:
            raise self._ended(session, error.reason) from None
        return self._remember(
            replace(
                session,
                access_token=tokens.access,
                refresh_token=tokens.refresh or session.refresh_token,
                id_token=tokens.id or session.id_token,
                expires_at=expires_at,
                renew_at=_renewal(now, expires_at),
                asked_at=now,
                renewals=session.renewals + 1,
            )
        )

    async def _expiry(self, access_token: str, subject: str) -> float:
        principal = await self._verifier.verify(access_token)
        if principal.workload is not None or principal.subject != subject:
            raise Refused("the access token is another's than the ID token")
        return principal.expires_at

    def _newest(self, carried: Session) -> Session:
        known = self._known.get(carried.id)
        if known is None or known.renewals < carried.renewals:
            # Renewed by another replica, or never seen here.
            return carried
        return known

    def _remember(self, session: Session) -> Session:
        self._known[session.id] = session
        self._known.move_to_end(session.id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return session

    def _ended(self, session: Session, why: str) -> Over:
        log.info(SESSION_ENDED, subject=session.subject, reason=why)
        self._forget(session, session.renewals)
        return Over()

    def _forget(self, session: Session, renewals: int) -> None:
        # Another replica may have renewed it in the same moment: its newer cookie is asked about anew.
        self._known.pop(session.id, None)
        self._over[session.id] = renewals
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)


def _renewal(now: float, expires_at: float) -> float:
    return expires_at - min(RENEW_BEFORE_SECONDS, (expires_at - now) / 2)
