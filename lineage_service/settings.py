"""Settings of this context's processes."""

from typing import Annotated, Self

from pydantic import AliasChoices, BeforeValidator, Field, FilePath, SecretStr, model_validator
from pydantic_settings import NoDecode

from lineage_service.domain import MIB, Keeping, Limits, Policy
from services.egress import Refused, addresses, resolver
from services.egress.addresses import Network
from services.egress.post import PORTS, Reach
from services.evidence.sealing import SealingSettings, origin
from services.settings import ServiceSettings


class LineageSettings(ServiceSettings):
    """What serving and working have in common."""

    lineage_database_url: str = Field(
        description="The lineage database, as the application's role: `postgresql://…`."
    )
    lineage_database_connections: int = Field(
        10, gt=0, le=100, description="Connections to the database that this process keeps at most."
    )
    lineage_retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which raw inputs are removed, unless their lead is held; 0 keeps them"
        " for ever.",
    )
    lineage_log_retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which pipeline logs are removed, unless their lead is held; 0 keeps them"
        " for ever.",
    )
    lineage_audit_retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which the access audit forgets what was searched for; its entries stay. 0 is"
        " never.",
    )
    lineage_retention_dry_run: bool = Field(
        False, description="Count and log what is due to be removed, and remove nothing."
    )
    lineage_storage_alarm_bytes: int = Field(
        0, ge=0, description="Bytes on disk from which the storage alarm is given; 0 is never."
    )

    @property
    def policy(self) -> Policy:
        """For how long what is kept."""
        return Policy(
            {
                Keeping.RAW_INPUTS: self.lineage_retention_days,
                Keeping.LOGS: self.lineage_log_retention_days,
                Keeping.AUDIT_DETAILS: self.lineage_audit_retention_days,
            },
            dry_run=self.lineage_retention_dry_run,
        )


class ServerSettings(LineageSettings):
    """Settings of `serve`."""

    lineage_maximum_inputs_bytes: int = Field(
        256 * MIB, gt=0, le=2**31 - 1, description="Bytes of raw inputs of one report, uncompressed."
    )
    lineage_maximum_log_bytes: int = Field(
        64 * MIB, gt=0, le=2**31 - 1, description="Bytes of one pipeline log, uncompressed."
    )
    lineage_maximum_compression_ratio: int = Field(
        200,
        gt=1,
        description="Bytes that a byte of gzip may unfold to, in members that hold more than 16 MiB.",
    )

    @property
    def limits(self) -> Limits:
        """How much one lineage may hold."""
        return Limits(
            inputs_bytes=self.lineage_maximum_inputs_bytes,
            log_bytes=self.lineage_maximum_log_bytes,
            ratio=self.lineage_maximum_compression_ratio,
        )


class WorkerSettings(LineageSettings, SealingSettings):
    """Settings of `work`."""

    evidence_origin: str = origin("leadfactory.local/lineage")

    lineage_measure_seconds: float = Field(
        60.0, gt=0, description="Seconds between two measurements of the storage that is used."
    )
    lineage_retention_seconds: float = Field(
        3600.0, gt=0, description="Seconds between two removals of what is due."
    )
    openlineage_url: str = Field(
        "",
        max_length=2000,
        description="Where each record is told as an OpenLineage RunEvent, by POST: "
        "`https://marquez.example.com/api/v1/lineage`. If empty, nobody is told.",
    )
    openlineage_api_key: SecretStr | None = Field(
        None, description="Shown to the OpenLineage receiver as a bearer token; kept in a file."
    )
    openlineage_allowed_networks: Annotated[
        tuple[Network, ...], NoDecode, BeforeValidator(addresses.networks)
    ] = Field(
        default=(),
        validate_default=False,
        description="Networks that the OpenLineage receiver may be in although not public, `CIDR,…`: on any "
        "port, over plain HTTP too.",
    )
    openlineage_nameservers: Annotated[
        tuple[tuple[str, int], ...], NoDecode, BeforeValidator(resolver.nameservers)
    ] = Field(
        default=(),
        validate_default=False,
        description="Nameservers to ask for that receiver, `address:port,…`; empty asks the machine's own.",
    )
    openlineage_ca_bundle: FilePath | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for it, not the built-in ones.",
    )

    @property
    def reach(self) -> Reach:
        """How far events may go."""
        return Reach(PORTS, self.openlineage_allowed_networks)

    @model_validator(mode="after")
    def _receiver_can_be_reached(self) -> Self:
        if self.openlineage_url:
            try:
                self.reach.target(self.openlineage_url)
            except Refused as refusal:
                raise ValueError(f"OPENLINEAGE_URL: {refusal}") from None
        return self


class MigrationSettings(ServiceSettings):
    """Settings of `migrate`."""

    lineage_migration_database_url: str = Field(
        validation_alias=AliasChoices("lineage_migration_database_url", "lineage_database_url"),
        description="The lineage database, as the role that owns its tables: `postgresql://…`.",
    )
