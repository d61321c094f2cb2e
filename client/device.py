"""Logging in at an OIDC issuer from a terminal: the device authorization grant (RFC 8628), and renewal.

The person opens a page on any device and types a code; this machine sees no password, and listens nowhere.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from client.credentials import Login
from client.failures import Problem

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# Without `offline_access`: a login ends with the person's session at the issuer.
SCOPE = "openid"
TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 5.0
SLOWER_SECONDS = 5.0
PATIENCE_SECONDS = 1800.0


@dataclass(frozen=True)
class Request:
    """What the person has to do, and until when."""

    device_code: str
    user_code: str
    page: str
    page_with_code: str
    """The same page with the code filled in; empty if the issuer has none."""
    interval: float
    """Seconds to wait between two questions."""
    expires_in: float
    """Seconds for which the code is good."""


class Issuer:
    """One OIDC issuer, found by its discovery document (OpenID Connect Discovery 1.0)."""

    def __init__(self, issuer: str, client_id: str) -> None:
        """Name the issuer, and this program as it is registered there; nothing is asked yet."""
        parts = urlsplit(issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise Problem(f"The issuer {issuer!r} must be an https URL.")
        self._issuer, self._client_id = issuer.rstrip("/"), client_id
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        """Use the issuer for a while."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self._http.close()

    def begin(self) -> Request:
        """Ask for a code; raises Problem if the issuer offers no such grant or cannot be reached."""
        answer = self._post("device_authorization_endpoint", {"client_id": self._client_id, "scope": SCOPE})
        try:
            return Request(
                str(answer["device_code"]),
                str(answer["user_code"]),
                str(answer["verification_uri"]),
                str(answer.get("verification_uri_complete", "")),
                float(answer.get("interval", POLL_SECONDS)),
                min(float(answer["expires_in"]), PATIENCE_SECONDS),
            )
        except KeyError:
            raise self._refused(answer) from None
        except (ValueError, TypeError):
            raise Problem(f"The issuer {self._issuer} gave an answer that means nothing.") from None

    def wait(self, request: Request, sleep: Callable[[float], None] = time.sleep) -> Login:
        """Return the login once the person has agreed; raises Problem if not, or not in time."""
        interval, waited = request.interval, 0.0
        while waited < request.expires_in:
            sleep(interval)
            waited += interval
            answer = self._post("token_endpoint", {"grant_type": GRANT, "device_code": request.device_code})
            match answer.get("error"):
                case None:
                    return self._login(answer)
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval += SLOWER_SECONDS
                case "expired_token":
                    break
                case _:
                    raise self._refused(answer)
        raise Problem("Nobody entered the code in time. Run `leadfactory login` again.")

    def renew(self, refresh_token: str) -> Login:
        """Return a new login for an old one; raises Problem if the issuer grants none any more."""
        answer = self._post("token_endpoint", {"grant_type": "refresh_token", "refresh_token": refresh_token})
        if "error" in answer:
            raise self._refused(answer)
        return self._login({"refresh_token": refresh_token, **answer})

    def _login(self, answer: Mapping[str, Any]) -> Login:
        if not isinstance(answer.get("access_token"), str):
            raise Problem(f"The issuer {self._issuer} gave an answer without a token.")
        login = Login.of(answer["access_token"])
        expires_at = login.expires_at
        if expires_at is None and isinstance(answer.get("expires_in"), int | float):
            expires_at = time.time() + answer["expires_in"]
        refresh_token = str(answer.get("refresh_token") or "")
        return Login(login.token, expires_at, refresh_token, self._issuer, self._client_id)

    def _post(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        return self._json(
            self._http.post, self._endpoint(endpoint), data={"client_id": self._client_id, **form}
        )

    def _endpoint(self, name: str) -> str:
        known = self._json(self._http.get, f"{self._issuer}/.well-known/openid-configuration")
        if known.get("issuer", "").rstrip("/") != self._issuer:
            raise Problem(f"The issuer {self._issuer} calls itself by another name: {known.get('issuer')!r}.")
        url = known.get(name)
        if not isinstance(url, str) or (
            urlsplit(url).scheme != "https" and self._issuer.startswith("https:")
        ):
            raise Problem(
                f"The issuer {self._issuer} offers no login by device code ({name} is missing):"
                " give a token with --token-file."
            )
        return url

    def _json(self, send: Callable[..., httpx.Response], url: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = send(url, **arguments)
            body = answer.json()
        except httpx.HTTPError as error:
            raise Problem(f"The issuer {self._issuer} cannot be reached: {error}.") from None
        except ValueError:
            raise Problem(f"The issuer {self._issuer} answered {answer.status_code} without JSON.") from None
        if not isinstance(body, dict) or (answer.is_error and "error" not in body):
            raise Problem(f"The issuer {self._issuer} answered {answer.status_code}.")
        return body

    def _refused(self, answer: Mapping[str, Any]) -> Problem:
        why = answer.get("error_description") or answer.get("error") or "no reason given"
        return Problem(f"The issuer refused the login ({why}). Run `leadfactory login` again.")
