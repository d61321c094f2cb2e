"""Facts from the TLS handshake of the domain's secure port: the certificate and the protocol."""

import ssl
from dataclasses import dataclass

import httpcore
from cryptography import x509

from lead_service.domain import Fact, FactState, Observation, Subject
from lead_service.egress import Garbled, Refused, Unreachable
from lead_service.egress.dial import Door
from lead_service.egress.http import tls_failure
from lead_service.providers import state_of
from services.clock import Clock

ISSUER = "certificate.issuer"
SUBJECT_NAMES = "certificate.names"
NOT_BEFORE = "certificate.not_before"
NOT_AFTER = "certificate.not_after"
VALIDITY = "certificate.validity"
PROTOCOL = "protocol"
_NAMES = (ISSUER, SUBJECT_NAMES, NOT_BEFORE, NOT_AFTER, VALIDITY, PROTOCOL)


@dataclass(frozen=True)
class TlsProvider:
    """Shakes hands once as a browser would; where that fails for the certificate, again without judging it.

    So an expired or foreign certificate is reported with its dates and names, and `certificate.validity`
    says in OpenSSL's words what is wrong with it ("valid" if nothing is).
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
            validity, (protocol, certificate) = await self._shake_hands(domain)
        except (Refused, Unreachable, Garbled) as failure:
            return self.unanswered(subject, state_of(failure), str(failure))
        seen = self._observed(domain, certificate)
        facts = [seen.found(VALIDITY, [validity]), seen.found(PROTOCOL, [protocol])]
        try:
            return facts + _certificate_facts(seen, x509.load_der_x509_certificate(certificate))
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            reason = f"the certificate cannot be read: {error}"
            return facts + [
                seen.without(name, FactState.ERROR, reason)
                for name in (ISSUER, SUBJECT_NAMES, NOT_BEFORE, NOT_AFTER)
            ]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return [self._observed(subject.domain).without(name, state, reason) for name in _NAMES]

    def _observed(self, domain: str, certificate: bytes = b"") -> Observation:
        return Observation(self.name, f"https://{domain}/", "TLS", self.clock(), certificate)

    async def _shake_hands(self, domain: str) -> tuple[str, tuple[str, bytes]]:
        try:
            return "valid", await self._handshake(domain, self.trust)
        except httpcore.ConnectError as error:
            problem = _certificate_problem(error)
            if problem is None:
                raise Unreachable(tls_failure(error)) from error
        except httpcore.TimeoutException as error:
            raise Unreachable("the server did not answer in time") from error
        indifferent = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        indifferent.check_hostname = False
        indifferent.verify_mode = ssl.CERT_NONE
        try:
            return problem, await self._handshake(domain, indifferent)
        except (httpcore.ConnectError, httpcore.TimeoutException) as error:
            raise Unreachable(tls_failure(error)) from error

    async def _handshake(self, domain: str, context: ssl.SSLContext) -> tuple[str, bytes]:
        seconds = self.timeout_seconds / 2
        stream = await self.door.connect_tcp(domain, 443, seconds)
        try:
            stream = await stream.start_tls(context, server_hostname=domain, timeout=seconds)
            session: ssl.SSLObject = stream.get_extra_info("ssl_object")
            certificate = session.getpeercert(binary_form=True)
            if not certificate:
                raise Garbled("the server showed no certificate")
            return session.version() or "unknown", certificate
        finally:
            await stream.aclose()


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
    return [
        seen.found(ISSUER, [certificate.issuer.rfc4514_string()]),
        seen.found(SUBJECT_NAMES, names)
        if names
        else seen.without(SUBJECT_NAMES, FactState.NOT_FOUND, "the certificate has no alternative names"),
        seen.found(NOT_BEFORE, [certificate.not_valid_before_utc.isoformat()]),
        seen.found(NOT_AFTER, [certificate.not_valid_after_utc.isoformat()]),
    ]
