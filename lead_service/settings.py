"""The lead context's settings: environment variables, one class for each process."""

from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, FilePath
from pydantic_settings import NoDecode

from services.egress import addresses, resolver
from services.egress.addresses import Network
from services.egress.dial import Ports
from services.evidence.sealing import SealingSettings, origin
from services.settings import ServiceSettings


def _ports(text: str) -> Ports:
    http, _, https = text.partition(",")
    ports = Ports(int(http), int(https))
    if not all(0 < port < 65536 for port in ports):
        raise ValueError("a port is between 1 and 65535")
    return ports


class LeadSettings(ServiceSettings):
    """What serving and working have in common."""

    lead_database_url: str = Field(
        description="The lead database, as the application's role: `postgresql://…`."
    )
    lead_database_connections: int = Field(
        10, gt=0, le=100, description="Connections to the database that this process keeps at most."
    )


class ServerSettings(LeadSettings):
    """Settings of `serve`."""

    enrichment_hourly_quota: int = Field(
        1000,
        gt=0,
        le=10_000,
        description="Look-ups that one person may ask for within an hour; admins are not bound.",
    )
    enrichment_running_quota: int = Field(
        500,
        gt=0,
        le=10_000,
        description="Look-ups that one person may have under way at once; admins are not bound.",
    )


class WorkerSettings(LeadSettings, SealingSettings):
    """Settings of `work`: how far, and for how long, enrichment may reach out."""

    enrichment_nameservers: Annotated[
        tuple[tuple[str, int], ...], NoDecode, BeforeValidator(resolver.nameservers)
    ] = Field(
        default=(),
        validate_default=False,
        description="Nameservers to ask, `address:port,…`; empty asks the machine's own.",
    )
    enrichment_allowed_networks: Annotated[
        tuple[Network, ...], NoDecode, BeforeValidator(addresses.networks)
    ] = Field(
        default=(),
        validate_default=False,
        description="Networks exempt from the rule that only public addresses are dialled, `CIDR,…`.",
    )
    enrichment_ports: Annotated[Ports, NoDecode, BeforeValidator(_ports)] = Field(
        default=Ports(),
        validate_default=False,
        description="TCP ports where http and https URLs are dialled, `http,https`; no other ever is.",
    )
    enrichment_ca_bundle: FilePath | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust instead of the built-in ones.",
    )
    enrichment_contact: str = Field(
        default="",
        max_length=200,
        pattern=r"^[!-'*-~]*$",
        description="URL or e-mail address that requests name in `User-Agent`, for owners of sites to ask who"
        " visits.",
    )
    enrichment_budget_seconds: float = Field(
        default=10.0, gt=0, le=60, description="Seconds that one lead's whole look-up may take."
    )
    enrichment_dns_seconds: float = Field(
        default=4.0, gt=0, le=30, description="Seconds that one DNS question may take, retries included."
    )
    enrichment_read_seconds: float = Field(
        default=5.0, gt=0, le=30, description="Seconds that a server may keep silent."
    )
    enrichment_body_bytes: int = Field(
        default=1024 * 1024, gt=0, description="Bytes of one page that are read; what follows is left unread."
    )
    enrichment_decoded_bytes: int = Field(
        default=4 * 1024 * 1024, gt=0, description="Bytes that one page may have once decompressed."
    )
    evidence_origin: str = origin("leadfactory.local/leads")
    enrichment_concurrency: int = Field(default=8, ge=2, le=100, description="Look-ups that run at once.")


class MigrationSettings(ServiceSettings):
    """Settings of `migrate`."""

    lead_migration_database_url: str = Field(
        validation_alias=AliasChoices("lead_migration_database_url", "lead_database_url"),
        description="The lead database, as the role that owns its tables: `postgresql://…`.",
    )
