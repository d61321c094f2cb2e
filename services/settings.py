"""Settings that every process has: environment variables, or files of the same name.

Each is read once, in ``__main__``; everything below is handed values. A secret belongs in a file:
point ``SECRETS_DIRECTORY`` at a folder whose files carry the settings' lower-case names.
"""

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROLES = frozenset({"viewer", "operator", "auditor", "admin"})


class InvalidSettings(SystemExit):
    """A setting is missing or wrong; the process ends with one line that names it."""


class ServiceSettings(BaseSettings):
    """What a process needs to listen, to know callers and to be observed."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    grpc_host: str = Field("127.0.0.1", description="Address that gRPC listens on.")
    grpc_port: int = Field(0, ge=0, le=65535, description="TCP port of gRPC; 0 takes any free one.")
    metrics_host: str = Field("127.0.0.1", description="Address that Prometheus metrics are served on.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="TCP port of Prometheus metrics; 0 takes any free one."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="One JSON object a line, or text for a person at a terminal."
    )
    maximum_concurrent_rpcs: int = Field(
        200, gt=0, description="RPCs served at once; more are refused with RESOURCE_EXHAUSTED."
    )
    drain_seconds: float = Field(
        8.0, ge=0, description="Seconds that running calls are given to end after SIGTERM."
    )
    identity_issuer: str = Field(
        "", description="`iss` of people's tokens: the OIDC issuer; empty admits no people."
    )
    identity_audience: str = Field("leadfactory", description="`aud` that every token must carry.")
    identity_jwks: str = Field(
        "",
        description="JWK set that signs people's tokens: a file or an https URL; empty: the issuer says.",
    )
    identity_roles_claim: str = Field(
        "roles",
        description="Claim of people's tokens that lists their roles, or a path like `realm_access.roles`.",
    )
    identity_role_names: str = Field(
        "",
        description="The issuer's names for roles, such as `sales=operator,board=viewer`; empty: the same.",
    )
    workload_issuer: str = Field("", description="`iss` of processes' tokens; empty admits no processes.")
    workload_jwks: str = Field(
        "", description="JWK set that signs processes' tokens: a file, or an https URL."
    )
    workload_token_file: Path | None = Field(
        None, description="File with this process's own token; read again whenever it changes."
    )
    workload_subject_prefix: str = Field(
        "system:",
        description="What precedes a process's name in its token's `sub`, such as "
        "`system:serviceaccount:leadfactory:` in Kubernetes.",
    )

    tls_certificate_file: Path | None = Field(
        None,
        description="PEM file of this process's certificate, which turns on mutual TLS over gRPC; it names"
        " the process, and the host it is reached under. Read again whenever it changes; empty: plain text.",
    )
    tls_key_file: Path | None = Field(None, description="PEM file of that certificate's private key.")
    tls_authority_file: Path | None = Field(
        None,
        description="PEM file of the authority: whoever it has not certified is not talked to.",
    )
    health_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="TCP port where health alone is answered without TLS, for probes that can do none; "
        "empty: only where gRPC listens.",
    )

    @field_validator("identity_role_names")
    @classmethod
    def _names_roles(cls, value: str) -> str:
        for pair in value.split(",") if value else ():
            if pair.rpartition("=")[2].strip() not in ROLES:
                raise ValueError(
                    f"{pair!r} must be like sales=operator; roles are {', '.join(sorted(ROLES))}"
                )
        return value

    @model_validator(mode="after")
    def _has_all_of_tls(self) -> Self:
        files = (self.tls_certificate_file, self.tls_key_file, self.tls_authority_file)
        if any(files) and not all(files):
            raise ValueError(
                "TLS_CERTIFICATE_FILE, TLS_KEY_FILE and TLS_AUTHORITY_FILE are set together or not at all"
            )
        return self

    @property
    def role_names(self) -> dict[str, str]:
        """Our role by the issuer's name for it."""
        pairs = (each.rpartition("=") for each in self.identity_role_names.split(",") if each)
        return {name.strip(): role.strip() for name, _, role in pairs}

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment; end the process with one line a wrong setting, if there is one."""
        directory = os.environ.get("SECRETS_DIRECTORY")
        try:
            # pydantic-settings takes this argument beside the fields; its types do not say so.
            return cls(_secrets_dir=directory, **overrides)  # type: ignore[call-arg]  # fields come from the environment
        except ValidationError as error:
            lines = (f"{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
            raise InvalidSettings("\n".join(lines)) from None
