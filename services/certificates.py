"""Mutual TLS between processes, if it is set: who a process is on the wire, and whom it lets in.

A certificate lives for hours or days where a program issues it. The files are read again when they
change: a server looks before each handshake, a channel before each call, and neither ends a call for it.
"""

from pathlib import Path
from typing import NamedTuple

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services import telemetry
from services.settings import InvalidSettings, ServiceSettings

log = structlog.get_logger(__name__)


class Identification(NamedTuple):
    """What the files hold, in PEM."""

    certificate: bytes
    """This process's certificate, and those between it and the authority's."""
    key: bytes
    authority: bytes
    """Certificates of who certifies the processes."""

    def check(self) -> None:
        """Raise ValueError unless the key belongs to the certificate and an authority is named."""
        first, *_ = x509.load_pem_x509_certificates(self.certificate)
        key = load_pem_private_key(self.key, password=None)
        if first.public_key() != key.public_key():
            raise ValueError("the key does not belong to the certificate")
        x509.load_pem_x509_certificates(self.authority)

    def of_a_server(self) -> grpc.ServerCertificateConfiguration:
        """Return it as a server shows it."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)

    def of_a_client(self) -> grpc.ChannelCredentials:
        """Return it as a client shows it."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)


class Certificates:
    """This process's certificate, read again whenever its files change."""

    def __init__(self, certificate: Path, key: Path, authority: Path) -> None:
        """Name the files; raises OSError or ValueError if they cannot be used."""
        self._files = (certificate, key, authority)
        self._changed = self._times()
        self._current = self._read()

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Certificates | None":
        """Return those of the settings, or None without TLS; ends the process if they cannot be used."""
        files = (settings.tls_certificate_file, settings.tls_key_file, settings.tls_authority_file)
        certificate, key, authority = files
        if certificate is None or key is None or authority is None:
            return None
        try:
            return cls(certificate, key, authority)
        except (OSError, ValueError, TypeError) as error:
            raise InvalidSettings(
                f"TLS_CERTIFICATE_FILE, TLS_KEY_FILE, TLS_AUTHORITY_FILE: {error}"
            ) from None

    def current(self) -> Identification:
        """Return what the files hold now; while they cannot be used, what they held before."""
        try:
            changed = self._times()
            if changed != self._changed:
                self._current, self._changed = self._read(), changed
                log.info(telemetry.CERTIFICATE_RENEWED)
        except (OSError, ValueError, TypeError) as error:
            # One file may be written before another. Whoever looks next sees both.
            log.warning(telemetry.CERTIFICATE_UNUSABLE, reason=str(error))
        return self._current

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return what a server shows to clients, and that it wants theirs."""

        def shown() -> grpc.ServerCertificateConfiguration:
            # Made anew for each handshake, so that none is spared by a ticket from before an expiry.
            return self.current().of_a_server()

        return grpc.dynamic_ssl_server_credentials(shown(), shown, require_client_authentication=True)

    def _times(self) -> tuple[int, ...]:
        return tuple(each.stat().st_mtime_ns for each in self._files)

    def _read(self) -> Identification:
        found = Identification(*(each.read_bytes() for each in self._files))
        found.check()
        return found
