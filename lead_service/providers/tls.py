"""Facts from the TLS handshake of the domain's secure port: the certificate and the protocol."""

import asyncio
import ssl
from dataclasses import dataclass

import httpcore
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.providers import handshakes, state_of
from lead_service.providers.handshakes import Session, accepts, indifferent, shake_hands
from services.clock import Clock
from services.egress import Garbled, Refused, Unreachable
from services.egress.dial import Door
from services.egress.http import tls_failure

ISSUER = "certificate.issuer"
SUBJECT_NAMES = "certificate.names"
NOT_BEFORE = "certificate.not_before"
NOT_AFTER = "certificate.not_after"
VALIDITY = "certificate.validity"
KEY = "certificate.key"
CHAIN = "chain"
PROTOCOL = "protocol"
VERSIONS = "versions"
APPLICATION_PROTOCOL = "alpn"
_OF_THE_CERTIFICATE = (ISSUER, SUBJECT_NAMES, NOT_BEFORE, NOT_AFTER, KEY, CHAIN)
_NAMES = (*_OF_THE_CERTIFICATE, VALIDITY, PROTOCOL, VERSIONS, APPLICATION_PROTOCOL)


@dataclass(frozen=True)
class TlsProvider:
    """Shakes hands once as a browser would; where that fails for the certificate, again without judging it.

    So an expired or foreign certificate is reported with its dates and names, and `certificate.validity`
    says in OpenSSL's words what is wrong with it ("valid" if nothing is). `chain` has a line for each
    certificate that was presented. `alpn` is "h2" where the server would speak HTTP/2. `versions` comes from
    one more handshake for each version of the protocol, and says which of them were not tested.
    """

    door: Door
    trust: ssl.SSLContext
    clock: Clock
    timeout_seconds: float
    name: str = "tls"

    async def look_up(self, subject: Subject) -> list[Fact]:
        """See Provider."""
        domain = subject.domain
        try:
            validity, session = await self._shake_hands(domain)
        except (Refused, Unreachable, Garbled) as failure:
            return self.unanswered(subject, state_of(failure), str(failure))
        seen = self._observed(domain, session.chain[0])
        facts = [
            seen.found(VALIDITY, [validity]),
            seen.found(PROTOCOL, [session.protocol]),
            await self._versions(domain, session.protocol),
            seen.found(APPLICATION_PROTOCOL, [session.application_protocol])
            if session.application_protocol
            else seen.without(
                APPLICATION_PROTOCOL, FactState.NOT_FOUND, "the server chose none of h2 and http/1.1"
            ),
        ]
        try:
            certificates = [x509.load_der_x509_certificate(each) for each in session.chain]
            chain = self._observed(domain, b"".join(session.chain)).found(CHAIN, map(_line, certificates))
            return [*facts, chain, *_certificate_facts(seen, certificates[0])]
        except (
            ValueError,
            x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType,
            UnsupportedAlgorithm,
        ) as error:
            reason = f"the certificate cannot be read: {error}"
            return facts + [seen.without(name, FactState.ERROR, reason) for name in _OF_THE_CERTIFICATE]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return [self._observed(subject.domain).without(name, state, reason) for name in _NAMES]

    def _observed(self, domain: str, certificate: bytes = b"") -> Observation:
        return Observation(self.name, f"https://{domain}/", "TLS", self.clock(), certificate)

    async def _shake_hands(self, domain: str) -> tuple[str, Session]:
        seconds = self.timeout_seconds / 3
        try:
            return "valid", await shake_hands(self.door, domain, self.trust, seconds)
        except httpcore.ConnectError as error:
            problem = _certificate_problem(error)
            if problem is None:
                raise Unreachable(tls_failure(error)) from error
        except httpcore.TimeoutException as error:
            raise Unreachable("the server did not answer in time") from error
        try:
            return problem, await shake_hands(self.door, domain, indifferent(), seconds)
        except (httpcore.ConnectError, httpcore.TimeoutException) as error:
            raise Unreachable(tls_failure(error)) from error

    async def _versions(self, domain: str, spoken: str) -> Fact:
        async def outcome(version: str) -> str:
            if version == spoken:
                return "accepted"
            return await accepts(self.door, domain, version, self.timeout_seconds / 4)

        outcomes = await asyncio.gather(*map(outcome, handshakes.VERSIONS))
        lines = map(": ".join, zip(handshakes.VERSIONS, outcomes, strict=True))
        return self._observed(domain).found(VERSIONS, lines)


def _line(certificate: x509.Certificate) -> str:
    subject, issuer = (name.rfc4514_string() for name in (certificate.subject, certificate.issuer))
    by = "itself" if subject == issuer else issuer
    return f"{subject or '(no subject)'}, issued by {by}, until {certificate.not_valid_after_utc.isoformat()}"


def _certificate_problem(error: BaseException) -> str | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return None


def _certificate_facts(seen: Observation, certificate: x509.Certificate) -> list[Fact]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = [str(name.value) for name in extension.value]
    except x509.ExtensionNotFound:
        names = []
    key = certificate.public_key()
    size = f" {key.key_size}" if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)) else ""
    return [
        seen.found(KEY, [type(key).__name__.removesuffix("PublicKey") + size]),
        seen.found(ISSUER, [certificate.issuer.rfc4514_string()]),
        seen.found(SUBJECT_NAMES, names)
        if names
        else seen.without(SUBJECT_NAMES, FactState.NOT_FOUND, "the certificate has no alternative names"),
        seen.found(NOT_BEFORE, [certificate.not_valid_before_utc.isoformat()]),
        seen.found(NOT_AFTER, [certificate.not_valid_after_utc.isoformat()]),
    ]
