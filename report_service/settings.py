"""Settings of this context's processes."""

import os
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, FilePath, SecretStr
from pydantic_settings import NoDecode

from report_service.webhooks.signing import Vault
from services.egress import addresses, resolver
from services.egress.addresses import Network
from services.settings import ServiceSettings


def _ports(text: str) -> frozenset[int]:
    ports = frozenset(int(each) for each in text.split(",") if each.strip())
    if not all(0 < port < 65536 for port in ports):
        raise ValueError("a port is between 1 and 65535")
    return ports


def _keys(keys: SecretStr) -> SecretStr:
    Vault(keys.get_secret_value())
    return keys


class ReportSettings(ServiceSettings):
    """What serving and working have in common."""

    report_database_url: str = Field(
        description="The report database, as the application's role: `postgresql://…`."
    )
    report_database_connections: int = Field(
        10, gt=0, le=100, description="Connections to the database that this process keeps at most."
    )
    lead_service_address: str = Field(description="Where the lead service listens: `host:port`.")
    objects_url: str = Field(
        description="Where PDFs are kept: `file:///folder`, `s3://bucket/prefix`, `gs://…` or `az://…`; "
        "credentials come from the provider's own environment variables."
    )
    lineage_service_address: str = Field(description="Where the lineage service listens: `host:port`.")
    webhook_key: Annotated[SecretStr, AfterValidator(_keys)] | None = Field(
        None,
        description="Encrypts the secrets of webhooks: 32 random bytes in URL-safe base64 (a Fernet key), "
        "kept in a file. Several are separated by commas: the first encrypts, all decrypt. Without it "
        "webhooks are off.",
    )
    webhook_ports: Annotated[frozenset[int], NoDecode, BeforeValidator(_ports)] = Field(
        default=frozenset({443}),
        validate_default=False,
        description="TCP ports of public hosts that webhooks are sent to, `port,…`; over https alone.",
    )
    webhook_allowed_networks: Annotated[
        tuple[Network, ...], NoDecode, BeforeValidator(addresses.networks)
    ] = Field(
        default=(),
        validate_default=False,
        description="Networks that webhooks may be sent to although they are not public, `CIDR,…`: on any "
        "port, over plain HTTP too.",
    )
    webhook_nameservers: Annotated[
        tuple[tuple[str, int], ...], NoDecode, BeforeValidator(resolver.nameservers)
    ] = Field(
        default=(),
        validate_default=False,
        description="Nameservers to ask for webhooks, `address:port,…`; empty asks the machine's own.",
    )


class ServerSettings(ReportSettings):
    """Settings of `serve`."""

    redaction_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Keys the hash that stands for a redacted secret, so that equal ones can be told; at "
        "least 32 random characters, kept in a file. Without it redacted secrets cannot be compared.",
    )

    report_queue_limit: int = Field(
        1000, gt=0, description="Reports that may wait for a worker; more are refused for a while."
    )
    report_batch_limit: int = Field(
        1000, gt=0, le=10_000, description="Reports that one batch may hold, one for each lead."
    )
    report_batch_queue_limit: int = Field(
        10_000,
        gt=0,
        description="Reports of batches that may wait for a worker; a batch beyond is refused for a while.",
    )


class WorkerSettings(ReportSettings):
    """Settings of `work`."""

    render_workers: int = Field(
        os.cpu_count() or 1,
        gt=0,
        le=256,
        description="Render processes, each making one report at a time; the number of CPUs if unset.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*[^\s?#/])?)?$",
        max_length=200,
        description="Where people reach the console, without a slash at the end: "
        "`https://leads.example.com`. Printed at the end of each report, as a link and QR code to its "
        "lineage; if unset, the code holds the lineage id alone.",
    )
    enable_report_lineage: bool = Field(
        True,
        description="Capture the lineage of every report. While off, reports are marked DISABLED.",
    )

    webhook_ca_bundle: FilePath | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for webhooks, not the built-in ones.",
    )
    webhook_retry_hours: float = Field(
        default=24.0, gt=0, le=720, description="Hours that a webhook is tried for before it is given up."
    )
    webhook_disable_hours: float = Field(
        default=72.0,
        gt=0,
        le=2160,
        description="Hours without any message that arrived, after which an endpoint is disabled.",
    )


class MigrationSettings(ServiceSettings):
    """Settings of `migrate`."""

    report_migration_database_url: str = Field(
        validation_alias=AliasChoices("report_migration_database_url", "report_database_url"),
        description="The report database, as the role that owns its tables: `postgresql://…`.",
    )
