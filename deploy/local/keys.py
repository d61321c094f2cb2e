"""The local issuers: one for people, one for processes, each with an ES256 key made once; and logs' keys."""

import getpass
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.home import Home, write_once, write_private

AUDIENCE = "leadfactory"
ROLES = ("viewer", "operator", "auditor", "admin")
PERSON_SECONDS = 12 * 3600
WORKLOAD_SECONDS = 3600
LOGIN_SECONDS = 3600


@dataclass(frozen=True)
class Issuer:
    """Signs tokens (RFC 7519) that name it as ``iss``."""

    name: str
    key: ECKey
    key_set: Path
    """The public key as a JWK set (RFC 7517), for those who verify."""

    @classmethod
    def open(cls, home: Home, who: str) -> "Issuer":
        """Read the issuer's key, or make it if this home has none yet."""
        made = ECKey.generate_key("P-256").as_pem(private=True)
        key = ECKey.import_key(write_once(home.keys / f"{who}.pem", made))
        public = {**key.as_dict(private=False), "kid": key.thumbprint(), "alg": "ES256", "use": "sig"}
        key_set = home.keys / f"{who}.jwks.json"
        write_once(key_set, json.dumps({"keys": [public]}))
        return cls(f"urn:leadfactory:local:{who}", key, key_set)

    def sign(self, subject: str, seconds: int, **claims: object) -> str:
        """Return a token for the subject that is valid for so many seconds from now."""
        now = int(time.time())
        claims |= {"iss": self.name, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + seconds}
        header = {"alg": "ES256", "kid": self.key.thumbprint()}
        return jwt.encode(header, claims | {"jti": str(uuid4())}, self.key)


def people(home: Home) -> Issuer:
    """Return who signs for people."""
    return Issuer.open(home, "people")


def workloads(home: Home) -> Issuer:
    """Return who signs for processes."""
    return Issuer.open(home, "workloads")


def person_token(home: Home, subject: str, role: str) -> str:
    """Return a bearer token for a person, valid for twelve hours."""
    return people(home).sign(subject, PERSON_SECONDS, roles=[role])


def workload_token_file(home: Home, process: str) -> Path:
    """Return where a process finds its own token."""
    return home.tokens / f"{process}.jwt"


def log_key(home: Home, log: str) -> Path:
    """Return the file with the key that signs a log's checkpoints, made if this home has none yet."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = home.keys / f"{log}-log.pem"
    write_once(path, made.decode())
    return path


def write_workload_tokens(home: Home, processes: list[str]) -> None:
    """Give each process a token that is good for an hour; it sees the new one at its next call."""
    issuer = workloads(home)
    for process in processes:
        token = issuer.sign(f"system:{process}", WORKLOAD_SECONDS)
        write_private(workload_token_file(home, process), token)


def redaction_key(home: Home) -> str:
    """Return the key under which redacted secrets are hashed, made once."""
    return write_once(home.keys / "redaction.key", secrets.token_hex(32)).decode()


def webhook_key(home: Home) -> str:
    """Return the key under which the secrets of webhooks are encrypted, made once."""
    return write_once(home.keys / "webhook.key", Fernet.generate_key().decode()).decode()


def make_login(home: Home, role: str = "admin", subject: str | None = None) -> str:
    """Return a secret that the gateway exchanges, once and within the hour, for a session."""
    secret = secrets.token_urlsafe(32)
    name = hashlib.sha256(secret.encode()).hexdigest()
    write_private(home.logins / name, person_token(home, subject or local_user(), role))
    return secret


def forget_old_logins(home: Home) -> None:
    """Withdraw the login links that nobody used within the hour."""
    for login in home.logins.iterdir():
        if login.stat().st_mtime < time.time() - LOGIN_SECONDS:
            login.unlink(missing_ok=True)


def local_user() -> str:
    """Return the name of the person at this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return "local"
