"""Settings of the gateway process."""

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.discovery import is_trustworthy
from services.settings import ServiceSettings


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("must be an origin, such as https://leads.example.com")
    return value.rstrip("/")


def _origins(value: str) -> tuple[str, ...]:
    return tuple(_origin(each.strip()) for each in value.split(",") if each.strip())


class GatewaySettings(ServiceSettings):
    """Where to listen, where the services are, and who may log in how."""

    gateway_host: str = Field(
        "127.0.0.1",
        description="Address that HTTP listens on. Beyond loopback, an OIDC issuer is needed.",
    )
    gateway_port: int = Field(8080, ge=0, le=65535, description="TCP port of HTTP; 0 takes any free one.")
    gateway_public_url: str = Field(
        "",
        description="Origin that browsers see, such as https://leads.example.com; empty: the address itself.",
    )
    gateway_cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = Field(
        (),
        validate_default=False,
        description="Origins of other sites, a comma between them, whose pages may call the API with a bearer"
        " token; none unless set.",
    )
    lead_service_address: str = Field("127.0.0.1:50051", description="host:port of the lead service.")
    report_service_address: str = Field("127.0.0.1:50052", description="host:port of the report service.")
    lineage_service_address: str = Field("127.0.0.1:50053", description="host:port of the lineage service.")
    login_directory: Path | None = Field(
        None,
        description="Directory of login links: files named by a token's SHA-256 that hold a bearer.",
    )
    oidc_client_id: str = Field(
        "", description="This gateway's name as a client of IDENTITY_ISSUER; empty: nobody signs in there."
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="The client's secret, in a file of that name; empty: a client without one."
    )
    oidc_scopes: str = Field("openid", description="Scopes that are asked for, with blanks between them.")
    session_key_file: Path | None = Field(
        None,
        description="File of keys that seal sessions, the same for all replicas: 32 bytes in base64 a line.",
    )
    session_seconds: float = Field(
        43200.0, gt=0, description="Seconds after which a person has to sign in again, at the latest."
    )
    maximum_body_bytes: int = Field(
        4 * 1024 * 1024, gt=0, description="Largest request body in bytes; more is refused with 413."
    )
    maximum_upload_bytes: int = Field(
        1024 * 1024 * 1024, gt=0, description="Largest uploaded file in bytes; more is refused with 413."
    )
    upload_idle_seconds: float = Field(
        30.0, gt=0, description="Seconds that a client may send nothing amid an upload."
    )
    upload_timeout_seconds: float = Field(3600.0, gt=0, description="Seconds that an upload may take.")
    requests_per_second: float = Field(
        100.0, gt=0, description="Requests a second that one subject may make for long, at each replica."
    )
    requests_at_once: int = Field(
        500, gt=0, description="Requests that one subject may make at once after a quiet time."
    )
    stall_seconds: float = Field(
        30.0, gt=0, description="Seconds that a client may take nothing of its answer before it is cut off."
    )
    concurrent_reads: int = Field(
        64, gt=0, description="Reading calls that go on at once; as many more wait."
    )
    concurrent_writes: int = Field(
        32, gt=0, description="Changing calls that go on at once; as many more wait."
    )
    concurrent_renders: int = Field(
        4, gt=0, description="Calls that lay out a PDF and go on at once; as many more wait."
    )
    concurrent_streams: int = Field(
        128, gt=0, description="Downloads, uploads and watchers that go on at once; as many more wait."
    )
    queue_seconds: float = Field(
        2.0, ge=0, description="Seconds that a call waits for its turn before it is refused with 503."
    )
    unary_timeout_seconds: float = Field(30.0, gt=0, description="Seconds that a call may take.")
    stream_timeout_seconds: float = Field(600.0, gt=0, description="Seconds that a download may take.")

    @field_validator("gateway_public_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        return value and _origin(value)

    @model_validator(mode="after")
    def _is_safe_to_reach(self) -> "GatewaySettings":
        if not self.is_loopback and not self.identity_issuer.startswith("https://"):
            raise ValueError(
                f"GATEWAY_HOST={self.gateway_host} can be reached from elsewhere: set IDENTITY_ISSUER to"
                " an OIDC issuer (https://...) first, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _is_a_whole_client(self) -> "GatewaySettings":
        if self.oidc_client_id:
            if not is_trustworthy(self.identity_issuer) or not is_trustworthy(self.gateway_public_url):
                raise ValueError(
                    "OIDC_CLIENT_ID needs IDENTITY_ISSUER and GATEWAY_PUBLIC_URL, each https or on loopback"
                )
            if self.oidc_client_id == self.identity_audience:
                raise ValueError(
                    "OIDC_CLIENT_ID must not be IDENTITY_AUDIENCE: ID tokens would pass for access tokens"
                )
            if self.session_key_file is None:
                raise ValueError("OIDC_CLIENT_ID needs SESSION_KEY_FILE, the keys that seal sessions")
        return self

    @property
    def is_loopback(self) -> bool:
        """Nobody but this machine can connect."""
        if self.gateway_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.gateway_host).is_loopback
        except ValueError:
            return False
