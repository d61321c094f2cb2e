"""Settings of this context's processes."""

import os

from pydantic import AliasChoices, Field, SecretStr

from services.settings import ServiceSettings


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


class MigrationSettings(ServiceSettings):
    """Settings of `migrate`."""

    report_migration_database_url: str = Field(
        validation_alias=AliasChoices("report_migration_database_url", "report_database_url"),
        description="The report database, as the role that owns its tables: `postgresql://…`.",
    )
